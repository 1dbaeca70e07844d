#include <gtest/gtest.h>

#include "tests/unit/cache/account_fixture.h"

namespace cache {
namespace {

AccountOptions limited(std::uint64_t bytes) {
  return {.name = "work", .local = false, .cache_limit_bytes = bytes};
}

class EvictTest : public testing::Test {
 protected:
  EvictTest() {
    EXPECT_TRUE(f.list({"Work"}).has_value());
    EXPECT_TRUE(f.merge_range("INBOX", 1, 10).has_value());
    for (std::uint32_t uid = 1; uid <= 10; ++uid) {
      EXPECT_TRUE(
          f.fetch("INBOX", imap::Uid(uid), mail("m") + std::string(1'000, 'x')).has_value());
    }
  }
  ~EvictTest() override { f.check(); }
  std::string with_body(std::string_view mailbox) {
    imap::SequenceSet uids;
    for (const MessageEntry& entry : f.box(mailbox)->messages()) {
      if (entry.has(kHaveBody)) uids.add(entry.uid);
    }
    return uids.empty() ? "" : uids.encode();
  }
  AccountFixture f{limited(8'000)};  // NOLINT(readability-identifier-naming): short in every line
};

TEST_F(EvictTest, TheLeastRecentlyReadGoFirst) {
  // All arrived in the same hour: those read since then stay. Six of them are 6.8 kB: no more than
  // nine tenths of the limit.
  f.account().touched(f.box("INBOX")->find(imap::Uid(1))->message);
  f.account().touched(f.box("INBOX")->find(imap::Uid(2))->message);
  ASSERT_TRUE(f.run(f.account().evict()).has_value());
  EXPECT_EQ(with_body("INBOX"), "1:2,7:10");
  EXPECT_EQ(f.record("INBOX").bodies, 6U);
  EXPECT_EQ(f.record("INBOX").summaries, 10U) << "listing needs no network";
  EXPECT_TRUE(f.account().reader().digest(f.box("INBOX")->find(imap::Uid(3))->message).has_value());
  f.check();
  // It can come back.
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(3), mail("again")).has_value());
  EXPECT_EQ(f.body("INBOX", imap::Uid(3)), mail("again"));
}

TEST_F(EvictTest, NothingGoesWhileTheLimitIsKept) {
  AccountFixture g(limited(1'000'000));
  ASSERT_TRUE(g.merge_range("INBOX", 1, 1).has_value());
  ASSERT_TRUE(g.fetch("INBOX", imap::Uid(1), mail("x")).has_value());
  ASSERT_TRUE(g.run(g.account().evict()).has_value());
  EXPECT_EQ(g.record("INBOX").bodies, 1U);
}

TEST_F(EvictTest, WhatUpstreamDoesNotHaveStays) {
  AccountFixture g(limited(100));
  ASSERT_TRUE(g.list({"Work"}).has_value());
  ASSERT_TRUE(g.merge_range("INBOX", 1, 3).has_value());
  for (std::uint32_t uid = 1; uid <= 3; ++uid) {
    ASSERT_TRUE(g.fetch("INBOX", imap::Uid(uid), mail("theirs")).has_value());
  }
  ASSERT_TRUE(g.append("INBOX", mail("mine")).has_value());
  ASSERT_TRUE(g.copy("INBOX", set_of(1), "Work").has_value());
  ASSERT_TRUE(g.run(g.account().evict()).has_value());
  EXPECT_TRUE(g.box("INBOX")->find(imap::Uid(1))->has(kHaveBody)) << "a copy waits for it";
  EXPECT_FALSE(g.box("INBOX")->find(imap::Uid(2))->has(kHaveBody));
  EXPECT_TRUE(g.box("INBOX")->find(imap::Uid(4))->has(kHaveBody));
  g.check();
  ASSERT_TRUE(
      g.run(g.account().replayed({g.entry(0)}, ReplayedUids{{}, {{imap::Uid(4), imap::Uid(9)}}}))
          .has_value());
  ASSERT_TRUE(g.run(g.account().evict()).has_value());
  EXPECT_FALSE(g.box("INBOX")->find(imap::Uid(4))->has(kHaveBody));
  g.check();
}

TEST_F(EvictTest, ALocalAccountEvictsNothing) {
  AccountFixture g({.name = "home", .local = true, .cache_limit_bytes = 10});
  ASSERT_TRUE(g.append("INBOX", mail("mine")).has_value());
  ASSERT_TRUE(g.run(g.account().evict()).has_value());
  EXPECT_EQ(g.body("INBOX", imap::Uid(1)), mail("mine"));
}

TEST_F(EvictTest, TouchesAreStoredNowAndThen) {
  for (std::uint64_t i = 0; i < 250; ++i) f.account().touched(MessageId(1'000 + i));
  f.executor().run();
  EXPECT_TRUE(f.account().is_settled());
}

}  // namespace
}  // namespace cache
