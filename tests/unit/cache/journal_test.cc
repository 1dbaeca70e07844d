// How entries of the journal end: done, put off, refused, dropped; and what the rest becomes then.
#include <gtest/gtest.h>

#include "tests/unit/cache/account_fixture.h"

namespace cache {
namespace {

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    EXPECT_TRUE(f.list({"Work"}).has_value());
    EXPECT_TRUE(f.merge_range("INBOX", 101, 104).has_value());
  }
  ~JournalTest() override { f.check(); }
  const JournalEntry& at(std::size_t index) { return f.account().journal().at(f.entry(index)); }
  std::vector<JournalSeq> first() { return {f.entry(0)}; }
  AccountFixture f;  // NOLINT(readability-identifier-naming): short in every line
};

TEST_F(JournalTest, AReplayedAppendIsBound) {
  ASSERT_TRUE(f.append("INBOX", mail("x")).has_value());
  EXPECT_FALSE(f.account().creation_in_flight(f.id("INBOX")));
  ASSERT_TRUE(f.run(f.account().mark_in_flight(first(), {imap::UidValidity(3), imap::Uid(105)}))
                  .has_value());
  EXPECT_TRUE(f.account().creation_in_flight(f.id("INBOX")));
  f.crash(true);
  EXPECT_EQ(f.journal(), "APPEND/sent");
  EXPECT_EQ(at(0).in_flight, (InFlight{imap::UidValidity(3), imap::Uid(105)}));
  ASSERT_TRUE(
      f.run(f.account().replayed(first(), ReplayedUids{{}, {{imap::Uid(5), imap::Uid(105)}}}))
          .has_value());
  ASSERT_TRUE(f.merge_range("INBOX", 101, 105).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 2 3 4 5") << "not a second time";
}

TEST_F(JournalTest, AnEntryThatIsGoneCannotBeSent) {
  ASSERT_TRUE(f.append("INBOX", mail("x")).has_value());
  const std::vector<JournalSeq> entries = first();
  ASSERT_TRUE(f.expunge("INBOX", set_of(5)).has_value());
  EXPECT_EQ(f.run(f.account().mark_in_flight(entries, {})).error().code(), Errc::kStale);
  EXPECT_TRUE(f.run(f.account().replayed(entries, std::nullopt)).has_value());
  EXPECT_TRUE(f.run(f.account().retry_later(entries, "NO", 1)).has_value());
  EXPECT_TRUE(f.run(f.account().park(entries, "NO")).has_value());
  EXPECT_TRUE(f.run(f.account().drop(entries)).has_value());
}

TEST_F(JournalTest, WhatIsPutOffKeepsItsReason) {
  ASSERT_TRUE(f.store_flags("INBOX", set_of(1), add(kSeen)).has_value());
  ASSERT_TRUE(f.run(f.account().retry_later(first(), "NO [INUSE] later", 99)).has_value());
  f.reopen();
  EXPECT_EQ(at(0).attempts, 1U);
  EXPECT_EQ(at(0).next_try, 99);
  EXPECT_EQ(at(0).last_answer, "NO [INUSE] later");
  EXPECT_EQ(f.shown("INBOX"), "1(\\Seen) 2 3 4");
}

TEST_F(JournalTest, ParkedFlagsStayVisibleUntilTheyAreDropped) {
  ASSERT_TRUE(f.store_flags("INBOX", set_of(1), add(kSeen, {"mine"})).has_value());
  ASSERT_TRUE(f.run(f.account().park(first(), "NO read-only")).has_value());
  ASSERT_TRUE(f.merge_range("INBOX", 101, 104, flags_of(kFlagged)).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1(\\Flagged \\Seen mine) 2(\\Flagged) 3(\\Flagged) 4(\\Flagged)");
  ASSERT_TRUE(f.run(f.account().unpark(first())).has_value());
  EXPECT_EQ(f.journal(), "STORE");
  ASSERT_TRUE(f.run(f.account().drop(first())).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1(\\Flagged) 2(\\Flagged) 3(\\Flagged) 4(\\Flagged)");
}

TEST_F(JournalTest, DroppedKeywordsThatUpstreamRefusesGoToo) {
  UpstreamState state;
  state.name = "INBOX";
  state.accepts_keywords = false;
  ASSERT_TRUE(f.run(f.account().set_upstream_state(f.id("INBOX"), state)).has_value());
  ASSERT_TRUE(f.store_flags("INBOX", set_of(1), add({}, {"mine"})).has_value());
  ASSERT_TRUE(f.run(f.account().drop(first())).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 2 3 4");
}

TEST_F(JournalTest, ARefusedMessageIsKeptWhereItIsAndInRecovered) {
  ASSERT_TRUE(f.append("INBOX", mail("too big"), flags_of(kSeen)).has_value());
  ASSERT_TRUE(f.run(f.account().mark_in_flight(first(), {})).has_value());
  ASSERT_TRUE(f.run(f.account().park(first(), "NO [TOOBIG]")).has_value());
  EXPECT_EQ(f.journal(), "APPEND/parked");
  EXPECT_EQ(f.shown("INBOX"), "1 2 3 4 5(\\Seen)");
  EXPECT_EQ(f.shown("Recovered"), "1(\\Seen $UploadRefused)");
  EXPECT_EQ(f.body("Recovered", imap::Uid(1)), mail("too big"));
  f.check();
  ASSERT_TRUE(f.run(f.account().unpark(first())).has_value());
  ASSERT_TRUE(f.run(f.account().park(first(), "NO [TOOBIG]")).has_value());
  EXPECT_EQ(f.record("Recovered").messages, 1U) << "once is enough";
  ASSERT_TRUE(f.run(f.account().drop(first())).has_value());
  EXPECT_EQ(f.journal(), "");
  EXPECT_EQ(f.shown("INBOX"), "1 2 3 4");
  EXPECT_EQ(f.body("Recovered", imap::Uid(1)), mail("too big"));
}

TEST_F(JournalTest, ADroppedAppendIsKeptInRecovered) {
  ASSERT_TRUE(f.append("INBOX", mail("x")).has_value());
  ASSERT_TRUE(f.store_flags("INBOX", set_of(5), add(kSeen)).has_value());
  ASSERT_TRUE(f.run(f.account().drop(first())).has_value());
  EXPECT_EQ(f.journal(), "");
  EXPECT_EQ(f.shown("INBOX"), "1 2 3 4");
  EXPECT_EQ(f.shown("Recovered"), "1(\\Seen $GivenUp)");
}

TEST_F(JournalTest, ADroppedExpungeShowsTheMessageUnderANewUid) {
  ASSERT_TRUE(f.store_flags("INBOX", set_of(2), add(kDeleted | kSeen)).has_value());
  ASSERT_TRUE(f.expunge("INBOX", set_of(2)).has_value());
  ASSERT_TRUE(f.run(f.account().drop({f.entry(1)})).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 3 4 5(\\Seen)");
  EXPECT_EQ(f.box("INBOX")->find_upstream(imap::Uid(102))->uid, imap::Uid(5));
  EXPECT_EQ(f.journal(), "STORE");
}

TEST_F(JournalTest, ADroppedMoveComesBack) {
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(2), mail("two")).has_value());
  ASSERT_TRUE(f.move("INBOX", set_of(2, 3), "Work").has_value());
  ASSERT_TRUE(f.run(f.account().drop(first())).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 4 5 6");
  EXPECT_EQ(f.shown("Work"), "");
  EXPECT_EQ(f.journal(), "");
  f.check();
  EXPECT_EQ(f.body("INBOX", imap::Uid(5)), mail("two"));
}

TEST_F(JournalTest, ADroppedCopyIsGoneAndTheSourceStays) {
  ASSERT_TRUE(f.copy("INBOX", set_of(2, 3), "Work").has_value());
  ASSERT_TRUE(f.run(f.account().drop(first())).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 2 3 4");
  EXPECT_EQ(f.shown("Work"), "");
}

TEST_F(JournalTest, ADroppedCreateTakesTheMailboxAndKeepsItsMessages) {
  ASSERT_TRUE(f.run(f.account().create_mailbox("New", 0)).has_value());
  ASSERT_TRUE(f.append("New", mail("x")).has_value());
  ASSERT_TRUE(f.move("INBOX", set_of(1), "New").has_value());
  ASSERT_TRUE(f.run(f.account().drop(first())).has_value());
  EXPECT_EQ(f.account().find_mailbox("New"), nullptr);
  EXPECT_EQ(f.shown("Recovered"), "1($MailboxGone)");
  EXPECT_EQ(f.shown("INBOX"), "2 3 4 5");
  EXPECT_EQ(f.journal(), "");
}

TEST_F(JournalTest, ADroppedDeleteIsForgotten) {
  ASSERT_TRUE(f.merge_range("Work", 1, 3).has_value());
  ASSERT_TRUE(f.run(f.account().delete_mailbox("Work")).has_value());
  ASSERT_TRUE(f.run(f.account().drop(first())).has_value());
  EXPECT_EQ(f.journal(), "");
  f.check();
  ASSERT_TRUE(f.list({"Work"}).has_value());
  EXPECT_EQ(f.shown("Work"), "") << "to be synced anew";
}

TEST_F(JournalTest, AMoveWhoseSourceIsGoneUpstreamIsUploaded) {
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(1), mail("one")).has_value());
  ASSERT_TRUE(f.move("INBOX", set_of(1, 3), "Work").has_value());
  ASSERT_TRUE(f.store_flags("Work", set_of(1), add(kSeen)).has_value());
  ASSERT_TRUE(f.vanish("INBOX", set_of(101, 102)).has_value());
  EXPECT_EQ(f.journal(), "MOVE APPEND");
  EXPECT_EQ(f.shown("Work"), "1(\\Seen) 3") << "the second was nowhere else";
  EXPECT_EQ(std::get<JournalAppend>(at(1).op).flags, flags_of(kSeen));
  EXPECT_EQ(f.body("Work", imap::Uid(1)), mail("one"));
}

TEST_F(JournalTest, AMoveThatWasSentIsLookedForBeforeItIsUploaded) {
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(1), mail("one")).has_value());
  ASSERT_TRUE(f.move("INBOX", set_of(1), "Work").has_value());
  ASSERT_TRUE(f.run(f.account().mark_in_flight(first(), {})).has_value());
  ASSERT_TRUE(f.vanish("INBOX", set_of(101)).has_value());
  EXPECT_EQ(f.journal(), "MOVE/sent") << "it may have done what it was to do";
  EXPECT_EQ(f.shown("Work"), "1");
  // It was not there.
  ASSERT_TRUE(f.run(f.account().retry_later(first(), "lost", 0)).has_value());
  EXPECT_EQ(f.journal(), "APPEND");
}

TEST_F(JournalTest, ChainsOfCopiesAreFollowed) {
  ASSERT_TRUE(f.run(f.account().create_mailbox("A", 0)).has_value());
  ASSERT_TRUE(f.run(f.account().create_mailbox("B", 0)).has_value());
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(1), mail("one")).has_value());
  ASSERT_TRUE(f.copy("INBOX", set_of(1, 2), "A").has_value());
  ASSERT_TRUE(f.move("A", set_of(1, 2), "B").has_value());
  ASSERT_TRUE(f.vanish("INBOX", set_of(101, 102)).has_value());
  f.check();
  EXPECT_EQ(f.body("B", imap::Uid(1)), mail("one"));
  EXPECT_EQ(f.shown("B"), "1");
}

TEST_F(JournalTest, EventsTellOfTheJournal) {
  bool told = false;
  TaskGroup group(&f.executor());
  group.spawn([](Account* account, bool* flag) -> Task<void> {
    *flag = (co_await account->journal_changed().wait()).has_value();
  }(&f.account(), &told));
  ASSERT_TRUE(f.store_flags("INBOX", set_of(1), add(kSeen)).has_value());
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace cache
