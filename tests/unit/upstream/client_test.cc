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

// One message asked for by UID; `sink` takes its body when that is large.
Task<void> fetch_one(Client* client, imap::Uid uid, std::string* body,
                     std::shared_ptr<LiteralSink> sink = {}) {
  imap::FetchCommand command;
  command.uid = true;
  command.set = imap::SequenceSet::of(uid.value(), uid.value());
  command.items = {{imap::FetchKind::kUid}, imap::FetchItem::body({}, true)};
  Exchange exchange;
  exchange.side_by_side = true;
  exchange.sink = std::move(sink);
  exchange.on_response = [uid, body](imap::Response& response) {
    const auto* fetched = std::get_if<imap::FetchResponse>(&response);
    if (fetched == nullptr || fetched->uid != uid) return false;
    for (const imap::FetchedData& data : fetched->data) *body += data.bytes;
    return true;
  };
  const Result<Answer> answer = co_await client->run(std::move(command), std::move(exchange));
  EXPECT_TRUE(answer && answer->ok());
}

class Gathering final : public LiteralSink {
 public:
  explicit Gathering(imap::Uid uid) : uid_(uid) {}
  bool begin(const imap::PendingFetchData& what, std::uint64_t) override {
    return what.uid == uid_;
  }
  Task<Result<>> feed(std::string bytes) override {
    gathered += bytes;
    co_return Result<>();
  }
  std::string gathered;

 private:
  imap::Uid uid_;
};

Task<Result<>> fetch_three(net::Loop* loop, ConnectRequest request, std::string* first,
                           std::string* second, std::shared_ptr<Gathering> third) {
  CO_TRY(Connected connected, co_await connect(loop, std::move(request), {}));
  TaskGroup together(loop);
  std::string none;
  together.spawn(fetch_one(connected.client.get(), imap::Uid(1), first));
  together.spawn(fetch_one(connected.client.get(), imap::Uid(2), second));
  together.spawn(fetch_one(connected.client.get(), imap::Uid(3), &none, third));
  co_await together.close();
  co_await connected.client->close(false);
  co_return Result<>();
}

// RFC 3501 5.5; Dovecot does so when its output does not flow off at once.
TEST_F(ClientTest, KnowsWhoseAnswersAreWhenAServerRunsCommandsSideBySide) {
  serve(login() +
        "UC: $2 UID FETCH 1 *\nUC: $3 UID FETCH 2 *\nUC: $4 UID FETCH 3 *\n"
        "US: * 2 FETCH (UID 2 BODY[] \"two\")\n"
        "US: * 3 FETCH (UID 3 BODY[] {300000}\nUS! fill 300000 x\nUS: )\n"
        "US: * 1 FETCH (UID 1 BODY[] \"one\")\n"
        "US: $4 OK done\nUS: $2 OK done\nUS: $3 OK done\nUS! drain\n");
  std::string first;
  std::string second;
  const auto third = std::make_shared<Gathering>(imap::Uid(3));
  const auto fetched = run(fetch_three(loop(), request(), &first, &second, third));
  ASSERT_TRUE(fetched) << fetched.error().text();
  EXPECT_EQ(first, "one");
  EXPECT_EQ(second, "two");
  EXPECT_EQ(third->gathered, std::string(300'000, 'x'));
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
