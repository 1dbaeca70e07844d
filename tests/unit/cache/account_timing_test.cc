// How long the heart takes, on the real store with its journal file. The figures are printed. What
// fails the test is an order of magnitude too much of the processor's time, which a machine that is
// busy with other things does not change.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <ctime>

#include "cache/account.h"
#include "cache/database.h"
#include "tests/support/loop_fixture.h"
#include "tests/support/temp_dir.h"

namespace cache {
namespace {

constexpr std::uint32_t kMessages = 20'000;

class Stopwatch {
 public:
  explicit Stopwatch(const char* what) : what_(what) {}
  /// Prints what passed; returns the milliseconds that all threads of the process have worked.
  double stop() const {
    const auto passed = std::chrono::steady_clock::now() - start_;
    const double ms = std::chrono::duration<double, std::milli>(passed).count();
    const double worked = static_cast<double>(std::clock() - clock_) * 1'000.0 / CLOCKS_PER_SEC;
    std::printf("  %-44s %8.2f ms, worked %8.2f ms\n", what_, ms, worked);
    return worked;
  }

 private:
  const char* what_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::clock_t clock_ = std::clock();
};

std::vector<UpstreamMessage> messages(std::uint32_t first, std::uint32_t count) {
  std::vector<UpstreamMessage> list(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    list[i].uid = imap::Uid(first + i);
    list[i].flags.emplace();
    if (i % 3 == 0) list[i].flags->system.add(imap::SystemFlag::kSeen);
    if (i % 7 == 0) list[i].flags->keywords = {"$Forwarded", "work"};
    list[i].internal_date = 1'700'000'000 + i;
    list[i].size = 5'000;
  }
  return list;
}

Task<Result<>> scenario(Store* store, Executor* executor) {
  CO_TRY(std::unique_ptr<Account> account,
         co_await Account::open(store, executor, {.name = "work"}));
  UpstreamMailbox inbox;
  inbox.name = inbox.upstream_name = "INBOX";
  CO_TRY_VOID(co_await account->set_upstream_mailboxes({inbox}));
  const MailboxId id = account->find_mailbox("INBOX")->id;
  {
    const Stopwatch watch("20,000 messages merged, 2,000 at a time");
    for (std::uint32_t at = 0; at < kMessages; at += 2'000) {
      CO_TRY_VOID(co_await account->merge_upstream(id, messages(1 + at, 2'000)));
    }
    watch.stop();
  }
  co_await account->close();
  account.reset();

  const Stopwatch opening("account opened");
  CO_TRY(account, co_await Account::open(store, executor, {.name = "work"}));
  opening.stop();
  const Stopwatch reading("mailbox of 20,000 opened");
  CO_TRY(const MailboxRef box, co_await account->open_mailbox(id));
  EXPECT_LT(reading.stop(), 1'500.0);
  EXPECT_EQ(box->messages().size(), kMessages);

  FlagDelta delta;
  delta.add.system.add(imap::SystemFlag::kFlagged);
  const Stopwatch many("STORE of 2,000 messages");
  CO_TRY_VOID(co_await account->store_flags(id, imap::SequenceSet::of(1, 2'000), delta,
                                            std::nullopt, nullptr));
  EXPECT_LT(many.stop(), 1'000.0);
  constexpr std::uint32_t kSingles = 200;
  const Stopwatch singles("200 STOREs of one message, one after another");
  for (std::uint32_t i = 0; i < kSingles; ++i) {
    CO_TRY_VOID(co_await account->store_flags(id, imap::SequenceSet::of(5'000 + i, 5'000 + i),
                                              delta, std::nullopt, nullptr));
  }
  singles.stop();
  const Stopwatch report("20,000 reports that change nothing");
  std::vector<UpstreamMessage> all = messages(1, 2'000);
  for (std::uint32_t at = 0; at < kMessages; at += 2'000) {
    CO_TRY_VOID(co_await account->merge_upstream(id, messages(1 + at, 2'000)));
  }
  report.stop();
  const Stopwatch removing("EXPUNGE of 10,000 messages");
  CO_TRY_VOID(co_await account->expunge(id, imap::SequenceSet::of(1, 10'000), true));
  removing.stop();
  const Stopwatch vanishing("10,000 messages vanished upstream");
  CO_TRY_VOID(co_await account->vanish_upstream(id, imap::SequenceSet::of(10'001, 20'000)));
  vanishing.stop();
  co_await account->close();
  co_return Result<>();
}

TEST(AccountTimingTest, OpensAndChangesALargeMailbox) {
  LoopFixture fixture;
  const support::TempDir directory;
  const auto database = Database::open((directory / "data").string(), {});
  ASSERT_TRUE(database.has_value()) << database.error().text();
  const Result<> result = fixture.run(scenario((*database)->store(), fixture.loop()));
  EXPECT_TRUE(result.has_value()) << result.error().text();
}

}  // namespace
}  // namespace cache
