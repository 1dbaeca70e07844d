// The server over real sockets: limits, TLS, the hand-over between loops, and strangers.
#include "proxy/imap/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "tests/support/certificate.h"
#include "tests/unit/proxy/imap/server_fixture.h"

namespace proxy {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using support::RawImap;
using support::Reply;

std::string said(const Result<std::string>& line) {
  return line ? *line : "(" + line.error().text() + ")";
}
std::string said(const Result<Reply>& reply) {
  return reply ? reply->str() : "(" + reply.error().text() + ")";
}
std::string greeting_of(const Result<std::unique_ptr<RawImap>>& client) {
  return client ? (*client)->greeting() : "(" + client.error().text() + ")";
}
/// Reads up to the end of the connection, and returns the last line.
std::string last_words(RawImap* client) {
  std::string last;
  for (;;) {
    const Result<std::string> line = client->read_line();
    if (!line) return line.error().code() == Errc::kClosed ? last : line.error().text();
    last = *line;
  }
}

/// An IPv4 address of this machine that others can reach; empty when it has none.
std::string own_address() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return {};
  std::string found;
  for (const ifaddrs* one = all; one != nullptr && found.empty(); one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    if ((one->ifa_flags & IFF_LOOPBACK) != 0) continue;
    char text[INET_ADDRSTRLEN] = {};
    const auto* ip = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
    found = ::inet_ntop(AF_INET, &ip->sin_addr, text, sizeof(text));
  }
  ::freeifaddrs(all);
  return found;
}

constexpr std::string_view kTooMany = "* BYE [UNAVAILABLE] Too many connections";

// ---- Limits -------------------------------------------------------------------------------------

TEST(ServerTest, ConnectionsBeyondTheLimitAreTurnedAway) {
  config::Config config;
  config.limits.max_connections = 2;
  ServerFixture server(config);
  auto first = RawImap::login(server.port(), "me", "secret");
  auto second = RawImap::connect(server.port());
  ASSERT_TRUE(first && second);
  EXPECT_EQ(greeting_of(RawImap::connect(server.port())), kTooMany);

  second->reset();
  ASSERT_TRUE(server.wait_for_sessions(1));
  // Its place is free a moment after it is off the list.
  const auto until = Clock::now() + 30s;
  while (greeting_of(RawImap::connect(server.port())) == kTooMany) ASSERT_LT(Clock::now(), until);
  EXPECT_TRUE((*first)->command("NOOP")->ok());
}

TEST(ServerTest, OneAddressHasOnlySoManyConnections) {
  config::Config config;
  config.limits.max_connections_per_address = 1;
  ServerFixture server(config);
  const auto first = RawImap::connect(server.port());
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(greeting_of(RawImap::connect(server.port())), kTooMany);
  const auto other = RawImap::connect(server.port(), {}, 30s, "127.0.0.1", "127.0.0.2");
  EXPECT_TRUE(greeting_of(other).starts_with("* OK ")) << greeting_of(other);
}

TEST(ServerTest, WhoDoesNotLogInIsTurnedAway) {
  config::Config config;
  config.limits.login_timeout = 300ms;
  ServerFixture server(config);
  auto silent = RawImap::connect(server.port());
  ASSERT_TRUE(silent.has_value());
  EXPECT_EQ(last_words(silent->get()), "* BYE No login for too long");

  // Talking does not buy more time.
  auto talker = RawImap::connect(server.port());
  ASSERT_TRUE(talker.has_value());
  const auto until = Clock::now() + 30s;
  Result<Reply> reply;
  do {
    reply = (*talker)->command("NOOP");
    ASSERT_LT(Clock::now(), until);
  } while (reply && reply->ok());
  EXPECT_TRUE(server.wait_for_sessions(0));
}

TEST(ServerTest, FailedLoginsTakeLongerEachTimeAndAreCounted) {
  config::Config config;
  config.limits.failed_login_delay = 100ms;
  config.limits.max_failed_logins = 3;
  ServerFixture server(config);
  auto client = RawImap::connect(server.port());
  ASSERT_TRUE(client.has_value());
  for (int failure = 1; failure <= 3; ++failure) {
    const auto before = Clock::now();
    const Result<Reply> reply = (*client)->command("LOGIN me wrong");
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->code(), "AUTHENTICATIONFAILED");
    EXPECT_GE(Clock::now() - before + 10ms, failure * 100ms) << "a timer may be a little early";
  }
  EXPECT_EQ(last_words(client->get()), "* BYE Too many failed logins");
}

TEST(ServerTest, AnAddressThatFailedOftenWaitsOnEachNewConnectionUntilALoginWorks) {
  config::Config config;
  config.limits.failed_login_delay = 200ms;
  config.limits.max_failed_logins = 1;
  ServerFixture server(config);
  for (int failure = 1; failure <= 3; ++failure) {
    auto client = RawImap::connect(server.port());
    ASSERT_TRUE(client.has_value());
    const auto before = Clock::now();
    (void)(*client)->command("LOGIN me wrong");
    EXPECT_GE(Clock::now() - before + 10ms, 200ms * failure);
  }
  const auto before = Clock::now();
  ASSERT_TRUE(RawImap::login(server.port(), "me", "secret").has_value());
  EXPECT_GE(Clock::now() - before + 10ms, 600ms) << "right or wrong shows only after the wait";
  const auto after = Clock::now();
  ASSERT_TRUE(RawImap::login(server.port(), "me", "secret").has_value());
  EXPECT_LT(Clock::now() - after, 600ms) << "a login that works clears the address";
}

TEST(ServerTest, CommandsAreLimitedBeforeTheLogin) {
  config::Config config;
  config.limits.max_line_bytes = 8'192;
  ServerFixture server(config);
  auto client = RawImap::connect(server.port());
  ASSERT_TRUE(client.has_value());
  EXPECT_EQ(said((*client)->command("LOGIN me " + std::string(10'000, 'x'))),
            "<tag> BAD line too long");
  EXPECT_EQ(said((*client)->command("LOGIN me {10000}\r\n" + std::string(10'000, 'x'))),
            "<tag> BAD literal too large");
  EXPECT_TRUE((*client)->command("NOOP")->ok());
  // A line of AUTHENTICATE has its limit too.
  ASSERT_TRUE((*client)->send_raw("x AUTHENTICATE PLAIN\r\n"));
  EXPECT_EQ(said((*client)->read_line()), "+ ");
  ASSERT_TRUE((*client)->send_raw(std::string(200'000, 'A')));
  EXPECT_TRUE(last_words(client->get()).starts_with("* BYE ")) << "out of step: closed";
}

// ---- TLS ----------------------------------------------------------------------------------------

TEST(ServerTest, PasswordsNeedTlsUnlessTheyStayOnTheMachine) {
  const support::TempDir directory;
  const auto certificate = support::make_certificate(directory.path());
  ASSERT_TRUE(certificate.has_value());
  config::Config config;
  config.listeners = {ServerFixture::tls_listener(config::Tls::kStarttls, directory)};
  config.listeners[0].address = "0.0.0.0";
  ServerFixture server(config);

  const auto here = RawImap::connect(server.port());
  ASSERT_TRUE(here.has_value());
  EXPECT_NE((*here)->greeting().find("AUTH=PLAIN"), std::string::npos) << (*here)->greeting();
  EXPECT_TRUE((*here)->command("LOGIN me secret")->ok());

  // A machine without a network has nobody else to be careful of.
  const std::string address = own_address();
  if (address.empty()) return;
  const auto away = RawImap::connect(server.port(), {}, 30s, address);
  ASSERT_TRUE(away.has_value()) << address;
  EXPECT_NE((*away)->greeting().find("LOGINDISABLED"), std::string::npos) << (*away)->greeting();
  EXPECT_EQ((*away)->greeting().find("AUTH=PLAIN"), std::string::npos) << (*away)->greeting();
  EXPECT_EQ((*away)->command("LOGIN me secret")->code(), "PRIVACYREQUIRED");
  EXPECT_EQ((*away)->command("AUTHENTICATE PLAIN AG1lAHNlY3JldA==")->code(), "PRIVACYREQUIRED");
  ASSERT_TRUE((*away)->start_tls(certificate->certificate));
  EXPECT_TRUE((*away)->command("LOGIN me secret")->ok());
}

TEST(ServerTest, WhatCameBeforeTheHandshakeIsDiscarded) {
  const support::TempDir directory;
  const auto certificate = support::make_certificate(directory.path());
  ASSERT_TRUE(certificate.has_value());
  config::Config config;
  config.listeners = {ServerFixture::tls_listener(config::Tls::kStarttls, directory)};
  ServerFixture server(config);
  const auto client = RawImap::connect(server.port());
  ASSERT_TRUE(client.has_value());
  EXPECT_NE((*client)->greeting().find(" STARTTLS "), std::string::npos);
  ASSERT_TRUE((*client)->send_raw("x STARTTLS\r\ny NOOP\r\nz LOGIN me secret\r\n"));
  EXPECT_EQ(said((*client)->read_line()), "x OK Begin TLS");
  ASSERT_TRUE((*client)->handshake(certificate->certificate));
  ASSERT_TRUE((*client)->send_raw("a CAPABILITY\r\n"));
  const std::string capabilities = said((*client)->read_line());
  EXPECT_TRUE(capabilities.starts_with("* CAPABILITY ")) << "neither y nor z: " << capabilities;
  EXPECT_EQ(capabilities.find("STARTTLS"), std::string::npos) << "it is active";
  EXPECT_EQ(said((*client)->read_line()), "a OK CAPABILITY completed");
  EXPECT_EQ(said((*client)->command("STARTTLS")), "<tag> BAD TLS is active already");
  EXPECT_TRUE((*client)->command("LOGIN me secret")->ok());
  EXPECT_EQ(said((*client)->command("STARTTLS")), "<tag> BAD Already logged in");
}

TEST(ServerTest, ImplicitTlsNeedsNoStarttls) {
  const support::TempDir directory;
  const auto certificate = support::make_certificate(directory.path());
  ASSERT_TRUE(certificate.has_value());
  config::Config config;
  config.limits.login_timeout = 1'000ms;
  config.listeners = {ServerFixture::tls_listener(config::Tls::kImplicit, directory)};
  ServerFixture server(config);
  const auto plain = RawImap::connect(server.port());
  EXPECT_FALSE(plain.has_value()) << "nobody is greeted without TLS: " << greeting_of(plain);

  const auto client = RawImap::connect(server.port(), certificate->certificate);
  ASSERT_TRUE(client.has_value()) << client.error().text();
  EXPECT_EQ((*client)->greeting().find("STARTTLS"), std::string::npos);
  // On the other loop: TLS goes with the connection.
  EXPECT_TRUE((*client)->command("LOGIN you secret")->ok());
  EXPECT_TRUE((*client)->append("INBOX", support::simple_message("over TLS"))->ok());
  EXPECT_TRUE((*client)->command("SELECT INBOX")->ok());
  ASSERT_EQ(server.sessions().size(), 1U);
  EXPECT_TRUE(server.sessions().front().tls);
}

TEST(ServerTest, NewConnectionsGetTheReloadedCertificate) {
  const support::TempDir directory;
  const support::TempDir saved;
  const auto first = support::make_certificate(directory.path());
  ASSERT_TRUE(first.has_value());
  std::filesystem::copy(first->certificate, saved / "first.crt");
  config::Config config;
  config.listeners = {ServerFixture::tls_listener(config::Tls::kImplicit, directory)};
  ServerFixture server(config);
  const auto before = RawImap::connect(server.port(), saved / "first.crt");
  ASSERT_TRUE(before.has_value());

  const auto second = support::make_certificate(directory.path());
  ASSERT_TRUE(second.has_value());
  EXPECT_TRUE(RawImap::connect(server.port(), saved / "first.crt").has_value()) << "not asked yet";
  ASSERT_TRUE(server.reload().has_value());
  EXPECT_FALSE(RawImap::connect(server.port(), saved / "first.crt").has_value());
  EXPECT_TRUE(RawImap::connect(server.port(), second->certificate).has_value());
  EXPECT_TRUE((*before)->command("LOGIN me secret")->ok()) << "who is connected stays so";

  // A mistake is told, and the certificate in use stays.
  std::filesystem::copy(second->certificate, saved / "second.crt");
  std::filesystem::resize_file(directory / "server.crt", 20);
  const auto reloaded = server.reload();
  ASSERT_FALSE(reloaded.has_value());
  EXPECT_NE(reloaded.error().text().find("server.crt"), std::string::npos)
      << reloaded.error().text();
  EXPECT_TRUE(RawImap::connect(server.port(), saved / "second.crt").has_value());
}

// ---- The hand-over ------------------------------------------------------------------------------

class HandOverTest : public testing::TestWithParam<const char*> {};

TEST_P(HandOverTest, EverythingThatWasPipelinedIsServed) {
  ServerFixture server;
  const auto client = RawImap::connect(server.port());
  ASSERT_TRUE(client.has_value());
  const std::string message(300'000, 'm');
  ASSERT_TRUE((*client)->send_raw(
      fmt::format("a LOGIN {} secret\r\nb SELECT INBOX\r\nc APPEND INBOX {{{}+}}\r\n{}\r\n"
                  "d FETCH 1 (RFC822.SIZE)\r\ne IDLE\r\nDONE\r\nf LOGOUT\r\n",
                  GetParam(), message.size(), message)));
  std::vector<std::string> tagged;
  for (Result<std::string> line = (*client)->read_line(); line; line = (*client)->read_line()) {
    if (!line->starts_with('*')) tagged.push_back(line->substr(0, 4));
  }
  EXPECT_EQ(tagged,
            (std::vector<std::string>{"a OK", "b OK", "c OK", "d OK", "+ id", "e OK", "f OK"}));
  EXPECT_TRUE(server.wait_for_sessions(0));
}
INSTANTIATE_TEST_SUITE_P(SameLoopAndOther, HandOverTest, testing::Values("me", "you"));

TEST(ServerTest, SessionsAreListedWithWhatTheyDo) {
  ServerFixture server;
  const auto me = RawImap::connect(server.port());
  ASSERT_TRUE((*me)->command("ID (\"name\" \"mutt\")")->ok());
  ASSERT_TRUE((*me)->command("LOGIN me secret")->ok());
  const auto you = RawImap::login(server.port(), "you", "secret");
  ASSERT_TRUE((*you)->command("SELECT INBOX")->ok());
  ASSERT_TRUE((*you)->send_raw("x IDLE\r\n"));
  EXPECT_EQ(said((*you)->read_line()), "+ idling");
  std::vector<SessionInfo> sessions = server.sessions();
  ASSERT_EQ(sessions.size(), 2U);
  std::ranges::sort(sessions, {}, &SessionInfo::user);
  EXPECT_EQ(sessions[0].user, "me");
  EXPECT_EQ(sessions[0].client, "mutt");
  EXPECT_EQ(sessions[1].user, "you");
  EXPECT_EQ(sessions[1].mailbox, "INBOX");
  EXPECT_TRUE(sessions[1].idle);
}

// ---- Strangers ----------------------------------------------------------------------------------

TEST(ServerTest, GarbageHarmsNobody) {
  ServerFixture server;
  std::mt19937 random(7);
  std::string noise(20'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  const std::string cases[] = {
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
      "EHLO x\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n",
      std::string(1000, '\n'),
      std::string(1000, '\0'),
      noise,
      "a LOGIN {5}\r\n",
      "a AUTHENTICATE PLAIN\r\n",
      "a LOGIN {4294967296}\r\n",
      "a LOGIN {99999999999999999999}\r\n",
  };
  for (const std::string& bytes : cases) {
    const auto stranger = RawImap::connect(server.port());
    ASSERT_TRUE(stranger.has_value());
    (void)(*stranger)->send_raw(bytes);
    (*stranger)->disconnect();
    // After the login as well.
    const auto client = RawImap::login(server.port(), "you", "secret");
    ASSERT_TRUE(client.has_value()) << client.error().text();
    (void)(*client)->send_raw(bytes);
    (*client)->disconnect();
  }
  EXPECT_TRUE(server.wait_for_sessions(0));
  EXPECT_TRUE(RawImap::login(server.port(), "me", "secret").has_value());
}

TEST(ServerTest, WhoSpeaksSomethingElseIsTurnedAway) {
  ServerFixture server;
  const auto browser = RawImap::connect(server.port());
  ASSERT_TRUE(browser.has_value());
  ASSERT_TRUE((*browser)->send_raw(
      "GET / HTTP/1.1\r\nHost: here\r\nAccept: all\r\nDNT: 1\r\nA: b\r\nC: d\r\nE: f\r\n\r\n"));
  EXPECT_EQ(last_words(browser->get()), "* BYE Too many errors");
}

TEST(ServerTest, EverybodyHearsOfAShutdown) {
  ServerFixture server;
  const auto greeted = RawImap::connect(server.port());
  const auto me = RawImap::login(server.port(), "me", "secret");
  const auto you = RawImap::login(server.port(), "you", "secret");
  ASSERT_TRUE(greeted && me && you);
  ASSERT_TRUE((*you)->command("SELECT INBOX")->ok());
  ASSERT_TRUE((*you)->send_raw("x IDLE\r\n"));
  EXPECT_EQ(said((*you)->read_line()), "+ idling");
  server.stop();
  for (RawImap* client : {greeted->get(), me->get(), you->get()}) {
    EXPECT_EQ(last_words(client), "* BYE Shutting down");
  }
}

}  // namespace
}  // namespace proxy
