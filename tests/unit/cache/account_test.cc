#include "cache/account.h"

#include "tests/unit/cache/account_fixture.h"

namespace cache {
namespace {

TEST(AccountTest, HasAnInboxFromTheStart) {
  AccountFixture f;
  ASSERT_NE(f.account().find_mailbox("INBOX"), nullptr);
  EXPECT_TRUE(f.record("INBOX").uid_validity.is_set());
  EXPECT_EQ(f.record("INBOX").uid_next, imap::Uid(1));
  f.check();
}

TEST(AccountTest, KeepsIdsAndUidValidityWhenItIsOpenedAgain) {
  AccountFixture f;
  const AccountId account = f.account().id();
  const MailboxRecord before = f.record("INBOX");
  f.reopen();
  EXPECT_EQ(f.account().id(), account);
  EXPECT_EQ(f.record("INBOX").id, before.id);
  EXPECT_EQ(f.record("INBOX").uid_validity, before.uid_validity);
}

TEST(AccountTest, TwoAccountsInOneStoreDoNotMeet) {
  ManualExecutor executor;
  support::MemoryDisk disk;
  support::MemoryStore store(&disk);
  auto one = executor.run_task(Account::open(&store, &executor, {.name = "one"}));
  auto two = executor.run_task(Account::open(&store, &executor, {.name = "two"}));
  ASSERT_TRUE(one.has_value() && two.has_value());
  EXPECT_NE((*one)->id(), (*two)->id());
  EXPECT_EQ((*one)->mailboxes().size(), 1U);
  EXPECT_EQ((*two)->mailboxes().size(), 1U);
  executor.run_task((*one)->close());
  executor.run_task((*two)->close());
}

TEST(AccountTest, AnAppendIsThereAgainAfterACrash) {
  AccountFixture f;
  const auto appended = f.append("INBOX", mail("one"), flags_of(kSeen, {"work"}));
  ASSERT_TRUE(appended.has_value());
  EXPECT_EQ(appended->uid, imap::Uid(1));
  EXPECT_EQ(appended->uid_validity, f.record("INBOX").uid_validity);
  f.crash(true);
  EXPECT_EQ(f.shown("INBOX"), "1(\\Seen work)");
  EXPECT_EQ(f.body("INBOX", imap::Uid(1)), mail("one"));
  EXPECT_EQ(f.journal(), "APPEND");
  f.check();
}

TEST(AccountTest, ALocalAccountJournalsNothing) {
  AccountFixture f({.name = "home", .local = true});
  ASSERT_TRUE(f.append("INBOX", mail("one")).has_value());
  ASSERT_TRUE(f.store_flags("INBOX", set_of(1), add(kSeen)).has_value());
  ASSERT_TRUE(f.run(f.account().create_mailbox("Work", 0)).has_value());
  ASSERT_TRUE(f.move("INBOX", set_of(1), "Work").has_value());
  EXPECT_EQ(f.shown("INBOX"), "");
  EXPECT_EQ(f.shown("Work"), "1(\\Seen)");
  EXPECT_EQ(f.journal(), "");
  f.check();
  ASSERT_TRUE(f.expunge("Work", set_of(1)).has_value());
  f.check();
  f.reopen();
  EXPECT_EQ(f.shown("Work"), "");
  f.check();
}

TEST(AccountTest, UidsAndModSeqsAreNotGivenTwiceAfterACrash) {
  AccountFixture f;
  ASSERT_TRUE(f.append("INBOX", mail("one")).has_value());
  ASSERT_TRUE(f.append("INBOX", mail("two")).has_value());
  ASSERT_TRUE(f.expunge("INBOX", set_of(2)).has_value());
  const std::uint64_t modseq = f.record("INBOX").highest_modseq;
  f.crash(true);
  const auto appended = f.append("INBOX", mail("three"));
  EXPECT_EQ(appended->uid, imap::Uid(3));
  EXPECT_GT(f.record("INBOX").highest_modseq, modseq);
  f.check();
}

TEST(AccountTest, ContentThatWasBeingWrittenIsSweptAfterACrash) {
  AccountFixture f;
  auto writer = f.account().begin_message();
  const MessageId message = writer->message();
  writer->feed(mail("lost") + std::string(2'000'000, 'x'));
  ASSERT_TRUE(f.run(writer->store()).has_value());
  EXPECT_GT(f.store().count(Family::kBody), 0U);
  f.store().crash_after(0);
  writer.reset();
  f.crash(false);
  EXPECT_EQ(f.store().count(Family::kBody), 0U);
  EXPECT_GT(f.account().begin_message()->message(), message);
  f.check();
}

TEST(AccountTest, ADroppedWriterLeavesNothing) {
  AccountFixture f;
  auto writer = f.account().begin_message();
  writer->feed(std::string(2'000'000, 'x'));
  ASSERT_TRUE(f.run(writer->store()).has_value());
  writer.reset();
  f.check();
  EXPECT_EQ(f.store().count(Family::kBody), 0U);
}

}  // namespace
}  // namespace cache
