// What real servers do otherwise than the RFCs say, each as a server of a few lines.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/upstream/scripted_fixture.h"

namespace upstream {
namespace {

using QuirksTest = ScriptedFixture;

// UIDNEXT below the UIDs that there are: found out once, and not believed again.
TEST_F(QuirksTest, AUidnextThatIsTooLowDoesNotHoldUpWrites) {
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
TEST_F(QuirksTest, AServerThatTellsLittleIsEnough) {
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
TEST_F(QuirksTest, AUidnextThatRunsAheadIsNoNews) {
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

// iCloud: QRESYNC is offered, and ENABLE not confirmed.
TEST_F(QuirksTest, QresyncThatIsNotEnabledIsNotUsed) {
  plain_enable_ = true;
  ASSERT_NO_FATAL_FAILURE(serve(kBest, {.flags = "", .modseq = 20}));
  show({.flags = "\\Seen", .modseq = 21});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_EQ(worker_->status().tier, "CONDSTORE");
  EXPECT_EQ(received("(QRESYNC "), 0U);
}

// Strato: LIST with RETURN yields nothing.
TEST_F(QuirksTest, AnExtendedListThatIsEmptyIsAskedForPlainly) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1 LIST-EXTENDED LIST-STATUS", {.flags = ""}));
  server_->add_rule({"LIST * RETURN *", {}});
  show({.flags = "\\Seen"});
  reconnect();
  EXPECT_TRUE(becomes_seen());
}

// Proton Bridge: BAD to it.
TEST_F(QuirksTest, AnExtendedListThatIsRefusedIsAskedForPlainly) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1 LIST-EXTENDED SPECIAL-USE", {.flags = ""}));
  server_->add_rule({"LIST * RETURN *", {"$0 BAD what is this"}});
  show({.flags = "\\Seen"});
  reconnect();
  EXPECT_TRUE(becomes_seen());
}

// Exchange in its IMAP4rev2 mode: BAD to LSUB. Others: NO to NAMESPACE.
TEST_F(QuirksTest, LsubAndNamespaceMayBeRefused) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1 NAMESPACE", {.flags = ""}));
  server_->add_rule({"LSUB *", {"$0 BAD Command received in Invalid state."}});
  server_->add_rule({"NAMESPACE", {"$0 NO not connected"}});
  show({.flags = "\\Seen"});
  reconnect();
  EXPECT_TRUE(becomes_seen());
}

// Zimbra with a shared folder that is locked; trailing blanks in names at Exchange.
TEST_F(QuirksTest, AFolderThatCannotBeLookedAtLeavesTheOthersAlone) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1", {.flags = ""}));
  server_->add_rule({"LIST *",
                     {"* LIST () \"/\" INBOX", "* LIST () \"/\" \"Locked \"",
                      "* LIST (\\NonExistent) \"/\" Phantom", "* LIST () \"/\" Other"}});
  server_->add_rule({"STATUS *", {"$0 NO [SERVERBUG] not now"}});
  server_->add_rule({"SELECT *", {"$0 NO [SERVERBUG] not now"}});
  server_->add_rule(
      {"SELECT Other", {"* 0 EXISTS", "* OK [UIDVALIDITY 3] ok", "$0 OK [READ-WRITE] selected"}});
  const auto selected = [](std::uint32_t next) {
    return support::Rule{
        "SELECT INBOX",
        {"* 2 EXISTS", "* OK [UIDVALIDITY 1] ok", "* OK [UIDNEXT " + std::to_string(next) + "] ok",
         "$0 OK [READ-WRITE] selected"}};
  };
  server_->add_rule(selected(10));
  server_->add_rule(
      {"STATUS INBOX *", {"* STATUS INBOX (MESSAGES 2 UIDNEXT 10 UIDVALIDITY 1 UNSEEN 1)"}});
  server_->add_rule({"UID FETCH *", {"* 1 FETCH (UID 5 FLAGS (\\Seen))"}});
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_TRUE(wait([this] { return in_step("Other"); }));
  EXPECT_NE(account_->find_mailbox("Locked "), nullptr);
  const cache::MailboxRecord* phantom = account_->find_mailbox("Phantom");
  ASSERT_NE(phantom, nullptr);
  EXPECT_NE(phantom->attributes & cache::kNoSelect, 0U);
}

// A UIDVALIDITY that is not told, or 0, is no new one.
TEST_F(QuirksTest, AUidvalidityThatIsNotToldIsNoNewOne) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1", {.flags = ""}));
  show({.flags = "\\Seen"});
  server_->add_rule({"SELECT *",
                     {"* 2 EXISTS", "* OK [UIDVALIDITY 0] ok", "* OK [UIDNEXT 0] ok",
                      "$0 OK [READ-WRITE] selected"}});
  server_->add_rule({"STATUS INBOX *", {"* STATUS INBOX (MESSAGES 2 UIDVALIDITY 0)"}});
  const imap::SequenceSet before = all_uids("INBOX");
  reconnect();
  EXPECT_TRUE(becomes_seen());
  EXPECT_EQ(all_uids("INBOX"), before);
}

// Dovecot on a busy mailbox: MOVE is done, and told of, before the FETCH that came with it ends.
TEST_F(QuirksTest, ACopyuidThatComesBeforeAnotherAnswerIsHeard) {
  const support::Script greeting = {support::Send{"* OK ready\r\n"}};
  support::Script script = greeting;
  const std::string told = "* OK [COPYUID 3 5 41] moved\r\n* 1 EXPUNGE\r\n";
  for (const support::Step& step : support::Script{
           support::Expect{"$1 UID FETCH 5 UID"}, support::Expect{"$2 UID MOVE 5 Other"},
           support::Send{"* 1 FETCH (UID 5)\r\n" + told + "$1 OK fetched\r\n$2 OK moved\r\n"}}) {
    script.push_back(step);
  }
  scripts_ = {greeting, script};
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1 UIDPLUS MOVE", {.flags = ""}));
  server_->hang_up();
  server_->add_rule({"LIST *", {"* LIST () \"/\" INBOX", "* LIST () \"/\" Other"}});
  server_->add_rule({"SELECT Other",
                     {"* 0 EXISTS", "* OK [UIDVALIDITY 3] ok", "* OK [UIDNEXT 40] ok",
                      "$0 OK [READ-WRITE] selected"}});
  server_->add_rule(
      {"STATUS Other *", {"* STATUS Other (MESSAGES 0 UIDNEXT 40 UIDVALIDITY 3 UNSEEN 0)"}});
  server_->add_rule(
      {"UID FETCH * (* ENVELOPE *",
       {"* 1 FETCH (UID 5 FLAGS () INTERNALDATE \"01-Jan-2024 00:00:00 +0000\" RFC822.SIZE 100 "
        "ENVELOPE (NIL \"5\" NIL NIL NIL NIL NIL NIL NIL NIL) "
        "BODYSTRUCTURE (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 10 1) "
        "BODY[HEADER] {14}\r\nSubject: 5\r\n\r\n)"}});
  ASSERT_TRUE(wait([this] { return in_step("Other"); }));
  ASSERT_TRUE(run(account_->move(id_of("INBOX"), imap::SequenceSet::of(1, 1), id_of("Other"))));
  EXPECT_TRUE(wait([this] { return nothing_unsent(); }));
  const auto other = run(account_->open_mailbox(id_of("Other")));
  ASSERT_TRUE(other);
  EXPECT_NE((*other)->find_upstream(imap::Uid(41)), nullptr);
  EXPECT_EQ(received("UID FETCH 40:*"), 0U);
}

// Messages that the server cannot parse: with one connection, on which others wait for their turn
// all the time, it is not asked for them with every turn.
TEST_F(QuirksTest, AnEnvelopeThatIsNotToldIsAskedForOnce) {
  ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1", {.flags = ""}));
  ASSERT_TRUE(wait([this] { return received("ENVELOPE") > 0; }));
  (void)run(sleep_for(loop(), std::chrono::milliseconds(300)));
  EXPECT_EQ(received("ENVELOPE"), 1U);
}

}  // namespace
}  // namespace upstream
