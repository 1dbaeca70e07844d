#include "protocol/sasl/user_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/sasl/server.h"
#include "tests/unit/protocol/sasl/scram_peer.h"

namespace sasl {
namespace {

using namespace std::string_literals;

TEST(ScramVerifierTest, GoesThereAndBack) {
  const auto made = make_verifier(Secret("pencil"));
  ASSERT_TRUE(made);
  const std::string text = made->encode();
  EXPECT_TRUE(text.starts_with("SCRAM-SHA-256$4096:")) << text;
  const auto read = ScramVerifier::decode(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->encode(), text);
  EXPECT_NE(make_verifier(Secret("pencil"))->encode(), text) << "every salt is new";
  const ScramPeer peer(EVP_sha256(), "pencil", made->salt, 4096);
  EXPECT_EQ(made->stored_key, peer.stored_key());
  EXPECT_EQ(made->server_key, peer.server_key());
}

TEST(ScramVerifierTest, TakesOneOfPostgresql) {
  // From the documentation's form; the keys are those of RFC 7677's example.
  const ScramPeer peer(EVP_sha256(), "pencil", *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
  UserTable table;
  ASSERT_TRUE(table.add(
      "user", Secret("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" +
                     base64_encode(peer.stored_key()) + ":" + base64_encode(peer.server_key()))));
  EXPECT_EQ(*table.check("user", "pencil"), "user");
  EXPECT_FALSE(table.check("user", "pen"));
}

TEST(ScramVerifierTest, GarbageIsRefused) {
  const std::string key = base64_encode(std::string(32, 'k'));
  const std::string fine = "SCRAM-SHA-256$4096:c2FsdA==$" + key + ":" + key;
  ASSERT_TRUE(ScramVerifier::decode(fine));
  for (const std::string& text :
       {""s, "SCRAM-SHA-256$"s, "SCRAM-SHA-1$4096:c2FsdA==$" + key + ":" + key,
        "SCRAM-SHA-256$0:c2FsdA==$" + key + ":" + key,
        "SCRAM-SHA-256$-1:c2FsdA==$" + key + ":" + key,
        "SCRAM-SHA-256$4096x:c2FsdA==$" + key + ":" + key,
        "SCRAM-SHA-256$2000000:c2FsdA==$" + key + ":" + key,
        "SCRAM-SHA-256$4096:$" + key + ":" + key, "SCRAM-SHA-256$4096:!$" + key + ":" + key,
        "SCRAM-SHA-256$4096:c2FsdA==$" + key, "SCRAM-SHA-256$4096:c2FsdA==$" + key + ":",
        "SCRAM-SHA-256$4096:c2FsdA==$c2FsdA==:" + key, fine + "x", fine + ":" + key}) {
    const auto read = ScramVerifier::decode(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), Errc::kInvalid);
  }
  EXPECT_FALSE(make_verifier(Secret("")));
  EXPECT_FALSE(make_verifier(Secret("a\0b"s)));
  EXPECT_FALSE(make_verifier(Secret("\a")));
  EXPECT_FALSE(make_verifier(Secret("pencil"), 0));
}

TEST(UserTableTest, ChecksPasswords) {
  UserTable table;
  ASSERT_TRUE(table.add("me", Secret("pencil")));
  ASSERT_TRUE(table.add("J\xc3\xbcrgen", Secret("I\xc2\xadX")));
  EXPECT_EQ(table.size(), 2U);
  EXPECT_FALSE(table.is_slow());
  EXPECT_EQ(*table.check("me", "pencil"), "me");
  EXPECT_EQ(*table.check("J\xc3\xbcrgen", "IX"), "J\xc3\xbcrgen");
  // The same name, with a combining mark: SASLprep makes them equal.
  EXPECT_EQ(*table.check("Ju\xcc\x88rgen", "IX"), "J\xc3\xbcrgen");
  for (const auto& [name, password] : {std::pair("me"s, ""s),
                                       {"me"s, "pencil\0"s},
                                       {"me\0"s, "pencil"s},
                                       {"me"s, "Pencil"s},
                                       {""s, ""s},
                                       {""s, "pencil"s},
                                       {"you"s, "pencil"s},
                                       {"me"s, "\x01"s},
                                       {"me"s, "\xff"s},
                                       {"me"s, std::string(100'000, 'x')}}) {
    const auto checked = table.check(name, password);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().code(), Errc::kPermission);
    EXPECT_EQ(checked.error().text(), "wrong name or password");
  }
}

TEST(UserTableTest, AnEmptyTableLetsNobodyIn) {
  const UserTable table;
  EXPECT_FALSE(table.check("", ""));
  EXPECT_FALSE(table.check("me", "pencil"));
  EXPECT_FALSE(table.user_named("me"));
}

TEST(UserTableTest, RefusesWhatCannotBeUsed) {
  UserTable table;
  ASSERT_TRUE(table.add("me", Secret("pencil")));
  EXPECT_EQ(table.add("me", Secret("x")).error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(table.add("", Secret("x")).error().code(), Errc::kInvalid);
  EXPECT_EQ(table.add("you", Secret("")).error().code(), Errc::kInvalid);
  EXPECT_EQ(table.add("you", Secret("SCRAM-SHA-256$hunter2")).error().code(), Errc::kInvalid);
  EXPECT_THAT(table.add("you", Secret("SCRAM-SHA-256$hunter2")).error().text(),
              testing::Not(testing::HasSubstr("hunter2")));
  EXPECT_EQ(table.size(), 1U);
}

TEST(UserTableTest, VerifiersAndPasswordsLiveTogether) {
  UserTable table;
  ASSERT_TRUE(table.add("plain", Secret("pencil")));
  ASSERT_TRUE(table.add("hashed", Secret(make_verifier(Secret("brush"), 5000)->encode())));
  EXPECT_TRUE(table.is_slow());
  EXPECT_EQ(*table.check("plain", "pencil"), "plain");
  EXPECT_EQ(*table.check("hashed", "brush"), "hashed");
  EXPECT_FALSE(table.check("plain", "brush"));
  EXPECT_FALSE(table.check("hashed", "pencil"));
  EXPECT_FALSE(table.check("nobody", "pencil"));
  EXPECT_EQ(table.verifier_for("nobody").iterations, 5000U) << "as the hashed ones have";
}

TEST(UserTableTest, ADecoyLooksTheSameEachTime) {
  UserTable table;
  ASSERT_TRUE(table.add("me", Secret("pencil")));
  EXPECT_EQ(table.verifier_for("you").salt, table.verifier_for("you").salt);
  EXPECT_NE(table.verifier_for("you").salt, table.verifier_for("she").salt);
  EXPECT_EQ(table.verifier_for("you").salt.size(), table.verifier_for("me").salt.size());
  EXPECT_NE(UserTable().verifier_for("you").salt, table.verifier_for("you").salt);
}

}  // namespace
}  // namespace sasl
