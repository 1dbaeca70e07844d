#include "protocol/sasl/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/sasl/client.h"
#include "tests/unit/protocol/sasl/scram_peer.h"

namespace sasl {
namespace {

using namespace std::string_literals;

std::shared_ptr<const UserTable> users() {
  static const std::shared_ptr<const UserTable> table = [] {
    auto made = std::make_shared<UserTable>();
    EXPECT_TRUE(made->add("me", Secret("pencil")));
    EXPECT_TRUE(made->add("other", Secret("brush")));
    return made;
  }();
  return table;
}

std::unique_ptr<ServerExchange> server_of(Mechanism mechanism) {
  auto server = ServerExchange::start(mechanism, users());
  EXPECT_TRUE(server);
  return std::move(*server);
}

// The only text that a wrong login may have.
void expect_wrong(const Result<ServerExchange::Answer>& answer, const ServerExchange& server) {
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kPermission);
  EXPECT_EQ(answer.error().text(), "wrong name or password");
  EXPECT_EQ(server.user(), "");
}

TEST(ServerExchangeTest, OffersThreeMechanisms) {
  for (const Mechanism mechanism :
       {Mechanism::kScramSha1, Mechanism::kOauthbearer, Mechanism::kXoauth2}) {
    EXPECT_EQ(ServerExchange::start(mechanism, users()).error().code(), Errc::kNotFound);
  }
}

TEST(PlainServerTest, TakesTheRightPassword) {
  const auto server = server_of(Mechanism::kPlain);
  const auto answer = server->step("\0me\0pencil"s);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->done);
  EXPECT_EQ(answer->challenge, "");
  EXPECT_EQ(server->user(), "me");
}

TEST(PlainServerTest, AsksFirstWithoutAnInitialResponse) {
  const auto server = server_of(Mechanism::kPlain);
  const auto question = server->step("");
  ASSERT_TRUE(question);
  EXPECT_FALSE(question->done);
  EXPECT_EQ(question->challenge, "");
  EXPECT_TRUE(server->step("\0me\0pencil"s)->done);
}

TEST(PlainServerTest, MayNameOneselfButNobodyElse) {
  EXPECT_TRUE(server_of(Mechanism::kPlain)->step("me\0me\0pencil"s)->done);
  const auto server = server_of(Mechanism::kPlain);
  expect_wrong(server->step("other\0me\0pencil"s), *server);
}

TEST(PlainServerTest, WhateverIsWrongTheAnswerIsTheSame) {
  for (const std::string& response :
       {"\0me\0wrong"s, "\0nobody\0pencil"s, "\0me\0"s, "\0\0"s, "\0ME\0pencil"s, "\0me\0pencil "s,
        "\0me\0\xff\xfe"s, "\0\xff\0pencil"s, "\0me\0brush"s}) {
    const auto server = server_of(Mechanism::kPlain);
    expect_wrong(server->step(response), *server);
    EXPECT_FALSE(server->step("\0me\0pencil"s)) << "there is no second try";
    EXPECT_EQ(server->user(), "");
  }
}

TEST(PlainServerTest, PasswordsArePrepared) {
  EXPECT_TRUE(server_of(Mechanism::kPlain)
                  ->step("\0me\0pen\xc2\xad"
                         "cil"s)
                  ->done);
}

TEST(PlainServerTest, GarbageIsRefused) {
  for (const std::string& response : {"x"s, "\0"s, "\0me"s, "\0me\0pencil\0"s, "\0me\0pen\0cil"s,
                                      std::string(1'000'000, '\0'), std::string(1'000'000, 'x')}) {
    const auto server = server_of(Mechanism::kPlain);
    EXPECT_FALSE(server->step(response));
    EXPECT_EQ(server->user(), "");
  }
}

TEST(PlainServerTest, SayingNothingForEverEnds) {
  const auto server = server_of(Mechanism::kPlain);
  int steps = 0;
  while (server->step("")) ASSERT_LT(++steps, 10);
  EXPECT_FALSE(server->step("\0me\0pencil"s));
}

TEST(LoginServerTest, AsksForNameAndPassword) {
  const auto server = server_of(Mechanism::kLogin);
  EXPECT_EQ(server->step("")->challenge, "User Name");
  EXPECT_EQ(server->step("me")->challenge, "Password");
  EXPECT_TRUE(server->step("pencil")->done);
  EXPECT_EQ(server->user(), "me");
}

TEST(LoginServerTest, TheNameMayComeWithTheCommand) {
  const auto server = server_of(Mechanism::kLogin);
  EXPECT_EQ(server->step("me")->challenge, "Password");
  EXPECT_TRUE(server->step("pencil")->done);
}

TEST(LoginServerTest, WhateverIsWrongTheAnswerIsTheSame) {
  for (const auto& [name, password] : {std::pair("me", "wrong"), {"nobody", "pencil"}}) {
    const auto server = server_of(Mechanism::kLogin);
    ASSERT_TRUE(server->step(""));
    ASSERT_TRUE(server->step(name));
    expect_wrong(server->step(password), *server);
  }
  const auto server = server_of(Mechanism::kLogin);
  ASSERT_TRUE(server->step(""));
  EXPECT_FALSE(server->step("me\0x"s));
}

TEST(ScramServerTest, TakesOurOwnClient) {
  const auto server = server_of(Mechanism::kScramSha256);
  auto client =
      ClientExchange::start(Mechanism::kScramSha256, {.user = "me", .secret = Secret("pencil")});
  EXPECT_EQ(server->step("")->challenge, "") << "the client speaks first";
  const auto first = server->step(*(*client)->step(""));
  ASSERT_TRUE(first);
  const auto signature = server->step(*(*client)->step(first->challenge));
  ASSERT_TRUE(signature) << signature.error().text();
  EXPECT_FALSE(signature->done) << "the client has to see it first";
  const auto end = server->step(*(*client)->step(signature->challenge));
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->done);
  EXPECT_EQ(end->challenge, "");
  EXPECT_TRUE((*client)->finish());
  EXPECT_EQ(server->user(), "me");
  EXPECT_FALSE(server->step(""));
}

// Plays a SCRAM client with any password, and returns the server's last answer.
struct Played {
  std::string salt;
  std::string iterations;
  Result<ServerExchange::Answer> answer = ServerExchange::Answer{};
  std::string signature;  // what the right server would send
};
Played play(ServerExchange* server, const std::string& user, const std::string& password,
            const std::string& header = "n,,") {
  Played played;
  const std::string bare = "n=" + user + ",r=abcdefgh";
  const auto first = server->step(header + bare);
  if (!first) {
    played.answer = first;
    return played;
  }
  played.salt = part_of(first->challenge, 's');
  played.iterations = part_of(first->challenge, 'i');
  const ScramPeer peer(EVP_sha256(), password, *base64_decode(played.salt),
                       std::stoi(played.iterations));
  const std::string final = "c=" + base64_encode(header) + ",r=" + part_of(first->challenge, 'r');
  const std::string message = bare + "," + first->challenge + "," + final;
  played.answer = server->step(final + ",p=" + peer.proof(message));
  played.signature = "v=" + peer.signature(message);
  return played;
}

TEST(ScramServerTest, TakesAnIndependentClient) {
  for (const char* header : {"n,,", "y,,", "n,a=me,"}) {
    const auto server = server_of(Mechanism::kScramSha256);
    const Played played = play(server.get(), "me", "pencil", header);
    ASSERT_TRUE(played.answer) << header << played.answer.error().text();
    EXPECT_EQ(played.answer->challenge, played.signature);
    EXPECT_TRUE(server->step("")->done);
    EXPECT_EQ(server->user(), "me");
  }
}

TEST(ScramServerTest, UnknownUsersLookLikeWrongPasswords) {
  const auto known = server_of(Mechanism::kScramSha256);
  const Played wrong = play(known.get(), "me", "wrong");
  expect_wrong(wrong.answer, *known);
  const auto unknown = server_of(Mechanism::kScramSha256);
  const Played nobody = play(unknown.get(), "nobody", "pencil");
  expect_wrong(nobody.answer, *unknown);
  EXPECT_EQ(nobody.iterations, wrong.iterations);
  EXPECT_EQ(nobody.salt.size(), wrong.salt.size());
  const auto again = server_of(Mechanism::kScramSha256);
  EXPECT_EQ(play(again.get(), "nobody", "x").salt, nobody.salt) << "a real salt stays the same";
  const auto somebody = server_of(Mechanism::kScramSha256);
  EXPECT_NE(play(somebody.get(), "somebody", "x").salt, nobody.salt);
}

TEST(ScramServerTest, NobodyActsAsSomebodyElse) {
  const auto server = server_of(Mechanism::kScramSha256);
  expect_wrong(play(server.get(), "me", "pencil", "n,a=other,").answer, *server);
}

TEST(ScramServerTest, ChannelBindingThatWasNotOfferedIsRefused) {
  const auto server = server_of(Mechanism::kScramSha256);
  EXPECT_EQ(play(server.get(), "me", "pencil", "p=tls-unique,,").answer.error().code(),
            Errc::kProtocol);
}

TEST(ScramServerTest, GarbageIsRefused) {
  for (const std::string& response :
       {"x"s, "n,,"s, "n,,n=me"s, "n,,r=abc"s, "n,,n=,r=abc"s, "n,,m=x,n=me,r=abc"s,
        "n,,n=me,r=abc\0"s, "q,,n=me,r=abc"s, std::string(1'000'000, 'n'),
        "n,,n="s + std::string(1'000'000, 'x') + ",r=abc"s}) {
    const auto server = server_of(Mechanism::kScramSha256);
    EXPECT_FALSE(server->step(response)) << response.substr(0, 40);
  }
  for (const std::string& response :
       {"x"s, "c=biws"s, "c=biws,r=abcdefgh,p=AAAA"s, "c=biws,r=NONCE"s, "c=biws,r=NONCE,p="s,
        "c=biws,r=NONCE,p=AAAA"s, "c=biws,r=NONCE,p=!!!!"s, "c=eSws,r=NONCE,p=AAAA"s}) {
    const auto server = server_of(Mechanism::kScramSha256);
    const std::string nonce = part_of(server->step("n,,n=me,r=abcdefgh")->challenge, 'r');
    std::string text = response;
    if (const std::size_t at = text.find("NONCE"); at != text.npos) text.replace(at, 5, nonce);
    EXPECT_FALSE(server->step(text)) << response;
    EXPECT_EQ(server->user(), "");
  }
}

TEST(ScramServerTest, TheChannelBindingFlagCannotBeChangedOnTheWay) {
  // A proof over "n,," does not fit when the first message said "y,,".
  const auto server = server_of(Mechanism::kScramSha256);
  const auto first = server->step("y,,n=me,r=abcdefgh");
  const ScramPeer peer(EVP_sha256(), "pencil", *base64_decode(part_of(first->challenge, 's')),
                       4096);
  const std::string final = "c=biws,r=" + part_of(first->challenge, 'r');
  const std::string message = "n=me,r=abcdefgh," + first->challenge + "," + final;
  EXPECT_FALSE(server->step(final + ",p=" + peer.proof(message)));
}

}  // namespace
}  // namespace sasl
