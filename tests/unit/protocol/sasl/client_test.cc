#include "protocol/sasl/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/protocol/sasl/scram_peer.h"

namespace sasl {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;
using testing::Not;

std::unique_ptr<ClientExchange> client_of(Mechanism mechanism, std::string user = "tim",
                                          std::string secret = "tanstaaftanstaaf") {
  auto client = ClientExchange::start(
      mechanism, {.user = std::move(user), .secret = Secret(std::move(secret))});
  EXPECT_TRUE(client);
  return std::move(*client);
}

TEST(PlainClientTest, Rfc4616Section4) {
  const auto client = client_of(Mechanism::kPlain);
  EXPECT_TRUE(client->has_initial_response());
  EXPECT_EQ(*client->step(""), "\0tim\0tanstaaftanstaaf"s);
  EXPECT_TRUE(client->finish());

  auto other = ClientExchange::start(
      Mechanism::kPlain, {.user = "Kurt", .secret = Secret("xipj3plmq"), .authorize_as = "Ursel"});
  EXPECT_EQ(*(*other)->step(""), "Ursel\0Kurt\0xipj3plmq"s);
}

TEST(PlainClientTest, SendsWhatWasGivenUnchanged) {
  const std::string secret = "p\xc3\xa4ss,w=rd \xff";
  EXPECT_EQ(*client_of(Mechanism::kPlain, "m\xc3\xa9", secret)->step(""),
            "\0m\xc3\xa9\0"s + secret);
}

TEST(PlainClientTest, NoChallengeIsExpected) {
  const auto client = client_of(Mechanism::kPlain);
  EXPECT_FALSE(client->finish()) << "before the exchange";
  ASSERT_TRUE(client->step(""));
  EXPECT_EQ(client->step("").error().code(), Errc::kProtocol);
  EXPECT_FALSE(client->finish());
  EXPECT_EQ(client_of(Mechanism::kPlain)->step("tell me").error().code(), Errc::kProtocol);
}

TEST(LoginClientTest, AnswersTwoQuestions) {
  const auto client = client_of(Mechanism::kLogin);
  EXPECT_FALSE(client->has_initial_response());
  EXPECT_EQ(*client->step("User Name\0"s), "tim");
  EXPECT_FALSE(client->finish());
  EXPECT_EQ(*client->step("Password:"), "tanstaaftanstaaf");
  EXPECT_TRUE(client->finish());
  EXPECT_EQ(client->step("More?").error().code(), Errc::kProtocol);
}

TEST(ClientExchangeTest, UnusableIdentitiesAreRefused) {
  const auto start = [](Mechanism mechanism, std::string user, std::string secret,
                        std::string authorize_as = "") {
    const auto client = ClientExchange::start(mechanism, {.user = std::move(user),
                                                          .secret = Secret(std::move(secret)),
                                                          .authorize_as = std::move(authorize_as)});
    if (client) return std::string("fine");
    EXPECT_EQ(client.error().code(), Errc::kInvalid);
    EXPECT_THAT(client.error().text(), Not(HasSubstr("hunter2")));
    return std::string("refused");
  };
  EXPECT_EQ(start(Mechanism::kPlain, "u", "hunter2"), "fine");
  EXPECT_EQ(start(Mechanism::kPlain, "", "hunter2"), "refused");
  EXPECT_EQ(start(Mechanism::kPlain, "u", ""), "refused");
  EXPECT_EQ(start(Mechanism::kPlain, "u\0v"s, "hunter2"), "refused");
  EXPECT_EQ(start(Mechanism::kPlain, "u", "hunter2\0"s), "refused");
  EXPECT_EQ(start(Mechanism::kPlain, "u", std::string(100'000, 'x')), "refused");
  EXPECT_EQ(start(Mechanism::kLogin, "u", "hunter2", "v"), "refused");
  EXPECT_EQ(start(Mechanism::kXoauth2, "u", "hunter2", "v"), "refused");
  EXPECT_EQ(start(Mechanism::kXoauth2, "u", "hunter2\x01"), "refused");
  EXPECT_EQ(start(Mechanism::kOauthbearer, "u\x01", "hunter2"), "refused");
  EXPECT_EQ(start(Mechanism::kOauthbearer, "u", "hunter2 and more"), "refused");
}

// Plays a SCRAM server for one client.
class ScramServer {
 public:
  ScramServer(const EVP_MD* hash, std::string password, int iterations = 4096)
      : iterations_(iterations), peer_(hash, password, "0123456789abcdef", iterations) {}

  std::string first(std::string_view client_first) {
    bare_ = client_first.substr(client_first.find("n=", 2));
    first_ = "r=" + part_of(bare_, 'r') + "%server,s=" + base64_encode("0123456789abcdef") +
             ",i=" + std::to_string(iterations_);
    return first_;
  }
  std::string final(std::string_view client_final) {
    const std::string without_proof(client_final.substr(0, client_final.rfind(",p=")));
    const std::string message = bare_ + "," + first_ + "," + without_proof;
    is_right_ = part_of(client_final, 'p') == peer_.proof(message);
    return "v=" + peer_.signature(message);
  }
  bool is_right() const { return is_right_; }

 private:
  int iterations_;
  ScramPeer peer_;
  std::string bare_;
  std::string first_;
  bool is_right_ = false;
};

class ScramClientTest : public testing::TestWithParam<Mechanism> {
 protected:
  static const EVP_MD* hash() {
    return GetParam() == Mechanism::kScramSha1 ? EVP_sha1() : EVP_sha256();
  }
};

TEST_P(ScramClientTest, ProvesThePasswordAndChecksTheServer) {
  const auto client = client_of(GetParam(), "us,er=", "pencil");
  ScramServer server(hash(), "pencil");
  const std::string first = *client->step("");
  EXPECT_TRUE(first.starts_with("n,,n=us=2Cer=3D,r=")) << first;
  const auto proof = client->step(server.first(first));
  ASSERT_TRUE(proof) << proof.error().text();
  EXPECT_EQ(part_of(*proof, 'c'), "biws");
  const std::string signature = server.final(*proof);
  EXPECT_TRUE(server.is_right());
  EXPECT_FALSE(client->finish()) << "the server has proved nothing yet";
  EXPECT_EQ(*client->step(signature), "");
  EXPECT_TRUE(client->finish());
}

TEST_P(ScramClientTest, PasswordsArePrepared) {
  // RFC 4013 3: soft hyphens vanish, and the ordinal indicator becomes "a".
  const auto client = client_of(GetParam(), "user", "I\xc2\xadX\xc2\xaa");
  ScramServer server(hash(), "IXa");
  server.final(*client->step(server.first(*client->step(""))));
  EXPECT_TRUE(server.is_right());
}

TEST_P(ScramClientTest, EveryNonceIsNew) {
  EXPECT_NE(*client_of(GetParam())->step(""), *client_of(GetParam())->step(""));
}

TEST_P(ScramClientTest, AServerThatDoesNotKnowThePasswordIsRefused) {
  const auto client = client_of(GetParam(), "user", "pencil");
  ScramServer server(hash(), "guessed");
  const std::string signature = server.final(*client->step(server.first(*client->step(""))));
  EXPECT_FALSE(server.is_right());
  const auto accepted = client->step(signature);
  ASSERT_FALSE(accepted);
  EXPECT_EQ(accepted.error().code(), Errc::kPermission);
  EXPECT_FALSE(client->finish());
  EXPECT_FALSE(client->step("")) << "it stays failed";
}

TEST_P(ScramClientTest, SuccessWithoutASignatureIsRefused) {
  const auto client = client_of(GetParam(), "user", "pencil");
  ScramServer server(hash(), "pencil");
  ASSERT_TRUE(client->step(server.first(*client->step(""))));
  EXPECT_EQ(client->finish().error().code(), Errc::kPermission);
}

TEST_P(ScramClientTest, TheServersRefusalIsKept) {
  const auto client = client_of(GetParam(), "user", "pencil");
  ScramServer server(hash(), "pencil");
  ASSERT_TRUE(client->step(server.first(*client->step(""))));
  const auto refused = client->step("e=invalid-proof\r\n");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kPermission);
  EXPECT_EQ(client->refusal(), "invalid-proof??");
}

TEST_P(ScramClientTest, GarbageIsRefused) {
  const std::string salt = base64_encode("0123456789abcdef");
  const std::string kChallenges[] = {
      "",
      "x",
      "r=,s=,i=",
      "r=NONCE",
      "r=NONCEx,s=" + salt,
      "r=other,s=" + salt + ",i=4096",  // not our nonce
      "r=,s=" + salt + ",i=4096",
      "r=NONCEx,s=!!!,i=4096",
      "r=NONCEx,s=,i=4096",
      "r=NONCEx,s=" + salt + ",i=0",
      "r=NONCEx,s=" + salt + ",i=1",  // gives the password away
      "r=NONCEx,s=" + salt + ",i=-4096",
      "r=NONCEx,s=" + salt + ",i=1000001",  // takes too long
      "r=NONCEx,s=" + salt + ",i=4294967295",
      "r=NONCEx,s=" + salt + ",i=99999999999999999999",
      "r=NONCEx,s=" + salt + ",i=4096x",
      "m=ext,r=NONCEx,s=" + salt + ",i=4096",  // RFC 5802 5.1: an extension that we must know
      "r=NONCE\0x,s="s + salt + ",i=4096",
      "s=" + salt + ",r=NONCEx,i=4096",
      "r=NONCEx,s=" + salt + ",i=4096" + std::string(100'000, 'x'),
      std::string(1'000'000, ','),
  };
  for (std::string challenge : kChallenges) {
    const auto client = client_of(GetParam(), "user", "pencil");
    const std::string nonce = part_of(client->step("")->substr(3), 'r');
    if (const std::size_t at = challenge.find("NONCE"); at != std::string::npos) {
      challenge.replace(at, 5, nonce);
    }
    const auto answer = client->step(challenge);
    ASSERT_FALSE(answer) << challenge.substr(0, 80);
    EXPECT_EQ(answer.error().code(), Errc::kProtocol) << challenge.substr(0, 80);
    EXPECT_FALSE(client->finish());
  }
}

INSTANTIATE_TEST_SUITE_P(Hashes, ScramClientTest,
                         testing::Values(Mechanism::kScramSha1, Mechanism::kScramSha256),
                         [](const auto& info) {
                           return info.param == Mechanism::kScramSha1 ? "Sha1" : "Sha256";
                         });

constexpr const char* kToken = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

TEST(OauthbearerClientTest, Rfc7628Section4) {
  auto client = ClientExchange::start(Mechanism::kOauthbearer, {.user = "user@example.com",
                                                                .secret = Secret(kToken),
                                                                .host = "server.example.com",
                                                                .port = 143});
  ASSERT_TRUE(client);
  EXPECT_EQ(*(*client)->step(""),
            "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
            "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01");
  EXPECT_TRUE((*client)->finish());
}

TEST(OauthbearerClientTest, NamesAreEscaped) {
  EXPECT_TRUE(client_of(Mechanism::kOauthbearer, "a,b=c", kToken)
                  ->step("")
                  ->starts_with("n,a=a=2Cb=3Dc,\x01"
                                "auth=Bearer "));
}

TEST(OauthbearerClientTest, ARefusalIsAnsweredAndKept) {
  const auto client = client_of(Mechanism::kOauthbearer, "u", kToken);
  ASSERT_TRUE(client->step(""));
  EXPECT_EQ(*client->step(R"({"status":"invalid_token"})"), "\x01");
  EXPECT_EQ(client->refusal(), R"({"status":"invalid_token"})");
  EXPECT_EQ(client->finish().error().code(), Errc::kPermission);
  EXPECT_EQ(client->step("").error().code(), Errc::kProtocol);
}

TEST(OauthbearerClientTest, ALongRefusalIsShortened) {
  const auto client = client_of(Mechanism::kOauthbearer, "u", kToken);
  ASSERT_TRUE(client->step(""));
  ASSERT_TRUE(client->step(std::string(10'000, '\n')));
  EXPECT_LT(client->refusal().size(), 400U);
  EXPECT_THAT(client->refusal(), Not(HasSubstr("\n")));
}

TEST(Xoauth2ClientTest, IsOneMessage) {
  const auto client = client_of(Mechanism::kXoauth2, "someuser@example.com", "ya29.vF9dft4qmTc2");
  EXPECT_EQ(*client->step(""),
            "user=someuser@example.com\x01"
            "auth=Bearer ya29.vF9dft4qmTc2\x01\x01");
  EXPECT_TRUE(client->finish());
  EXPECT_EQ(*client->step(R"({"status":"401"})"), "") << "an empty answer to the error";
  EXPECT_FALSE(client->finish());
  EXPECT_EQ(client_of(Mechanism::kXoauth2)->step("x").error().code(), Errc::kProtocol);
}

}  // namespace
}  // namespace sasl
