// Waystation before a server that is configured otherwise, or that fails.
#include "tests/end_to_end/proxy_fixture.h"
#include "tests/support/certificate.h"

namespace support {
namespace {

using namespace std::chrono_literals;

class UpstreamTroubleTest : public ProxyFixture {
 protected:
  bool state_becomes(std::string_view state) {
    return eventually([&] {
      const auto status = proxy_->status();
      return status && status->state == state;
    });
  }
};

TEST_F(UpstreamTroubleTest, TlsWithAnAuthorityOfItsOwn) {
  for (const char* tls : {"implicit", "starttls"}) {
    ASSERT_NO_FATAL_FAILURE(start_server(ServerKind::kDovecot, {.tls = true}));
    ASSERT_NO_FATAL_FAILURE(fill_server());
    WaystationOptions secured = options();
    if (tls == std::string("implicit")) link_->set_server_port(server_->tls_port());
    secured.upstream_tls = tls;
    secured.upstream_ca_file = server_->ca_file();
    ASSERT_NO_FATAL_FAILURE(start_proxy(secured));
    const auto complete = proxy_->wait_until_complete();
    ASSERT_TRUE(complete) << tls << ": " << complete.error().text() << proxy_->log();
    expect_convergence();
  }
}

TEST_F(UpstreamTroubleTest, AWrongPasswordIsReportedAndTheCacheServed) {
  ASSERT_NO_FATAL_FAILURE(start_synced(ServerKind::kDovecot));
  EXPECT_TRUE(proxy_->stop().success());
  std::filesystem::path folder = proxy_->config_file().parent_path();
  {
    const auto wrote =
        run({.argv = {"sh", "-c", "echo wrong > upstream.password"}, .directory = folder});
    ASSERT_TRUE(wrote && wrote->status.success());
  }
  ASSERT_TRUE(proxy_->start_again());
  EXPECT_TRUE(state_becomes("refused")) << proxy_->log();
  EXPECT_EQ(local_tree()->at("INBOX").size(), 5U);
  EXPECT_EQ(proxy_->log().find("wrong\n"), std::string::npos);
}

TEST_F(UpstreamTroubleTest, APrefixAndAnotherSeparatorDoNotShow) {
  ASSERT_NO_FATAL_FAILURE(start_server(ServerKind::kDovecot, {.inbox_prefix = true}));
  ASSERT_NO_FATAL_FAILURE(fill_server());
  ASSERT_NO_FATAL_FAILURE(start_proxy());
  ASSERT_TRUE(proxy_->wait_until_complete()) << proxy_->log();
  const auto client = local();
  ASSERT_TRUE(client);
  const auto names = list_mailboxes(client.get());
  ASSERT_TRUE(names);
  EXPECT_NE(std::ranges::find(*names, "Work/Old"), names->end());
  expect_ok(client.get(), "CREATE Work/New");
  ASSERT_TRUE(proxy_->wait_until_sent()) << proxy_->log();
  expect_convergence();
}

TEST_F(UpstreamTroubleTest, EveryTierKeepsInStep) {
  const std::vector<std::string> tiers[] = {
      {},
      {"QRESYNC"},
      {"QRESYNC", "CONDSTORE"},
      {"QRESYNC", "CONDSTORE", "UIDPLUS", "MOVE", "ESEARCH", "LIST-STATUS", "LIST-EXTENDED",
       "COMPRESS=DEFLATE", "NOTIFY", "LITERAL+", "IDLE", "ENABLE", "SPECIAL-USE", "NAMESPACE"}};
  for (const auto& without : tiers) {
    ASSERT_NO_FATAL_FAILURE(start_server(ServerKind::kDovecot, {.without = without}));
    ASSERT_NO_FATAL_FAILURE(fill_server());
    ASSERT_NO_FATAL_FAILURE(start_proxy());
    ASSERT_TRUE(proxy_->wait_until_complete()) << proxy_->log();
    const auto there = upstream();
    ASSERT_TRUE(there);
    expect_ok(there.get(), "SELECT INBOX");
    expect_ok(there.get(), "STORE 2 +FLAGS (\\Flagged $work)");
    expect_ok(there.get(), "STORE 1 +FLAGS (\\Deleted)");
    expect_ok(there.get(), "EXPUNGE");
    expect_convergence();
    const auto here = local();
    ASSERT_TRUE(here);
    expect_ok(here.get(), "SELECT INBOX");
    expect_ok(here.get(), "STORE 1 -FLAGS ($work)");
    expect_ok(here.get(), "MOVE 2 Work");
    ASSERT_TRUE(proxy_->wait_until_sent()) << proxy_->log();
    expect_convergence();
  }
}

TEST_F(UpstreamTroubleTest, AHalfOpenConnectionIsNoticed) {
  ASSERT_NO_FATAL_FAILURE(start_server(ServerKind::kDovecot));
  ASSERT_NO_FATAL_FAILURE(fill_server());
  WaystationOptions impatient = options();
  ASSERT_NO_FATAL_FAILURE(start_proxy(impatient));
  ASSERT_TRUE(proxy_->wait_until_complete()) << proxy_->log();
  link_->cut_after(LinkDirection::kToServer, 5, CutStyle::kStall);
  const auto client = local();
  ASSERT_TRUE(client);
  expect_ok(client.get(), "SELECT INBOX");
  expect_ok(client.get(), "STORE 1 +FLAGS (\\Flagged)");
  EXPECT_TRUE(mailbox_becomes(
      upstream().get(), "INBOX", [](const auto& seen) { return has_flag(seen[0], "\\Flagged"); },
      60s))
      << proxy_->log();
}

TEST_F(UpstreamTroubleTest, AStallDoesNotHoldUpReaders) {
  ASSERT_NO_FATAL_FAILURE(start_synced(ServerKind::kDovecot));
  link_->stall();
  const auto begin = std::chrono::steady_clock::now();
  const auto seen = read_mailbox(local().get(), "INBOX", true);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  ASSERT_TRUE(seen) << seen.error().text();
  EXPECT_EQ(seen->size(), 5U);
  link_->up();
  expect_convergence();
}

TEST_F(UpstreamTroubleTest, RefusedConnectionsAreTriedAgain) {
  ASSERT_NO_FATAL_FAILURE(start_server(ServerKind::kDovecot));
  ASSERT_NO_FATAL_FAILURE(fill_server());
  link_->refuse_share(0.5);
  ASSERT_NO_FATAL_FAILURE(start_proxy());
  ASSERT_TRUE(proxy_->wait_until_complete()) << proxy_->log();
  expect_convergence();
}

TEST_F(UpstreamTroubleTest, UncachedBodiesSayUnavailableWhileAway) {
  ASSERT_NO_FATAL_FAILURE(start_server(ServerKind::kDovecot));
  ASSERT_NO_FATAL_FAILURE(fill_server());
  WaystationOptions lazy = options();
  lazy.prefetch = "headers";
  ASSERT_NO_FATAL_FAILURE(start_proxy(lazy));
  ASSERT_TRUE(eventually([&] {
    const auto status = proxy_->status();
    return status && std::ranges::any_of(status->mailboxes, [](const auto& mailbox) {
             return mailbox.name == "INBOX" && mailbox.summaries == 5;
           });
  })) << proxy_->log();
  link_->down();
  const auto client = local();
  ASSERT_TRUE(client);
  expect_ok(client.get(), "SELECT INBOX");
  expect_ok(client.get(), "FETCH 1:* (ENVELOPE)");
  const auto refused = client->command("FETCH 1 BODY.PEEK[]");
  ASSERT_TRUE(refused) << refused.error().text();
  EXPECT_EQ(refused->status, "NO");
  EXPECT_EQ(refused->code(), "UNAVAILABLE") << refused->str();
  link_->up();
  EXPECT_TRUE(eventually([&] {
    const auto reply = client->command("FETCH 1 BODY.PEEK[]");
    return reply && reply->ok() && reply->find("Subject: INBOX 0");
  })) << proxy_->log();
}

TEST_F(UpstreamTroubleTest, SeveralLocalSessionsSeeEachOther) {
  ASSERT_NO_FATAL_FAILURE(start_synced(ServerKind::kDovecot));
  link_->down();
  const auto one = local();
  const auto two = local();
  ASSERT_TRUE(one && two);
  expect_ok(one.get(), "SELECT INBOX");
  expect_ok(two.get(), "SELECT INBOX");
  expect_ok(one.get(), "STORE 3 +FLAGS (\\Flagged)");
  EXPECT_TRUE(expect_ok(two.get(), "NOOP").find("3 FETCH (")) << proxy_->log();
  expect_ok(one.get(), "STORE 3 +FLAGS (\\Deleted)");
  expect_ok(one.get(), "EXPUNGE");
  EXPECT_TRUE(expect_ok(two.get(), "NOOP").find("3 EXPUNGE"));
}

TEST_F(UpstreamTroubleTest, LocalTlsAndStarttls) {
  for (const char* tls : {"implicit", "starttls"}) {
    ASSERT_NO_FATAL_FAILURE(start_server(ServerKind::kDovecot));
    WaystationOptions secured = options();
    secured.local_tls = tls;
    ASSERT_NO_FATAL_FAILURE(start_proxy(secured));
    const bool implicit = tls == std::string("implicit");
    auto client = implicit ? RawImap::connect(proxy_->port(), proxy_->ca_file())
                           : RawImap::connect(proxy_->port());
    ASSERT_TRUE(client) << client.error().text() << proxy_->log();
    if (!implicit) {
      const auto begun = (*client)->start_tls(proxy_->ca_file());
      ASSERT_TRUE(begun) << begun.error().text();
    }
    EXPECT_TRUE((*client)->command("LOGIN me \"local secret\"")->ok());
  }
}

}  // namespace
}  // namespace support
