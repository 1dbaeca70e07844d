// Crashes and full disks: whatever happens to the store, what was acknowledged is there afterwards,
// and memory, views and store agree.
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/cache/account_fixture.h"

namespace cache {
namespace {

// Everything that clients and the sync do, one step after the other. What was acknowledged is
// noted: subjects of messages that must be somewhere, and flags that must be set.
class Scenario {
 public:
  explicit Scenario(AccountFixture* f) : f_(f) {}

  void run() {
    step([&] { return f_->list({"Work", "Old", "Old/b"}); });
    step([&] { return f_->merge_range("INBOX", 1, 6); });
    step([&] { return f_->merge_range("Old", 1, 3); });
    step([&] { return f_->fetch("INBOX", imap::Uid(1), mail("one")); });
    step([&] { return f_->fetch("INBOX", imap::Uid(3), mail("three")); });
    step([&] { return f_->store_flags("INBOX", set_of(2, 4), add(kSeen, {"a"})); },
         [&] { seen_ = true; });
    step([&] { return f_->append("INBOX", mail("mine"), flags_of(kSeen)); },
         [&] { kept_.insert("mine"); });
    step([&] { return f_->copy("INBOX", set_of(1, 2), "Work"); });
    step([&] { return f_->move("INBOX", set_of(3), "Work"); });
    step([&] { return f_->expunge("INBOX", set_of(5)); }, [&] { expunged_ = true; });
    step([&] { return f_->append("Old", mail("lost"), {}); }, [&] { kept_.insert("lost"); });
    step([&] { return replay_first(); });
    step([&] { return f_->merge_range("INBOX", 1, 7, flags_of(kFlagged | kSeen)); });
    step([&] { return f_->vanish("INBOX", set_of(3)); });
    step([&] { return f_->run(f_->account().create_mailbox("New/x", 0)); });
    step([&] { return f_->append("New/x", mail("new"), {}); }, [&] { kept_.insert("new"); });
    step([&] { return f_->run(f_->account().rename_mailbox("New", "Newer")); });
    step([&] { return f_->run(f_->account().subscribe("Newer/x", true)); });
    step([&] { return f_->list({"Work"}); });  // Old is gone: "lost" is recovered
    step([&] { return f_->run(f_->account().park({last_append()}, "NO")); });
    step([&] { return f_->run(f_->account().drop({last_append()})); });
    step([&] { return f_->run(f_->account().delete_mailbox("Work")); });
    step([&] {
      return f_->run(f_->account().rebind_upstream(f_->id("INBOX"), imap::UidValidity(2),
                                                   {{imap::Uid(1), imap::Uid(11)}}));
    });
  }

  // After the restart: what was acknowledged is there.
  void check() {
    std::set<std::string> found;
    for (const auto& [name, record] : f_->account().mailboxes()) {
      for (const MessageEntry& entry : f_->box(name)->messages()) {
        if (!entry.has(kHaveBody)) continue;
        const std::string bytes = f_->body(name, entry.uid);
        for (const char* subject : {"mine", "lost", "new"}) {
          if (bytes == mail(subject)) found.insert(subject);
        }
      }
    }
    for (const std::string& subject : kept_) {
      EXPECT_TRUE(found.contains(subject))
          << "a message that was acknowledged is lost: " << subject;
    }
    const MailboxRef inbox = f_->box("INBOX");
    if (const MessageEntry* entry = inbox->find(imap::Uid(4)); seen_ && entry != nullptr) {
      EXPECT_TRUE(entry->visible.system.has(imap::SystemFlag::kSeen));
    }
    if (expunged_) EXPECT_EQ(inbox->find(imap::Uid(5)), nullptr);
  }

  std::uint64_t highest_modseq() const { return highest_modseq_; }
  std::uint32_t uid_next() const { return uid_next_; }

 private:
  template <class Do>
  void step(Do make, const std::function<void()>& acknowledged = {}) {
    const auto result = make();
    if (!result) return;
    if (acknowledged) acknowledged();
    highest_modseq_ = f_->record("INBOX").highest_modseq;
    uid_next_ = f_->record("INBOX").uid_next.value();
  }
  Result<> replay_first() {
    for (const auto& [seq, entry] : f_->account().journal()) {
      if (!std::holds_alternative<JournalFlags>(entry.op)) continue;
      return f_->run(f_->account().replayed({seq}, std::nullopt));
    }
    return {};
  }
  JournalSeq last_append() {
    JournalSeq last;
    for (const auto& [seq, entry] : f_->account().journal()) {
      if (std::holds_alternative<JournalAppend>(entry.op)) last = seq;
    }
    return last;
  }

  AccountFixture* f_;
  std::set<std::string> kept_;
  bool seen_ = false;
  bool expunged_ = false;
  std::uint64_t highest_modseq_ = 0;
  std::uint32_t uid_next_ = 0;
};

std::size_t commits_of_the_scenario() {
  AccountFixture f;
  const std::size_t before = f.store().commits();
  Scenario(&f).run();
  f.check();
  return f.store().commits() - before;
}

class CrashTest : public testing::TestWithParam<bool> {};

TEST_P(CrashTest, AtEveryCommitLosesNothingThatWasAcknowledged) {
  const bool power = GetParam();
  const std::size_t commits = commits_of_the_scenario();
  ASSERT_GT(commits, 20U);
  for (std::size_t n = 0; n <= commits; ++n) {
    SCOPED_TRACE("crash after commit " + std::to_string(n));
    AccountFixture f;
    f.store().crash_after(n);
    Scenario scenario(&f);
    scenario.run();
    const std::uint64_t modseq = scenario.highest_modseq();
    const std::uint32_t uid_next = scenario.uid_next();
    f.crash(power);
    f.check();
    scenario.check();
    EXPECT_GE(f.record("INBOX").highest_modseq, modseq);
    EXPECT_GE(f.record("INBOX").uid_next.value(), uid_next);
    // And it goes on.
    const auto appended = f.append("INBOX", mail("after"));
    ASSERT_TRUE(appended.has_value());
    EXPECT_GE(appended->uid.value(), uid_next);
    EXPECT_GT(f.record("INBOX").highest_modseq, modseq);
    f.check();
    if (HasFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(KillOrPowerCut, CrashTest, testing::Bool());

TEST(DiskFullTest, AtEveryCommitIsToldAndRecoveredFrom) {
  const std::size_t commits = commits_of_the_scenario();
  for (std::size_t n = 0; n <= commits; ++n) {
    SCOPED_TRACE("full after commit " + std::to_string(n));
    AccountFixture f;
    const MailboxRef inbox = f.box("INBOX");
    MailboxView view(inbox.get(), false);
    f.store().fail_after(n, Errc::kLimit);
    Scenario scenario(&f);
    scenario.run();
    f.check(false);  // while the disk is full, nothing can be erased from it
    f.store().heal();
    scenario.check();
    (void)view.take_changes(true);
    EXPECT_EQ(view.exists(), inbox->messages().size());
    const auto appended = f.append("INBOX", mail("after"));
    ASSERT_TRUE(appended.has_value());
    EXPECT_EQ(view.take_changes(true).exists, inbox->messages().size());
    f.check();
    f.reopen();
    scenario.check();
    f.check();
    if (HasFailure()) return;
  }
}

TEST(DiskFullTest, TheFirstWriterLearnsTheReasonAndThoseBehindItThatTheyCameTooLate) {
  AccountFixture f({.name = "home", .local = true});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(f.append("INBOX", mail("m")).has_value());
  const MailboxRef box = f.box("INBOX");
  MailboxView view(box.get(), false);
  f.store().hold();
  f.store().fail_commits(Errc::kLimit);
  std::vector<Errc> codes(4);
  TaskGroup group(&f.executor());
  const auto write = [](AccountFixture* fixture, std::uint32_t uid, Errc* into) -> Task<void> {
    const auto result = co_await fixture->account().store_flags(fixture->id("INBOX"), set_of(uid),
                                                                add(kSeen), std::nullopt, nullptr);
    *into = result ? Errc::kBug : result.error().code();
  };
  const auto remove_one = [](AccountFixture* fixture, Errc* into) -> Task<void> {
    const auto result = co_await fixture->account().expunge(fixture->id("INBOX"), set_of(3), true);
    *into = result ? Errc::kBug : result.error().code();
  };
  group.spawn(write(&f, 1, &codes[0]));
  group.spawn(remove_one(&f, &codes[1]));
  group.spawn(write(&f, 2, &codes[2]));
  // Changes nothing, because of a change that will not have happened.
  group.spawn(write(&f, 1, &codes[3]));
  f.executor().run();
  EXPECT_EQ(f.shown("INBOX"), "1(\\Seen) 2(\\Seen)") << "memory is ahead";
  EXPECT_EQ(view.exists(), 3U);
  f.store().release();
  f.executor().run();
  EXPECT_EQ(codes, (std::vector{Errc::kLimit, Errc::kStale, Errc::kStale, Errc::kStale}));
  EXPECT_EQ(f.shown("INBOX"), "1 2 3");
  EXPECT_EQ(view.exists(), 3U);
  EXPECT_TRUE(view.take_changes(true).expunged.empty());
  EXPECT_EQ(view.sequence_of(imap::Uid(3)), imap::SequenceNumber(3));
  f.store().heal();
  ASSERT_TRUE(f.store_flags("INBOX", set_of(1), add(kSeen)).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1(\\Seen) 2 3");
  f.check();
}

TEST(DiskFullTest, ReadsGoOn) {
  AccountFixture f;
  ASSERT_TRUE(f.append("INBOX", mail("one")).has_value());
  f.store().fail_commits(Errc::kLimit);
  EXPECT_EQ(f.append("INBOX", mail("two")).error().code(), Errc::kLimit);
  EXPECT_EQ(f.body("INBOX", imap::Uid(1)), mail("one"));
  EXPECT_TRUE(f.run(f.account().settled()).has_value());
  EXPECT_EQ(f.run(f.account().create_mailbox("a", 0)).error().code(), Errc::kLimit);
  EXPECT_EQ(f.account().find_mailbox("a"), nullptr);
  f.store().heal();
  EXPECT_TRUE(f.run(f.account().create_mailbox("a", 0)).has_value());
  f.check();
}

TEST(DiskFullTest, NumbersThatWereGivenOutAreNotGivenToSomethingElse) {
  AccountFixture f;
  f.store().fail_commits(Errc::kLimit);
  EXPECT_FALSE(f.append("INBOX", mail("one")).has_value());
  EXPECT_FALSE(f.run(f.account().create_mailbox("a", 0)).has_value());
  const MessageId next = f.account().begin_message()->message();
  f.store().heal();
  const auto appended = f.append("INBOX", mail("two"));
  EXPECT_EQ(appended->uid, imap::Uid(2)) << "a worker may still hold the first one";
  EXPECT_GT(f.box("INBOX")->messages()[0].message, next);
  f.check();
}

TEST(DiskFullTest, AMailboxWhoseCreationWasLostEndsItsSessions) {
  AccountFixture f;
  f.store().hold();
  f.store().fail_commits(Errc::kLimit);
  TaskGroup group(&f.executor());
  group.spawn([](AccountFixture* fixture) -> Task<void> {
    (void)co_await fixture->account().create_mailbox("a", 0);
  }(&f));
  ASSERT_NE(f.account().find_mailbox("a"), nullptr);
  f.store().release();
  f.executor().run();
  EXPECT_EQ(f.account().find_mailbox("a"), nullptr);
  f.store().heal();
  f.check();
}

}  // namespace
}  // namespace cache
