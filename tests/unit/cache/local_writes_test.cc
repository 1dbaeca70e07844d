// STORE, APPEND, COPY, MOVE, EXPUNGE of clients of an account with upstream: what is seen at once,
// and what waits in the journal.
#include <gtest/gtest.h>

#include "tests/unit/cache/account_fixture.h"

namespace cache {
namespace {

class LocalWritesTest : public testing::Test {
 protected:
  LocalWritesTest() {
    EXPECT_TRUE(f.list({"Work"}).has_value());
    EXPECT_TRUE(f.merge_range("INBOX", 101, 105).has_value());
  }
  ~LocalWritesTest() override { f.check(); }

  template <class Op>
  const Op& op(std::size_t index) {
    return std::get<Op>(f.account().journal().at(f.entry(index)).op);
  }
  AccountFixture f;  // NOLINT(readability-identifier-naming): short in every line
};

TEST_F(LocalWritesTest, StoreIsSeenAtOnceAndWaitsForUpstream) {
  const std::uint64_t before = f.record("INBOX").highest_modseq;
  const auto stored = f.store_flags("INBOX", set_of(2, 3), add(kSeen, {"work"}));
  EXPECT_EQ(stored->changed, set_of(2, 3));
  EXPECT_EQ(f.shown("INBOX"), "1 2(\\Seen work) 3(\\Seen work) 4 5");
  EXPECT_EQ(f.record("INBOX").unseen, 3U);
  EXPECT_GT(f.record("INBOX").highest_modseq, before);
  EXPECT_EQ(f.journal(), "STORE");
  EXPECT_EQ(op<JournalFlags>(0).uids, set_of(2, 3));
  EXPECT_TRUE(f.box("INBOX")->find(imap::Uid(2))->upstream.system.empty());
}

TEST_F(LocalWritesTest, AStoreThatChangesNothingIsNotSent) {
  ASSERT_TRUE(f.store_flags("INBOX", set_of(2), add(kSeen)).has_value());
  const std::uint64_t modseq = f.record("INBOX").highest_modseq;
  const auto again = f.store_flags("INBOX", set_of(2), add(kSeen));
  EXPECT_EQ(again->changed, set_of(2)) << "it has the wanted flags";
  EXPECT_EQ(f.record("INBOX").highest_modseq, modseq);
  EXPECT_EQ(f.journal(), "STORE");
}

TEST_F(LocalWritesTest, AStoreIsSentWhileUpstreamsFlagsAreNotKnown) {
  UpstreamMessage bare;
  bare.uid = imap::Uid(200);
  ASSERT_TRUE(f.merge("INBOX", {bare}).has_value());
  ASSERT_TRUE(f.store_flags("INBOX", set_of(6), remove(kSeen)).has_value());
  EXPECT_EQ(f.journal(), "STORE");
  ASSERT_TRUE(f.merge("INBOX", {upstream_message(200, flags_of(kSeen | kFlagged))}).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 2 3 4 5 6(\\Flagged)");
}

TEST_F(LocalWritesTest, UnchangedSinceLeavesTheChangedAlone) {
  const std::uint64_t since = f.record("INBOX").highest_modseq;
  ASSERT_TRUE(f.store_flags("INBOX", set_of(3), add(kFlagged)).has_value());
  const auto stored =
      f.run(f.account().store_flags(f.id("INBOX"), set_of(2, 4), add(kSeen), since, nullptr));
  imap::SequenceSet others = set_of(2);
  others.add(4U);
  EXPECT_EQ(stored->changed, others);
  EXPECT_EQ(stored->modified, set_of(3));
  EXPECT_EQ(f.shown("INBOX"), "1 2(\\Seen) 3(\\Flagged) 4(\\Seen) 5");
}

TEST_F(LocalWritesTest, ReplacingFlagsIsJournaledAsWhatItChanges) {
  ASSERT_TRUE(f.store_flags("INBOX", set_of(2), add(kSeen, {"a"})).has_value());
  ASSERT_TRUE(f.run(f.account().replace_flags(f.id("INBOX"), set_of(1, 3),
                                              flags_of(kFlagged, {"b"}), std::nullopt, nullptr))
                  .has_value());
  EXPECT_EQ(f.shown("INBOX"), "1(\\Flagged b) 2(\\Flagged b) 3(\\Flagged b) 4 5");
  EXPECT_EQ(f.journal(), "STORE STORE STORE") << "one for each set of flags that was there";
  bool found = false;
  for (std::size_t i = 1; i < 3; ++i) {
    const JournalFlags& flags = op<JournalFlags>(i);
    if (flags.uids != set_of(2)) continue;
    found = true;
    EXPECT_EQ(flags.delta.add, flags_of(kFlagged, {"b"}));
    EXPECT_EQ(flags.delta.remove, flags_of(kSeen, {"a"}));
  }
  EXPECT_TRUE(found);
}

TEST_F(LocalWritesTest, TooManyKeywordsAreRefused) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= KeywordTable::kMaxKeywords; ++i) {
    names.push_back("k" + std::to_string(i));
  }
  const auto stored = f.store_flags("INBOX", set_of(1), add({}, names));
  ASSERT_FALSE(stored.has_value());
  EXPECT_EQ(stored.error().code(), Errc::kLimit);
  EXPECT_EQ(f.shown("INBOX"), "1 2 3 4 5");
}

TEST_F(LocalWritesTest, AppendHasItsFinalUidAtOnce) {
  const auto appended = f.append("INBOX", mail("draft"), flags_of(kSeen));
  EXPECT_EQ(appended->uid, imap::Uid(6));
  const MessageEntry entry = *f.box("INBOX")->find(imap::Uid(6));
  EXPECT_FALSE(entry.upstream_uid.is_set());
  EXPECT_EQ(entry.size, mail("draft").size());
  EXPECT_EQ(entry.internal_date, 1'700'000'000);
  EXPECT_EQ(entry.date_zone, 60);
  EXPECT_EQ(op<JournalAppend>(0).message, entry.message);
}

TEST_F(LocalWritesTest, AppendToAMereNameOrNowhereIsRefused) {
  auto listed = f.listed("Names");
  listed.attributes = kNoSelect;
  ASSERT_TRUE(
      f.run(f.account().set_upstream_mailboxes({f.listed("INBOX"), f.listed("Work"), listed}))
          .has_value());
  EXPECT_EQ(f.append("Names", mail("x")).error().code(), Errc::kNotFound);
  EXPECT_EQ(f.append("Nowhere", mail("x")).error().code(), Errc::kNotFound);
}

TEST_F(LocalWritesTest, AppendThenExpungeIsNothing) {
  ASSERT_TRUE(f.append("INBOX", mail("draft")).has_value());
  ASSERT_TRUE(f.store_flags("INBOX", set_of(6), add(kDeleted)).has_value());
  const auto removed = f.run(f.account().expunge(f.id("INBOX"), std::nullopt));
  EXPECT_EQ(*removed, set_of(6));
  EXPECT_EQ(f.journal(), "");
  EXPECT_TRUE(f.box("INBOX")->hidden().empty());
  EXPECT_EQ(f.store().count(Family::kBody), 0U);
}

TEST_F(LocalWritesTest, AppendThatWasSentThenExpungeWaits) {
  ASSERT_TRUE(f.append("INBOX", mail("draft")).has_value());
  ASSERT_TRUE(f.run(f.account().mark_in_flight({f.entry(0)}, {})).has_value());
  ASSERT_TRUE(f.expunge("INBOX", set_of(6)).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 2 3 4 5");
  EXPECT_EQ(f.journal(), "APPEND/sent EXPUNGE");
  ASSERT_TRUE(
      f.run(f.account().replayed({f.entry(0)}, ReplayedUids{{}, {{imap::Uid(6), imap::Uid(110)}}}))
          .has_value());
  EXPECT_EQ(f.box("INBOX")->hidden()[0].upstream_uid, imap::Uid(110));
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, std::nullopt)).has_value());
  EXPECT_TRUE(f.box("INBOX")->hidden().empty());
}

TEST_F(LocalWritesTest, ExpungeHidesUntilUpstreamHasDoneIt) {
  ASSERT_TRUE(f.store_flags("INBOX", set_of(2), add(kDeleted)).has_value());
  EXPECT_EQ(f.record("INBOX").deleted, 1U);
  const auto removed = f.run(f.account().expunge(f.id("INBOX"), std::nullopt));
  EXPECT_EQ(*removed, set_of(2));
  EXPECT_EQ(f.shown("INBOX"), "1 3 4 5");
  EXPECT_EQ(f.record("INBOX").messages, 4U);
  EXPECT_EQ(f.record("INBOX").deleted, 0U);
  EXPECT_EQ(f.journal(), "STORE EXPUNGE");
  // A report that comes late does not bring it back.
  ASSERT_TRUE(f.merge_range("INBOX", 101, 105).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 3 4 5");
  f.reopen();
  EXPECT_EQ(f.shown("INBOX"), "1 3 4 5");
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0), f.entry(1)}, std::nullopt)).has_value());
  EXPECT_EQ(f.journal(), "");
  EXPECT_TRUE(f.box("INBOX")->hidden().empty());
}

TEST_F(LocalWritesTest, UidExpungeRemovesOnlyTheDeletedOfItsSet) {
  ASSERT_TRUE(f.store_flags("INBOX", set_of(2, 3), add(kDeleted)).has_value());
  const auto removed = f.run(f.account().expunge(f.id("INBOX"), set_of(3, 5)));
  EXPECT_EQ(*removed, set_of(3));
  EXPECT_EQ(f.shown("INBOX"), "1 2(\\Deleted) 4 5");
}

TEST_F(LocalWritesTest, CopySharesTheContent) {
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(2), mail("two")).has_value());
  ASSERT_TRUE(f.store_flags("INBOX", set_of(2), add(kSeen)).has_value());
  const auto copied = f.copy("INBOX", set_of(2, 3), "Work");
  EXPECT_EQ(copied->uid_validity, f.record("Work").uid_validity);
  ASSERT_EQ(copied->uids.size(), 2U);
  EXPECT_EQ(copied->uids[0], std::pair(imap::Uid(2), imap::Uid(1)));
  EXPECT_EQ(f.shown("Work"), "1(\\Seen) 2");
  EXPECT_EQ(f.body("Work", imap::Uid(1)), mail("two"));
  EXPECT_EQ(f.box("Work")->find(imap::Uid(1))->message,
            f.box("INBOX")->find(imap::Uid(2))->message);
  EXPECT_EQ(f.journal(), "STORE COPY");
  // The body of one is the body of the other.
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(3), mail("three")).has_value());
  EXPECT_TRUE(f.box("Work")->find(imap::Uid(2))->has(kHaveBody));
  EXPECT_EQ(f.box("Work")->find(imap::Uid(2))->size, mail("three").size());
}

TEST_F(LocalWritesTest, ContentStaysAsLongAsAnyRowNeedsIt) {
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(2), mail("two")).has_value());
  ASSERT_TRUE(f.copy("INBOX", set_of(2), "Work").has_value());
  ASSERT_TRUE(
      f.run(f.account().replayed({f.entry(0)}, ReplayedUids{{}, {{imap::Uid(1), imap::Uid(9)}}}))
          .has_value());
  ASSERT_TRUE(f.vanish("INBOX", set_of(102)).has_value());
  f.check();
  EXPECT_EQ(f.body("Work", imap::Uid(1)), mail("two"));
  ASSERT_TRUE(f.vanish("Work", set_of(9)).has_value());
  f.check();
  EXPECT_EQ(f.store().count(Family::kBody), 0U);
}

TEST_F(LocalWritesTest, MoveHidesTheSource) {
  const auto moved = f.move("INBOX", set_of(2, 3), "Work");
  ASSERT_EQ(moved->uids.size(), 2U);
  EXPECT_EQ(f.shown("INBOX"), "1 4 5");
  EXPECT_EQ(f.shown("Work"), "1 2");
  EXPECT_EQ(f.journal(), "MOVE");
  EXPECT_TRUE(op<JournalCopy>(0).move);
  ASSERT_TRUE(
      f.run(f.account().replayed(
                {f.entry(0)},
                ReplayedUids{{}, {{imap::Uid(1), imap::Uid(7)}, {imap::Uid(2), imap::Uid(8)}}}))
          .has_value());
  EXPECT_TRUE(f.box("INBOX")->hidden().empty());
  EXPECT_EQ(f.box("Work")->find_upstream(imap::Uid(8))->uid, imap::Uid(2));
}

TEST_F(LocalWritesTest, MoveOfWhatWasNotSentYetIsSentToItsNewPlace) {
  ASSERT_TRUE(f.append("INBOX", mail("draft"), flags_of(kSeen)).has_value());
  ASSERT_TRUE(f.store_flags("INBOX", set_of(6), add(kFlagged)).has_value());
  ASSERT_TRUE(f.move("INBOX", set_of(6), "Work").has_value());
  EXPECT_EQ(f.journal(), "APPEND");
  EXPECT_EQ(op<JournalAppend>(0).mailbox, f.id("Work"));
  EXPECT_EQ(op<JournalAppend>(0).flags, flags_of(kSeen | kFlagged));
  EXPECT_TRUE(f.box("INBOX")->hidden().empty());
  EXPECT_EQ(f.body("Work", imap::Uid(1)), mail("draft"));
}

TEST_F(LocalWritesTest, MoveThenExpungeIsAnExpungeOfTheSource) {
  ASSERT_TRUE(f.move("INBOX", set_of(2, 3), "Work").has_value());
  ASSERT_TRUE(f.expunge("Work", set_of(1)).has_value());
  EXPECT_EQ(f.journal(), "MOVE EXPUNGE");
  EXPECT_EQ(op<JournalCopy>(0).uids.size(), 1U);
  EXPECT_EQ(op<JournalExpunge>(1).mailbox, f.id("INBOX"));
  EXPECT_EQ(op<JournalExpunge>(1).uids, set_of(2));
  ASSERT_TRUE(f.expunge("Work", set_of(2)).has_value());
  EXPECT_EQ(f.journal(), "EXPUNGE EXPUNGE");
}

TEST_F(LocalWritesTest, CopyThenExpungeOfTheCopyIsNothing) {
  ASSERT_TRUE(f.copy("INBOX", set_of(1, 5), "Work").has_value());
  ASSERT_TRUE(f.expunge("Work", set_of(1, 5)).has_value());
  EXPECT_EQ(f.journal(), "");
}

TEST_F(LocalWritesTest, ACopyOfACancelledUploadIsUploadedItself) {
  ASSERT_TRUE(f.append("INBOX", mail("draft"), flags_of(kSeen)).has_value());
  ASSERT_TRUE(f.copy("INBOX", set_of(6), "Work").has_value());
  ASSERT_TRUE(f.expunge("INBOX", set_of(6)).has_value());
  EXPECT_EQ(f.journal(), "APPEND");
  EXPECT_EQ(op<JournalAppend>(0).mailbox, f.id("Work"));
  EXPECT_EQ(f.body("Work", imap::Uid(1)), mail("draft"));
}

TEST_F(LocalWritesTest, MessagesCanBeCopiedWithinTheirMailbox) {
  ASSERT_TRUE(f.copy("INBOX", set_of(4, 5), "INBOX").has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 2 3 4 5 6 7");
  ASSERT_TRUE(f.move("INBOX", set_of(1), "INBOX").has_value());
  EXPECT_EQ(f.shown("INBOX"), "2 3 4 5 6 7 8");
}

TEST_F(LocalWritesTest, WritesOfManyMessagesAreOneEntry) {
  ASSERT_TRUE(f.merge_range("Work", 1, 2'000).has_value());
  ASSERT_TRUE(f.store_flags("Work", set_of(1, 2'000), add(kSeen)).has_value());
  ASSERT_TRUE(f.move("Work", set_of(1, 2'000), "INBOX").has_value());
  EXPECT_EQ(f.journal(), "STORE MOVE");
  EXPECT_EQ(f.record("INBOX").messages, 2'005U);
  EXPECT_EQ(f.record("Work").messages, 0U);
}

TEST_F(LocalWritesTest, VanishedIsExactSinceAModSeq) {
  const std::uint64_t start = f.record("INBOX").highest_modseq;
  ASSERT_TRUE(f.expunge("INBOX", set_of(2)).has_value());
  const std::uint64_t middle = f.record("INBOX").highest_modseq;
  ASSERT_TRUE(f.expunge("INBOX", set_of(4, 5)).has_value());
  const auto since = [&](std::uint64_t modseq) {
    return f.run(f.account().vanished_since(f.id("INBOX"), modseq))->encode();
  };
  EXPECT_EQ(since(start), "2,4:5");
  EXPECT_EQ(since(middle), "4:5");
  EXPECT_TRUE(
      f.run(f.account().vanished_since(f.id("INBOX"), f.record("INBOX").highest_modseq))->empty());
  EXPECT_EQ(since(0), "2,4:5") << "from before the mailbox was made: all that is not there";
}

TEST_F(LocalWritesTest, OldChangesArePrunedWithAFloor) {
  ASSERT_TRUE(f.merge_range("Work", 1, 11'000).has_value());
  for (std::uint32_t uid = 1; uid <= 10'500; ++uid) {
    ASSERT_TRUE(f.vanish("Work", set_of(uid)).has_value());
  }
  EXPECT_LE(f.store().count(Family::kChanges), 10'000U);
  EXPECT_GT(f.record("Work").changes_floor, f.record("Work").highest_modseq - 10'000);
  const auto all = f.run(f.account().vanished_since(f.id("Work"), 5));
  EXPECT_EQ(all->encode(), "1:10500");
  const auto some =
      f.run(f.account().vanished_since(f.id("Work"), f.record("Work").highest_modseq - 100));
  EXPECT_EQ(some->encode(), "10401:10500");
}

TEST_F(LocalWritesTest, AMessageMovedOnwardsIsNotLostWithTheMailboxInBetween) {
  ASSERT_TRUE(f.list({"Work", "Old"}).has_value());
  ASSERT_TRUE(f.merge_range("INBOX", 1, 1).has_value());  // its body is not here
  ASSERT_TRUE(f.move("INBOX", set_of(1), "Work").has_value());
  ASSERT_TRUE(f.move("Work", set_of(1), "Old").has_value());
  ASSERT_TRUE(f.store_flags("Old", set_of(1), add(kSeen)).has_value());
  ASSERT_TRUE(f.run(f.account().delete_mailbox("Work")).has_value());
  EXPECT_EQ(f.shown("INBOX"), "2 3 4 5 6");
  EXPECT_EQ(f.shown("Old"), "1(\\Seen)");
  EXPECT_EQ(f.journal(), "COPY STORE EXPUNGE DELETE") << "copied before it is expunged";
  f.check();
  f.reopen();
  EXPECT_EQ(f.shown("Old"), "1(\\Seen)");
}

}  // namespace
}  // namespace cache
