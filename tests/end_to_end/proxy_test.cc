// What a mail client does through Waystation, before each kind of real server.
#include "tests/end_to_end/proxy_fixture.h"

namespace support {
namespace {

using namespace std::chrono_literals;

class ProxyTest : public ProxyFixture, public testing::WithParamInterface<ServerKind> {};

TEST_P(ProxyTest, FirstSyncShowsEveryMailboxAndMessage) {
  ASSERT_NO_FATAL_FAILURE(start_synced(GetParam()));
  expect_convergence();  // to the byte
  const auto here = local_tree();
  ASSERT_TRUE(here) << here.error().text();
  EXPECT_EQ(here->at("INBOX").size(), 5U);
  EXPECT_EQ(here->at("Work/Old").size(), 1U);
}

TEST_P(ProxyTest, AClientMayReadBeforeTheSyncIsDone) {
  ASSERT_NO_FATAL_FAILURE(start_server(GetParam()));
  ASSERT_NO_FATAL_FAILURE(fill_server());
  ASSERT_NO_FATAL_FAILURE(start_proxy());
  const auto client = local();
  ASSERT_TRUE(client);
  const auto seen = read_mailbox(client.get(), "INBOX", true);
  ASSERT_TRUE(seen) << seen.error().text() << proxy_->log();
  EXPECT_EQ(seen->size(), 5U);
}

TEST_P(ProxyTest, NewMailAppearsByItself) {
  ASSERT_NO_FATAL_FAILURE(start_synced(GetParam()));
  const auto client = local();
  ASSERT_TRUE(client);
  expect_ok(client.get(), "SELECT INBOX");
  ASSERT_TRUE(server_->append("INBOX", {simple_message("news")}));
  const auto told = client->idle_until("6 EXISTS", 40s);
  EXPECT_TRUE(told) << told.error().text() << proxy_->log();
}

TEST_P(ProxyTest, FlagsTravelBothWays) {
  ASSERT_NO_FATAL_FAILURE(start_synced(GetParam()));
  const auto here = local();
  const auto there = upstream();
  ASSERT_TRUE(here && there);
  expect_ok(here.get(), "SELECT INBOX");
  expect_ok(here.get(), "STORE 1 +FLAGS (\\Flagged)");
  expect_ok(here.get(), "STORE 2 +FLAGS (\\Seen \\Answered)");
  EXPECT_TRUE(mailbox_becomes(there.get(), "INBOX", [](const auto& seen) {
    return has_flag(seen[0], "\\Flagged") && has_flag(seen[1], "\\Seen") &&
           has_flag(seen[1], "\\Answered");
  })) << proxy_->log();
  expect_ok(there.get(), "STORE 3 +FLAGS (\\Flagged)");
  expect_ok(there.get(), "STORE 1 -FLAGS (\\Flagged)");
  expect_ok(there.get(), "CLOSE");
  // imap4d tells nobody of flags: they are found by the sweep, once a minute in these tests.
  EXPECT_TRUE(mailbox_becomes(
      here.get(), "INBOX",
      [](const auto& seen) {
        return !has_flag(seen[0], "\\Flagged") && has_flag(seen[2], "\\Flagged");
      },
      90s))
      << proxy_->log();
  expect_convergence();
}

TEST_P(ProxyTest, AppendReachesTheServerUnchanged) {
  ASSERT_NO_FATAL_FAILURE(start_synced(GetParam()));
  const auto client = local();
  ASSERT_TRUE(client);
  const std::string draft = simple_message("draft", "one\r\n\r\n.two\r\nFrom three\r\n");
  const auto appended = client->append("Work", draft, "\\Seen \\Draft");
  ASSERT_TRUE(appended && appended->ok()) << appended->str();
  EXPECT_TRUE(appended->code().starts_with("APPENDUID ")) << appended->str();
  ASSERT_TRUE(proxy_->wait_until_sent()) << proxy_->log();
  const auto seen = read_mailbox(upstream().get(), server_->mailbox_name("Work"), true);
  ASSERT_TRUE(seen) << seen.error().text();
  ASSERT_EQ(seen->size(), 4U);
  EXPECT_EQ(seen->back().body, draft);
  expect_convergence();
}

TEST_P(ProxyTest, CopyMoveAndExpunge) {
  ASSERT_NO_FATAL_FAILURE(start_synced(GetParam()));
  const auto client = local();
  ASSERT_TRUE(client);
  expect_ok(client.get(), "SELECT INBOX");
  expect_ok(client.get(), "COPY 1 Work");
  expect_ok(client.get(), "MOVE 2 Work/Old");
  expect_ok(client.get(), "STORE 1 +FLAGS (\\Deleted)");
  // Something else is deleted, and not expunged: UID EXPUNGE must leave it alone everywhere.
  const auto left = read_mailbox(client.get(), "INBOX");
  ASSERT_TRUE(left && left->size() == 4U);
  expect_ok(client.get(), "STORE 2 +FLAGS (\\Deleted)");
  expect_ok(client.get(), "UID EXPUNGE " + std::to_string(left->front().uid));
  ASSERT_TRUE(proxy_->wait_until_sent()) << proxy_->log();
  expect_convergence();
  const auto there = upstream_tree();
  ASSERT_TRUE(there) << there.error().text();
  EXPECT_EQ(there->at("INBOX").size(), 3U);
  EXPECT_EQ(there->at("Work").size(), 4U);
  EXPECT_EQ(there->at("Work/Old").size(), 2U);
}

TEST_P(ProxyTest, WhatGoesUpstreamGoesHere) {
  ASSERT_NO_FATAL_FAILURE(start_synced(GetParam()));
  const auto there = upstream();
  ASSERT_TRUE(there);
  expect_ok(there.get(), "SELECT INBOX");
  expect_ok(there.get(), "COPY 1 " + server_->mailbox_name("Work"));
  expect_ok(there.get(), "STORE 1,3 +FLAGS (\\Deleted)");
  expect_ok(there.get(), "EXPUNGE");
  expect_ok(there.get(), "CREATE " + server_->mailbox_name("Later"));
  expect_ok(there.get(), "DELETE " + server_->mailbox_name("Work/Old"));
  expect_convergence();
}

TEST_P(ProxyTest, MailboxesAreCreatedRenamedAndDeleted) {
  ASSERT_NO_FATAL_FAILURE(start_synced(GetParam()));
  const auto client = local();
  ASSERT_TRUE(client);
  expect_ok(client.get(), "CREATE Projects");
  expect_ok(client.get(), "CREATE Projects/2024");
  ASSERT_TRUE(client->append("Projects/2024", simple_message("plan"))->ok());
  expect_ok(client.get(), "RENAME Projects Plans");
  expect_ok(client.get(), "DELETE Work/Old");
  ASSERT_TRUE(proxy_->wait_until_sent()) << proxy_->log();
  expect_convergence();
  const auto there = upstream_tree();
  ASSERT_TRUE(there) << there.error().text();
  EXPECT_TRUE(there->contains("Plans/2024"));
  EXPECT_FALSE(there->contains("Projects/2024"));
  EXPECT_FALSE(there->contains("Work/Old"));
}

TEST_P(ProxyTest, OfflineReadsAndWritesThenReplay) {
  ASSERT_NO_FATAL_FAILURE(start_synced(GetParam()));
  link_->down();
  const auto client = local();
  ASSERT_TRUE(client);
  const auto seen = read_mailbox(client.get(), "INBOX", true);
  ASSERT_TRUE(seen) << seen.error().text();
  EXPECT_EQ(seen->size(), 5U);
  expect_ok(client.get(), "STORE 1 +FLAGS (\\Flagged)");
  expect_ok(client.get(), "MOVE 2 Work");
  expect_ok(client.get(), "COPY 3 Work/Old");
  expect_ok(client.get(), "STORE 4 +FLAGS (\\Deleted)");
  expect_ok(client.get(), "EXPUNGE");
  expect_ok(client.get(), "CREATE Offline");
  ASSERT_TRUE(client->append("Offline", simple_message("written on a train"))->ok());
  const auto status = proxy_->status();
  ASSERT_TRUE(status) << status.error().text();
  EXPECT_GT(status->pending, 0U);
  // Somebody else goes on at the server meanwhile.
  ASSERT_TRUE(server_->append("INBOX", {simple_message("meanwhile")}));
  link_->up();
  ASSERT_TRUE(proxy_->wait_until_sent()) << proxy_->log();
  expect_convergence();
  const auto there = upstream_tree();
  ASSERT_TRUE(there) << there.error().text();
  EXPECT_EQ(there->at("INBOX").size(), 4U);  // 5 - moved - expunged + meanwhile
  EXPECT_EQ(there->at("Work").size(), 4U);
  EXPECT_EQ(there->at("Work/Old").size(), 2U);
  EXPECT_EQ(there->at("Offline").size(), 1U);
}

TEST_P(ProxyTest, AcknowledgedWritesSurviveKill9) {
  ASSERT_NO_FATAL_FAILURE(start_synced(GetParam()));
  link_->down();
  {
    const auto client = local();
    ASSERT_TRUE(client);
    expect_ok(client.get(), "SELECT INBOX");
    expect_ok(client.get(), "STORE 5 +FLAGS (\\Flagged)");
    expect_ok(client.get(), "MOVE 1 Work");
    ASSERT_TRUE(client->append("Work", simple_message("just in time"))->ok());
    proxy_->kill_hard();
  }
  const auto again = proxy_->start_again();
  ASSERT_TRUE(again) << again.error().text();
  const auto here = local_tree();  // still offline: all from the cache
  ASSERT_TRUE(here) << here.error().text();
  EXPECT_EQ(here->at("INBOX").size(), 4U);
  EXPECT_EQ(here->at("Work").size(), 5U);
  link_->up();
  ASSERT_TRUE(proxy_->wait_until_sent()) << proxy_->log();
  expect_convergence();
  EXPECT_EQ(upstream_tree()->at("Work").size(), 5U);
}

TEST_P(ProxyTest, UidsStayOverARestart) {
  ASSERT_NO_FATAL_FAILURE(start_synced(GetParam()));
  const auto uids = [this] {
    std::vector<std::uint32_t> found;
    const auto client = local();
    const auto reply = expect_ok(client.get(), "STATUS INBOX (UIDVALIDITY UIDNEXT)");
    EXPECT_FALSE(reply.untagged.empty());
    const auto seen = read_mailbox(client.get(), "INBOX");
    EXPECT_TRUE(seen);
    for (const MessageView& message : *seen) found.push_back(message.uid);
    return std::pair(reply.untagged, found);
  };
  const auto before = uids();
  EXPECT_TRUE(proxy_->stop().success()) << proxy_->log();
  ASSERT_TRUE(proxy_->start_again()) << proxy_->log();
  EXPECT_EQ(uids(), before);
}

TEST_P(ProxyTest, TheServerMayRestart) {
  ASSERT_NO_FATAL_FAILURE(start_synced(GetParam()));
  server_->stop();
  const auto client = local();
  ASSERT_TRUE(client);
  EXPECT_EQ(read_mailbox(client.get(), "Work")->size(), 3U);
  ASSERT_TRUE(server_->start_again());
  ASSERT_TRUE(server_->append("INBOX", {simple_message("after the restart")}));
  EXPECT_TRUE(mailbox_becomes(client.get(), "INBOX", [](const auto& seen) {
    return seen.size() == 6;
  })) << proxy_->log();
}

TEST_P(ProxyTest, ALinkThatDropsAgainAndAgainStillFinishes) {
  ASSERT_NO_FATAL_FAILURE(start_server(GetParam(), {}, {.round_trip = 5ms}));
  std::vector<std::string> messages;
  for (int i = 0; i < 60; ++i) {
    messages.push_back(
        simple_message("many " + std::to_string(i), std::string(3000, 'x') + "\r\n"));
  }
  ASSERT_TRUE(server_->append("INBOX", messages));
  // COMPRESS would make the cuts rare: these bodies are nearly nothing then.
  WaystationOptions plain = options();
  plain.compress = false;
  link_->cut_after(LinkDirection::kToClient, 4'000);
  ASSERT_NO_FATAL_FAILURE(start_proxy(plain));
  int cuts = 0;
  for (int i = 0; i < 400 && cuts < 6; ++i) {
    if (link_->cut_done()) {
      ++cuts;
      link_->cut_after(LinkDirection::kToClient, 30'000);
    }
    short_pause();
  }
  EXPECT_GE(cuts, 3);
  link_->up();
  const auto complete = proxy_->wait_until_complete();
  ASSERT_TRUE(complete) << complete.error().text() << proxy_->log();
  expect_convergence();
}

INSTANTIATE_TEST_SUITE_P(Each, ProxyTest, testing::ValuesIn(all_server_kinds()),
                         [](const auto& info) { return name_of(info.param); });

}  // namespace
}  // namespace support
