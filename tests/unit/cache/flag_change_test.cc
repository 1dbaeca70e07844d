#include "cache/flag_change.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/cache/account_fixture.h"

namespace cache {
namespace {

TEST(FlagChangeTest, TheLaterOneCounts) {
  KeywordTable keywords;
  FlagChange change(add(kSeen, {"a"}), &keywords);
  change.then(FlagChange(remove(kSeen, {"A"}), &keywords));
  change.then(FlagChange(add(kFlagged, {"b"}), &keywords));
  const Flags before = to_flags(flags_of(kSeen, {"a"}), &keywords);
  EXPECT_EQ(change.apply(before, &keywords), to_flags(flags_of(kFlagged, {"b"}), &keywords));
}

TEST(FlagChangeTest, AFlagThatIsAddedAndRemovedInOneIsAdded) {
  KeywordTable keywords;
  const FlagChange change({flags_of(kSeen, {"a"}), flags_of(kSeen, {"a"})}, &keywords);
  EXPECT_EQ(change.apply({}, &keywords), to_flags(flags_of(kSeen, {"a"}), &keywords));
}

TEST(FlagChangeTest, TheDifferenceOfTwoTurnsOneIntoTheOther) {
  KeywordTable keywords;
  const Flags from = to_flags(flags_of(kSeen, {"a", "b"}), &keywords);
  const Flags to = to_flags(flags_of(kDeleted, {"b", "c"}), &keywords);
  const FlagChange change(delta_between(from, to, keywords), &keywords);
  EXPECT_EQ(change.apply(from, &keywords), to);
}

TEST(PendingFlagsTest, IsWhatTheEntriesDoOneAfterTheOther) {
  std::mt19937 random(7);
  const auto pick = [&](std::uint32_t below) {
    return static_cast<std::uint32_t>(random() % below);
  };
  for (int round = 0; round < 50; ++round) {
    KeywordTable keywords;
    std::vector<JournalFlags> entries;
    for (std::uint32_t i = pick(30); i > 0; --i) {
      JournalFlags entry;
      for (std::uint32_t ranges = 1 + pick(3); ranges > 0; --ranges) {
        const std::uint32_t first = 1 + pick(60);
        entry.uids.add({first, first + pick(20)});
      }
      const auto some = imap::SystemFlags::from_bits(static_cast<std::uint8_t>(random()));
      entry.delta = pick(2) == 0 ? add(some, {"k" + std::to_string(pick(3))})
                                 : remove(some, {"k" + std::to_string(pick(3))});
      entries.push_back(std::move(entry));
    }
    std::vector<const JournalFlags*> pointers;
    for (const JournalFlags& entry : entries) pointers.push_back(&entry);
    // Names get their numbers in order of use, as they do in an account.
    for (const JournalFlags& entry : entries) FlagChange(entry.delta, &keywords);
    const PendingFlags pending(pointers, &keywords);
    for (std::uint32_t uid = 1; uid < 90; ++uid) {
      Flags expected = to_flags(flags_of(kSeen, {"k1"}), &keywords);
      const Flags before = expected;
      bool waits = false;
      for (const JournalFlags& entry : entries) {
        if (!entry.uids.contains(uid)) continue;
        waits = true;
        expected = FlagChange(entry.delta, &keywords).apply(expected, &keywords);
      }
      const FlagChange* change = pending.of(imap::Uid(uid));
      ASSERT_EQ(change != nullptr, waits) << uid;
      if (change != nullptr) EXPECT_EQ(change->apply(before, &keywords), expected) << uid;
    }
  }
}

}  // namespace
}  // namespace cache
