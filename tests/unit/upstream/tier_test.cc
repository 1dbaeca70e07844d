// What a server offers and gets wrong is not used again, and what it does not tell is found all the
// same.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/scripted_server.h"
#include "tests/unit/upstream/worker_fixture.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
using support::ScriptedServer;

class TierTest : public WorkerFixture {
 protected:
  // INBOX has messages 5 and 9, the first with these flags.
  struct Inbox {
    std::string flags = {};
    std::uint64_t modseq = 0;   // 0: not told
    std::string vanished = {};  // QRESYNC
    std::uint32_t uid_next = 10;
  };

  void SetUp() override {
    WorkerFixture::SetUp();
    settings_.prefetch.kind = config::Prefetch::Kind::kHeaders;
    settings_.sync.reconnect_min = 1ms;
    settings_.sync.poll_interval = 1h;
    settings_.upstream->max_connections = 1;
  }

  void serve(std::string_view capabilities, const Inbox& inbox) {
    auto server = ScriptedServer::start({}, ScriptedServer::plain_server(capabilities));
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
    server_->add_rule({"ENABLE *", {"* ENABLED CONDSTORE QRESYNC"}});
    show(inbox);
    start(server_->port());
    ASSERT_TRUE(wait([this] { return in_step() && messages() == 2; }));
  }

  // From now on this is what there is.
  void show(const Inbox& inbox) {
    const std::string modseq = std::to_string(inbox.modseq);
    const std::string next = std::to_string(inbox.uid_next);
    std::vector<std::string> selected = {"* 2 EXISTS", "* OK [UIDVALIDITY 1] ok",
                                         "* OK [UIDNEXT " + next + "] ok"};
    std::string status = "* STATUS INBOX (MESSAGES 2 UIDNEXT " + next + " UIDVALIDITY 1 UNSEEN 1";
    if (inbox.modseq != 0) {
      selected.push_back("* OK [HIGHESTMODSEQ " + modseq + "] ok");
      status += " HIGHESTMODSEQ " + modseq;
    }
    const std::vector<std::string> facts = {
        "* 1 FETCH (UID 5 FLAGS (" + inbox.flags +
            ") INTERNALDATE \"01-Jan-2024 00:00:00 +0000\" RFC822.SIZE 100)",
        "* 2 FETCH (UID 9 FLAGS () INTERNALDATE \"02-Jan-2024 00:00:00 +0000\" RFC822.SIZE 200)"};
    server_->add_rule({"UID SEARCH *", {"* SEARCH 5 9"}});
    server_->add_rule({"UID FETCH *", facts});
    server_->add_rule({"STATUS INBOX *", {status + ")"}});
    std::vector<std::string> resynced = selected;
    if (!inbox.vanished.empty()) resynced.push_back("* VANISHED (EARLIER) " + inbox.vanished);
    const std::string done = "$0 OK [READ-WRITE] selected";
    selected.push_back(done);
    resynced.push_back(facts[0]);
    resynced.push_back(done);
    server_->add_rule({"SELECT *", selected});
    server_->add_rule({"SELECT * (QRESYNC *", resynced});
  }

  // The connection is lost: the next one looks around anew.
  void reconnect() {
    const std::size_t before = server_->connections();
    server_->hang_up();
    ASSERT_TRUE(wait([&] {
      return server_->connections() > before &&
             worker_->status().state == cache::RemoteStatus::State::kOnline;
    }));
  }

  bool becomes_seen() {
    return wait([this] { return account_->find_mailbox("INBOX")->unseen == 1; });
  }
  bool tier_becomes(std::string_view start) {
    return wait([&] { return worker_->status().tier.starts_with(start); });
  }
  std::size_t received(std::string_view part) const {
    std::size_t count = 0;
    for (const std::string& line : server_->received()) count += line.find(part) != line.npos;
    return count;
  }

  static constexpr std::string_view kBest = "IMAP4rev1 ENABLE CONDSTORE QRESYNC";
  std::unique_ptr<ScriptedServer> server_;
};

TEST_F(TierTest, UsesQresyncWhereItWorks) {
  ASSERT_NO_FATAL_FAILURE(serve(kBest, {.flags = "", .modseq = 20}));
  show({.flags = "\\Seen", .modseq = 21});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_EQ(worker_->status().tier, "QRESYNC");
  EXPECT_GT(received("(QRESYNC (1 20))"), 0U);
}

TEST_F(TierTest, ARefusedQresyncIsNotTriedAgain) {
  ASSERT_NO_FATAL_FAILURE(serve(kBest, {.flags = "", .modseq = 20}));
  show({.flags = "\\Seen", .modseq = 21});
  server_->add_rule({"SELECT * (QRESYNC *", {"$0 BAD what is this"}});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_TRUE(tier_becomes("CONDSTORE (")) << worker_->status().tier;
  show({.flags = "", .modseq = 22});
  reconnect();
  EXPECT_TRUE(wait([this] { return account_->find_mailbox("INBOX")->unseen == 2; }));
  EXPECT_TRUE(tier_becomes("CONDSTORE ("));
  EXPECT_EQ(received("(QRESYNC "), 1U);
}

TEST_F(TierTest, ARefusedCondstoreIsNotTriedAgain) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1 CONDSTORE", {.flags = "", .modseq = 20}));
  show({.flags = "\\Seen", .modseq = 21});
  server_->add_rule({"SELECT * (CONDSTORE)", {"$0 BAD what is this"}});
  const std::size_t before = received("(CONDSTORE)");
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_TRUE(tier_becomes("plain (")) << worker_->status().tier;
  reconnect();
  EXPECT_TRUE(tier_becomes("plain ("));
  EXPECT_EQ(received("(CONDSTORE)"), before + 1);
}

TEST_F(TierTest, ARefusedChangedsinceIsNotTriedAgain) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1 CONDSTORE", {.flags = "", .modseq = 20}));
  show({.flags = "\\Seen", .modseq = 21});
  server_->add_rule({"UID FETCH * (CHANGEDSINCE *", {"$0 BAD what is this"}});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_TRUE(tier_becomes("plain (")) << worker_->status().tier;
}

TEST_F(TierTest, CondstoreWithoutModseqIsNoCondstore) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1 CONDSTORE", {.flags = ""}));
  show({.flags = "\\Seen"});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_TRUE(tier_becomes("plain (")) << worker_->status().tier;
}

// Purelymail says 0, which is no number of anything.
TEST_F(TierTest, AModseqOfZeroTellsNothing) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1 CONDSTORE", {.flags = "", .modseq = 20}));
  show({.flags = "\\Seen"});
  server_->add_rule(
      {"STATUS INBOX *",
       {"* STATUS INBOX (MESSAGES 2 UIDNEXT 10 UIDVALIDITY 1 UNSEEN 1 HIGHESTMODSEQ 0)"}});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_EQ(messages(), 2U);
}

TEST_F(TierTest, AModseqThatGoesDownIsLookedInto) {
  ASSERT_NO_FATAL_FAILURE(serve(kBest, {.flags = "", .modseq = 20}));
  // Nothing has changed since 20, the server says, for it is at 12.
  show({.flags = "\\Seen", .modseq = 12});
  server_->add_rule({"SELECT * (QRESYNC *",
                     {"* 2 EXISTS", "* OK [UIDVALIDITY 1] ok", "* OK [UIDNEXT 10] ok",
                      "* OK [HIGHESTMODSEQ 12] ok", "$0 OK [READ-WRITE] selected"}});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_EQ(messages(), 2U);
  EXPECT_EQ(worker_->status().tier, "QRESYNC") << "once may be a backup";
  show({.flags = "", .modseq = 7});
  reconnect();
  EXPECT_TRUE(wait([this] { return account_->find_mailbox("INBOX")->unseen == 2; }));
  EXPECT_TRUE(tier_becomes("plain (")) << worker_->status().tier;
}

TEST_F(TierTest, AVanishedMessageThatIsThereComesBack) {
  ASSERT_NO_FATAL_FAILURE(serve(kBest, {.flags = "", .modseq = 20}));
  show({.flags = "\\Seen", .modseq = 21, .vanished = "1:8"});
  reconnect();
  EXPECT_TRUE(tier_becomes("CONDSTORE (")) << worker_->status().tier;
  EXPECT_TRUE(wait([this] { return messages() == 2; }));
  EXPECT_TRUE(becomes_seen());
}

// The flag changes, HIGHESTMODSEQ does not.
class UntoldFlagTest : public TierTest, public testing::WithParamInterface<const char*> {};

TEST_P(UntoldFlagTest, IsFoundByTheAudit) {
  settings_.sync.flag_sweep_interval = 20ms;
  ASSERT_NO_FATAL_FAILURE(serve(GetParam(), {.flags = "", .modseq = 20}));
  show({.flags = "\\Seen", .modseq = 20});
  server_->add_rule({"UID FETCH * (CHANGEDSINCE *", {}});
  EXPECT_TRUE(becomes_seen());
}

INSTANTIATE_TEST_SUITE_P(Each, UntoldFlagTest,
                         testing::Values("IMAP4rev1 CONDSTORE",
                                         "IMAP4rev1 ENABLE CONDSTORE QRESYNC"),
                         [](const auto& info) {
                           return info.index == 0 ? "Condstore" : "Qresync";
                         });

// ---- Other things that servers get wrong ----

// UIDNEXT below the UIDs that there are: found out once, and not believed again.
TEST_F(TierTest, AUidnextThatIsTooLowDoesNotHoldUpWrites) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1", {.flags = "", .uid_next = 6}));
  server_->add_rule({"UID STORE *", {}});
  imap::FlagList seen;
  seen.system.add(imap::SystemFlag::kSeen);
  for (const std::uint32_t uid : all_uids("INBOX")) {
    ASSERT_TRUE(run(account_->store_flags(id_of("INBOX"), imap::SequenceSet::of(uid, uid),
                                          {seen, {}}, std::nullopt, nullptr)));
  }
  EXPECT_TRUE(wait([this] { return nothing_unsent(); }));
  EXPECT_GT(received("UID STORE"), 0U);
  EXPECT_EQ(messages(), 2U);
}

// Courier and others: no UIDNEXT, no PERMANENTFLAGS, FETCH of sequence number 0.
TEST_F(TierTest, AServerThatTellsLittleIsEnough) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1", {.flags = ""}));
  server_->add_rule(
      {"SELECT *", {"* 1 EXISTS", "* 2 EXISTS", "* OK [UIDVALIDITY 1] ok", "$0 OK selected"}});
  server_->add_rule({"STATUS INBOX *", {"* STATUS INBOX (MESSAGES 2) "}});
  server_->add_rule({"UID FETCH *",
                     {"* 0 FETCH (FLAGS ())", "* 2 FETCH (UID 9 FLAGS ())", "* 1 FETCH (FLAGS ())",
                      "* 1 FETCH (UID 5 FLAGS (\\Seen))"}});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_EQ(messages(), 2U);
}

// UIDNEXT far above what there is (Gmail, Yahoo): an empty range is no loss.
TEST_F(TierTest, AUidnextThatRunsAheadIsNoNews) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1", {.flags = ""}));
  show({.flags = "\\Seen", .uid_next = 400'000});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_EQ(messages(), 2U);
  show({.flags = "", .uid_next = 10});
  reconnect();
  EXPECT_TRUE(wait([this] { return account_->find_mailbox("INBOX")->unseen == 2; }));
  EXPECT_EQ(messages(), 2U);
}

}  // namespace
}  // namespace upstream
