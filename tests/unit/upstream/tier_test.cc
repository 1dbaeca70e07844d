// What a server offers and gets wrong is not used again, and what it does not tell is found all the
// same.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/upstream/scripted_fixture.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;

using TierTest = ScriptedFixture;

TEST_F(TierTest, UsesQresyncWhereItWorks) {
  ASSERT_NO_FATAL_FAILURE(serve(kBest, {.flags = "", .modseq = 20}));
  show({.flags = "\\Seen", .modseq = 21});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_EQ(worker_->status().tier, "QRESYNC");
  EXPECT_TRUE(wait([this] { return received("(QRESYNC (1 20))") > 0; }));
}

TEST_F(TierTest, ARefusedQresyncIsNotTriedAgain) {
  ASSERT_NO_FATAL_FAILURE(serve(kBest, {.flags = "", .modseq = 20}));
  show({.flags = "\\Seen", .modseq = 21});
  server_->add_rule({"SELECT * (QRESYNC *", {"$0 BAD what is this"}});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_TRUE(tier_becomes("CONDSTORE (")) << worker_->status().tier;
  const std::size_t before = received("(QRESYNC ");
  show({.flags = "", .modseq = 22});
  reconnect();
  EXPECT_TRUE(wait([this] { return account_->find_mailbox("INBOX")->unseen == 2; }));
  EXPECT_TRUE(tier_becomes("CONDSTORE ("));
  EXPECT_EQ(received("(QRESYNC "), before);
}

TEST_F(TierTest, ARefusedCondstoreIsNotTriedAgain) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1 CONDSTORE", {.flags = "", .modseq = 20}));
  show({.flags = "\\Seen", .modseq = 21});
  server_->add_rule({"SELECT * (CONDSTORE)", {"$0 BAD what is this"}});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_TRUE(tier_becomes("plain (")) << worker_->status().tier;
  const std::size_t before = received("(CONDSTORE)");
  reconnect();
  EXPECT_TRUE(tier_becomes("plain ("));
  EXPECT_EQ(received("(CONDSTORE)"), before);
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
  EXPECT_TRUE(
      wait([this] { return account_->find_mailbox("INBOX")->upstream.highest_modseq == 12; }));
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

}  // namespace
}  // namespace upstream
