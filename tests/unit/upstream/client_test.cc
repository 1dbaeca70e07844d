// Client and connect() against servers that misbehave.
#include "upstream/client.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/loop_fixture.h"
#include "tests/support/scripted_server.h"
#include "upstream/connect.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
using support::ScriptedServer;

class ClientTest : public testing::Test, protected LoopFixture {
 protected:
  void serve(std::string_view transcript, std::vector<support::Rule> rules = {}) {
    auto scripts = support::parse_upstream_script(transcript);
    ASSERT_TRUE(scripts) << scripts.error().text();
    auto server = ScriptedServer::start(std::move(*scripts), std::move(rules));
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
  }

  ConnectRequest request() const {
    ConnectRequest request;
    request.settings.host = "127.0.0.1";
    request.settings.port = server_->port();
    request.settings.tls = config::Tls::kNone;
    request.settings.user = "alice";
    request.settings.password.kind = config::SecretSource::Kind::kPlain;
    request.settings.password.plain = Secret("secret");
    request.settings.response_timeout = 300ms;
    return request;
  }

  // Connects, runs NOOP, and says how that went.
  static Task<Result<Answer>> noop(net::Loop* loop, ConnectRequest request) {
    CO_TRY(Connected connected, co_await connect(loop, std::move(request), {}));
    Result<Answer> answer = co_await connected.client->run(imap::NoopCommand{});
    co_await connected.client->close(false);
    co_return answer;
  }
  Result<Answer> noop() { return run(noop(loop(), request())); }

  static std::string login() {
    return "US: * OK [CAPABILITY IMAP4rev1] ready\n"
           "UC: $1 LOGIN *\n"
           "US: $1 OK [CAPABILITY IMAP4rev1 IDLE] in\n";
  }

  std::unique_ptr<ScriptedServer> server_;
};

TEST_F(ClientTest, LogsInAndRuns) {
  serve(login() + "UC: $2 NOOP\nUS: $2 OK done\nUS! drain\n");
  const auto answer = noop();
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_TRUE(answer->ok());
}

TEST_F(ClientTest, IsTurnedAwayByABye) {
  serve("US: * BYE too many connections\nUS! close\n");
  const auto answer = noop();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kUnavailable);
}

TEST_F(ClientTest, TellsThatThePasswordIsWrong) {
  serve(
      "US: * OK [CAPABILITY IMAP4rev1] ready\n"
      "UC: $1 LOGIN *\n"
      "US: $1 NO [AUTHENTICATIONFAILED] no\nUS! drain\n");
  const auto answer = noop();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kPermission);
  EXPECT_EQ(answer.error().text().find("secret"), std::string::npos);
}

TEST_F(ClientTest, AuthenticatesWithSasl) {
  serve(
      "US: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN LOGINDISABLED] ready\n"
      "UC: $1 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\n"
      "US: $1 OK [CAPABILITY IMAP4rev1 IDLE] in\n"
      "UC: $2 NOOP\nUS: $2 OK done\nUS! drain\n");
  EXPECT_TRUE(noop());
}

TEST_F(ClientTest, DoesNotLogInWhenStarttlsIsRefused) {
  serve(
      "US: * OK [CAPABILITY IMAP4rev1 STARTTLS] ready\nUC: $1 STARTTLS\nUS: $1 NO no\nUS! drain\n");
  ConnectRequest wanted = request();
  wanted.settings.tls = config::Tls::kStarttls;
  const auto answer = run(noop(loop(), std::move(wanted)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kPermission);
  for (const std::string& line : server_->received()) {
    EXPECT_EQ(line.find("LOGIN"), std::string::npos);
  }
}

TEST_F(ClientTest, DoesNotTrustAPreauthBeforeStarttls) {
  serve("US: * PREAUTH in already\nUS! drain\n");
  ConnectRequest wanted = request();
  wanted.settings.tls = config::Tls::kStarttls;
  const auto answer = run(noop(loop(), std::move(wanted)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kPermission);
}

TEST_F(ClientTest, PassesOverGarbage) {
  serve(login() +
        "UC: $2 NOOP\n"
        "US: Server Unavailable. 15\nUS: * 99 NONSENSE ((\nUS- \\0\\xff\\r\\n\n"
        "US: $2 OK done\nUS! drain\n");
  const auto answer = noop();
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_TRUE(answer->ok());
}

TEST_F(ClientTest, FailsAtOnceWhenCutInALiteral) {
  serve(login() + "UC: $2 NOOP\nUS: * 1 FETCH (UID 1 BODY[] {100}\nUS- half\nUS! close\n");
  EXPECT_FALSE(noop());
}

TEST_F(ClientTest, IsNotHurtByALiteralOfFourGigabytes) {
  serve(login() +
        "UC: $2 NOOP\nUS: * 1 FETCH (UID 1 BODY[] {4294967295}\nUS! fill 1000000 x\nUS! close\n");
  EXPECT_FALSE(noop());
}

TEST_F(ClientTest, GivesUpASilentServer) {
  serve(login() + "UC: $2 NOOP\nUS! drain\n");
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = noop();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST_F(ClientTest, TellsTheByeInTheMiddle) {
  serve(login() + "UC: $2 NOOP\nUS: * BYE going down\nUS! close\n");
  const auto answer = noop();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), Errc::kClosed);
  EXPECT_NE(answer.error().text().find("going down"), std::string::npos);
}

Task<void> stop_later(net::Loop* loop, std::stop_source* source) {
  (void)co_await sleep_for(loop, 50ms);
  source->request_stop();
}
Task<Result<>> connect_and_stop(net::Loop* loop, ConnectRequest request) {
  std::stop_source source;
  TaskGroup group(loop);
  group.spawn(stop_later(loop, &source));
  Result<Connected> connected = co_await connect(loop, std::move(request), source.get_token());
  co_await group.close();
  if (!connected) co_return fail(connected.error());
  co_await connected->client->close(false);
  co_return Result<>();
}

TEST_F(ClientTest, StopsInTheMiddleOfALogin) {
  serve("US: * OK [CAPABILITY IMAP4rev1] ready\nUC: $1 LOGIN *\nUS! drain\n");
  ConnectRequest wanted = request();
  wanted.settings.response_timeout = 30s;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(run(connect_and_stop(loop(), std::move(wanted))));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
}

}  // namespace
}  // namespace upstream
