// What a session does that no transcript can show: a client that does not read.
#include "proxy/imap/session.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/proxy/imap/backend.h"

namespace proxy {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMessageBytes = std::size_t{3} << 20;
constexpr std::size_t kMessages = 4;

Task<Result<>> read_until(net::Connection* client, std::string_view wanted) {
  for (;;) {
    const std::string_view bytes = client->buffered();
    if (const std::size_t at = bytes.find(wanted); at != std::string_view::npos) {
      client->consume(at + wanted.size());
      co_return Result<>();
    }
    // Keep what may be the beginning of it.
    client->consume(bytes.size() - std::min(bytes.size(), wanted.size() - 1));
    CO_TRY_VOID(co_await client->fill(30s));
  }
}

// Logs in, appends some large messages, selects them.
Task<Result<>> prepare(net::Connection* client) {
  CO_TRY_VOID(co_await read_until(client, "Logged in\r\n"));
  for (std::size_t i = 0; i < kMessages; ++i) {
    client->write(fmt::format("a APPEND INBOX {{{}+}}\r\n", kMessageBytes));
    client->write("Subject: large\r\n\r\n" + std::string(kMessageBytes - 18, 'x'));
    client->write("\r\n");
    CO_TRY_VOID(co_await read_until(client, "APPEND completed\r\n"));
  }
  client->write("b SELECT INBOX\r\n");
  co_return co_await read_until(client, "SELECT completed\r\n");
}

class SessionTest : public testing::Test {
 protected:
  SessionTest() { backend_.limits().max_output_bytes = std::size_t{128} << 10; }
  Backend backend_;
};

TEST_F(SessionTest, AClientThatDoesNotReadIsBoundedAndThenLeft) {
  backend_.limits().write_timeout = 300ms;
  net::Connection client = backend_.connect(Entry::kLoggedIn);
  const auto conversation = [](Backend* backend, net::Connection* peer) -> Task<Result<>> {
    CO_TRY_VOID(co_await prepare(peer));
    peer->write(fmt::format("c FETCH 1:{} BODY.PEEK[]\r\n", kMessages));
    std::size_t most = 0;
    while (backend->sessions() > 0) {
      most = std::max(most, backend->unread_bytes());
      CO_TRY_VOID(co_await sleep_for(backend->loop(), 1ms));
    }
    EXPECT_GT(most, 0U);
    // One piece may be on top of the limit; twelve megabytes were asked for.
    EXPECT_LT(most, std::size_t{1} << 20);
    co_return Result<>();
  };
  const Result<> done = backend_.fixture().run(conversation(&backend_, &client));
  EXPECT_TRUE(done.has_value()) << done.error().text();
}

TEST_F(SessionTest, AClientThatReadsSlowlyGetsEverything) {
  net::Connection client = backend_.connect(Entry::kLoggedIn);
  const auto conversation = [](Backend* backend, net::Connection* peer) -> Task<Result<>> {
    CO_TRY_VOID(co_await prepare(peer));
    peer->write(fmt::format("c FETCH 1:{} BODY.PEEK[]\r\n", kMessages));
    std::size_t got = 0;
    while (got < kMessages * kMessageBytes) {
      CO_TRY_VOID(co_await peer->fill(30s));
      got += peer->buffered().size();
      peer->consume(peer->buffered().size());
      EXPECT_LT(backend->unread_bytes(), std::size_t{1} << 20);
    }
    peer->write("d LOGOUT\r\n");
    co_return co_await read_until(peer, "d OK LOGOUT completed\r\n");
  };
  const Result<> done = backend_.fixture().run(conversation(&backend_, &client));
  EXPECT_TRUE(done.has_value()) << done.error().text();
}

TEST_F(SessionTest, AClientThatVanishesDuringAFetchMarksNothingAsRead) {
  net::Connection client = backend_.connect(Entry::kLoggedIn);
  const auto conversation = [](Backend* backend, net::Connection* peer) -> Task<Result<>> {
    CO_TRY_VOID(co_await prepare(peer));
    peer->write(fmt::format("c FETCH 1:{} BODY[]\r\n", kMessages));
    CO_TRY_VOID(co_await read_until(peer, "* 1 FETCH"));
    peer->abort();
    while (backend->sessions() > 0) CO_TRY_VOID(co_await sleep_for(backend->loop(), 1ms));
    co_return Result<>();
  };
  const Result<> done = backend_.fixture().run(conversation(&backend_, &client));
  EXPECT_TRUE(done.has_value()) << done.error().text();
  EXPECT_EQ(backend_.account()->find_mailbox("INBOX")->unseen, kMessages);
}

TEST_F(SessionTest, AnAppendThatBreaksOffLeavesNothing) {
  net::Connection client = backend_.connect(Entry::kLoggedIn);
  const auto conversation = [](Backend* backend, net::Connection* peer) -> Task<Result<>> {
    CO_TRY_VOID(co_await read_until(peer, "Logged in\r\n"));
    peer->write("a APPEND INBOX {1000000}\r\n");
    CO_TRY_VOID(co_await read_until(peer, "+ go ahead\r\n"));
    peer->write(std::string(900'000, 'x'));
    CO_TRY_VOID(co_await peer->flush(30s));
    peer->abort();
    while (backend->sessions() > 0) CO_TRY_VOID(co_await sleep_for(backend->loop(), 1ms));
    co_return Result<>();
  };
  const Result<> done = backend_.fixture().run(conversation(&backend_, &client));
  EXPECT_TRUE(done.has_value()) << done.error().text();
  EXPECT_EQ(backend_.account()->find_mailbox("INBOX")->messages, 0U);
}

TEST_F(SessionTest, AClientThatVanishesInIdleEndsItsSession) {
  net::Connection client = backend_.connect(Entry::kLoggedIn);
  const auto conversation = [](Backend* backend, net::Connection* peer) -> Task<Result<>> {
    CO_TRY_VOID(co_await read_until(peer, "Logged in\r\n"));
    peer->write("a SELECT INBOX\r\nb IDLE\r\n");
    CO_TRY_VOID(co_await read_until(peer, "+ idling\r\n"));
    peer->abort();
    while (backend->sessions() > 0) CO_TRY_VOID(co_await sleep_for(backend->loop(), 1ms));
    co_return Result<>();
  };
  const Result<> done = backend_.fixture().run(conversation(&backend_, &client));
  EXPECT_TRUE(done.has_value()) << done.error().text();
}

TEST_F(SessionTest, WhoIsIdleForTooLongIsLoggedOut) {
  EXPECT_GE(config::Limits().idle_timeout, 30min) << "RFC 3501 5.4";
  backend_.limits().idle_timeout = 200ms;
  for (const char* command : {"", "a IDLE\r\n", "a APPEND INBOX {5}\r\n"}) {
    net::Connection client = backend_.connect(Entry::kLoggedIn);
    const auto conversation = [](net::Connection* peer, std::string text) -> Task<Result<>> {
      CO_TRY_VOID(co_await read_until(peer, "Logged in\r\n"));
      peer->write(std::move(text));
      CO_TRY_VOID(co_await read_until(peer, "* BYE Idle for too long\r\n"));
      while (co_await peer->fill(30s)) continue;
      co_return Result<>();
    };
    const Result<> done = backend_.fixture().run(conversation(&client, command));
    EXPECT_TRUE(done.has_value()) << command << ": " << done.error().text();
  }
}

TEST_F(SessionTest, AShutdownSaysBye) {
  for (const char* command : {"", "a IDLE\r\n"}) {
    Backend backend;
    net::Connection client = backend.connect(Entry::kLoggedIn);
    const auto conversation = [](Backend* on, net::Connection* peer,
                                 std::string text) -> Task<Result<>> {
      CO_TRY_VOID(co_await read_until(peer, "Logged in\r\n"));
      peer->write(std::move(text) + "b NOOP\r\n");
      CO_TRY_VOID(co_await read_until(peer, "\r\n"));
      on->request_stop();
      co_return co_await read_until(peer, "* BYE Shutting down\r\n");
    };
    const Result<> done = backend.fixture().run(conversation(&backend, &client, command));
    EXPECT_TRUE(done.has_value()) << command << ": " << done.error().text();
  }
}

}  // namespace
}  // namespace proxy
