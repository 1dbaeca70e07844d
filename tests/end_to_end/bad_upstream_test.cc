// Upstream shows a certificate that must not be trusted, or turns into something that is no IMAP
// server: what is cached is served all the while, the status says why, and it goes on afterwards.
#include <gmock/gmock.h>

#include <sstream>

#include "tests/end_to_end/proxy_fixture.h"
#include "tests/support/certificate.h"
#include "tests/support/scripted_server.h"

namespace support {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class BadUpstreamTest : public ProxyFixture {
 protected:
  /// The last error of the account, once it is away for one that holds `part`.
  std::string error_becomes(std::string_view part) {
    std::string last;
    EXPECT_TRUE(eventually(
        [&] {
          const auto status = proxy_->status();
          if (!status || status->state == "online") return false;
          last = status->last_error;
          return last.find(part) != std::string::npos;
        },
        60s))
        << last << "\n"
        << proxy_->log();
    return last;
  }

  // A server whose certificate says what `certificate` does, behind TLS from the first byte.
  void start_tls_server(CertificateOptions certificate, WaystationOptions* secured) {
    ASSERT_NO_FATAL_FAILURE(
        start_server(ServerKind::kDovecot, {.tls = true, .certificate = std::move(certificate)}));
    link_->set_server_port(server_->tls_port());
    *secured = options();
    secured->upstream_tls = "implicit";
    secured->upstream_ca_file = server_->ca_file();
  }
  void expect_no_login() const {
    // The harness itself looked in without TLS.
    std::istringstream lines(server_->log());
    for (std::string line; std::getline(lines, line);) {
      EXPECT_FALSE(line.find("Login: user=") != std::string::npos &&
                   line.find(", TLS") != std::string::npos)
          << "nothing is told to a stranger: " << line;
    }
  }
};

TEST_F(BadUpstreamTest, AnExpiredCertificateIsRefusedWithItsDate) {
  WaystationOptions secured;
  ASSERT_NO_FATAL_FAILURE(start_tls_server({.valid_from = -48h, .valid_until = -24h}, &secured));
  ASSERT_NO_FATAL_FAILURE(start_proxy(secured));
  EXPECT_THAT(error_becomes("certificate"), HasSubstr("expired"));
  expect_no_login();
}

TEST_F(BadUpstreamTest, ACertificateOfAnotherHostIsRefusedWithItsName) {
  WaystationOptions secured;
  ASSERT_NO_FATAL_FAILURE(start_tls_server({.host = "mail.example.net"}, &secured));
  ASSERT_NO_FATAL_FAILURE(start_proxy(secured));
  EXPECT_THAT(error_becomes("certificate"), HasSubstr("mail.example.net"));
  expect_no_login();
}

TEST_F(BadUpstreamTest, AnUnknownAuthorityIsRefusedWithTheFingerprintToPinWhichThenWorks) {
  WaystationOptions secured;
  ASSERT_NO_FATAL_FAILURE(start_tls_server({}, &secured));
  ASSERT_NO_FATAL_FAILURE(fill_server());
  secured.upstream_ca_file.clear();
  ASSERT_NO_FATAL_FAILURE(start_proxy(secured));
  const std::string told = error_becomes("certificate");
  constexpr std::string_view kBefore = "SHA-256 fingerprint ";
  const std::size_t at = told.find(kBefore);
  ASSERT_NE(at, std::string::npos) << told;
  const std::string fingerprint = told.substr(at + kBefore.size(), 32 * 3 - 1);
  secured.extra_upstream = R"("certificate_fingerprint": ")" + fingerprint + "\"";
  ASSERT_NO_FATAL_FAILURE(start_proxy(secured));
  EXPECT_TRUE(proxy_->wait_until_complete()) << fingerprint << "\n" << proxy_->log();
}

TEST_F(BadUpstreamTest, AnotherCertificateThanThePinnedOneIsRefused) {
  WaystationOptions secured;
  ASSERT_NO_FATAL_FAILURE(start_tls_server({}, &secured));
  secured.extra_upstream = R"("certificate_fingerprint": ")" + std::string(64, 'a') + "\"";
  ASSERT_NO_FATAL_FAILURE(start_proxy(secured));
  EXPECT_THAT(error_becomes("certificate"), HasSubstr("fingerprint"));
  expect_no_login();
}

TEST_F(BadUpstreamTest, AWrongPasswordIsTriedSlowly) {
  ASSERT_NO_FATAL_FAILURE(start_server(ServerKind::kDovecot));
  WaystationOptions wrong = options();
  wrong.upstream_password = "not it";
  ASSERT_NO_FATAL_FAILURE(start_proxy(wrong));
  EXPECT_TRUE(eventually([&] {
    const auto status = proxy_->status();
    return status && status->state == "refused" && !status->last_error.empty();
  })) << proxy_->log();
  // Reconnects come after 100 ms to 1 s in these tests; logins must not. A client that asks for
  // something makes no difference.
  const auto client = local();
  ASSERT_TRUE(client);
  for (int i = 0; i < 40; ++i) {
    const auto reply = client->command("STATUS INBOX (MESSAGES)");
    ASSERT_TRUE(reply) << reply.error().text();
    EXPECT_EQ(reply->code(), "UNAVAILABLE") << reply->str();
    short_pause();
  }
  EXPECT_LE(link_->counters().connections, 2U);
  EXPECT_THAT(proxy_->log(), Not(HasSubstr("not it")));
}

struct Misbehaviour {
  const char* name;
  const char* script;  // what each connection meets
};
constexpr const char* kLogin =
    "US: * OK [CAPABILITY IMAP4rev1] ready\n"
    "UC: $1 LOGIN *\n"
    "US: $1 OK [CAPABILITY IMAP4rev1] in\n"
    "UC: $2 *\n";

class MisbehavingUpstreamTest : public BadUpstreamTest,
                                public testing::WithParamInterface<Misbehaviour> {};

TEST_P(MisbehavingUpstreamTest, CostsNeitherTheCacheNorTheWrites) {
  ASSERT_NO_FATAL_FAILURE(start_server(ServerKind::kDovecot));
  ASSERT_NO_FATAL_FAILURE(fill_server());
  WaystationOptions impatient = options();
  impatient.extra_upstream = R"("response_timeout": "2s", "connect_timeout": "2s")";
  ASSERT_NO_FATAL_FAILURE(start_proxy(impatient));
  ASSERT_TRUE(proxy_->wait_until_complete()) << proxy_->log();
  const auto memory_before = proxy_->memory_bytes();
  ASSERT_TRUE(memory_before);

  const auto script = parse_upstream_script(GetParam().script);
  ASSERT_TRUE(script) << script.error().text();
  const auto stranger = ScriptedServer::start(std::vector<Script>(500, script->front()));
  ASSERT_TRUE(stranger) << stranger.error().text();
  link_->set_server_port((*stranger)->port());
  link_->drop_all();
  ASSERT_TRUE(eventually([&] { return (*stranger)->connections() >= 3; }, 60s)) << proxy_->log();
  EXPECT_FALSE(error_becomes("").empty()) << "the status says what is wrong";

  const auto client = local();
  ASSERT_TRUE(client);
  const auto seen = read_mailbox(client.get(), "INBOX", true);
  ASSERT_TRUE(seen) << seen.error().text();
  EXPECT_EQ(seen->size(), 5U);
  expect_ok(client.get(), "STORE 1 +FLAGS (\\Flagged)");
  const auto memory = proxy_->memory_bytes();
  ASSERT_TRUE(memory) << "it runs";
  EXPECT_LT(*memory, *memory_before + (std::uint64_t{64} << 20));

  link_->set_server_port(server_->port());
  link_->drop_all();
  ASSERT_TRUE(proxy_->wait_until_sent()) << proxy_->log();
  expect_convergence();
  EXPECT_TRUE(mailbox_becomes(upstream().get(), "INBOX",
                              [](const auto& now) { return has_flag(now[0], "\\Flagged"); }));
}

const std::string kHalfALiteral =
    std::string(kLogin) + "US- * 1 FETCH (UID 1 BODY[] {1000}\\r\\nabc\nUS! close\n";
const std::string kFourGigabytes = std::string(kLogin) +
                                   "US- * 1 FETCH (UID 1 BODY[] {4294967295}\\r\\n\n"
                                   "US! fill 300000000 x\nUS! close\n";
const std::string kGarbageAfterLogin =
    std::string(kLogin) +
    "US- \\x00\\xff\\x13(((\\r\\n{9\\r\\n* * *\\r\\n)\\x80\\r\\n\nUS! drain\n";

INSTANTIATE_TEST_SUITE_P(
    All, MisbehavingUpstreamTest,
    testing::Values(Misbehaviour{"AnswersGarbage",
                                 "US- \\x16\\x03\\xff\\x00\\r\\n((({12\\r\\n\nUS! drain\n"},
                    Misbehaviour{"AnswersGarbageAfterTheLogin", kGarbageAfterLogin.c_str()},
                    Misbehaviour{"CutsALiteralInTheMiddle", kHalfALiteral.c_str()},
                    Misbehaviour{"SendsALiteralOfFourGigabytes", kFourGigabytes.c_str()},
                    Misbehaviour{"SaysNothing", "US! drain\n"},
                    Misbehaviour{"SaysNothingAfterTheLogin",
                                 "US: * OK [CAPABILITY IMAP4rev1] ready\nUC: $1 LOGIN *\n"
                                 "US: $1 OK [CAPABILITY IMAP4rev1] in\nUS! drain\n"},
                    Misbehaviour{"ClosesAtOnce", "US! close\n"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace support
