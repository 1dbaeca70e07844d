#include "base/task.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/event.h"
#include "base/result.h"
#include "base/task_group.h"
#include "tests/support/manual_executor.h"

namespace {

using namespace std::chrono_literals;

Task<int> answer() { co_return 42; }
Task<int> add(int n) { co_return n + co_await answer(); }
Task<Result<std::string>> failing() { co_return fail(Errc::kNotFound, "nothing here"); }
Task<Result<int>> passes_on() {
  CO_TRY(const std::string text, co_await failing());
  co_return static_cast<int>(text.size());
}

TEST(TaskTest, GivesItsValueToTheOneThatAwaits) {
  ManualExecutor executor;
  EXPECT_EQ(executor.run_task(add(8)), 50);
}

TEST(TaskTest, CoTryReturnsTheFirstError) {
  ManualExecutor executor;
  const Result<int> got = executor.run_task(passes_on());
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), Errc::kNotFound);
  EXPECT_EQ(Error(got.error()).within("reading").text(), "reading: nothing here");
}

TEST(TaskTest, ALongChainOfTasksDoesNotGrowTheStack) {
  ManualExecutor executor;
  const auto count = [](int n) -> Task<int> {
    int sum = 0;
    for (int i = 0; i < n; ++i) sum += co_await answer() == 42 ? 1 : 0;
    co_return sum;
  };
  EXPECT_EQ(executor.run_task(count(200'000)), 200'000);
}

TEST(EventTest, WakesAllWaitersButNotInsideSet) {
  ManualExecutor executor;
  Event event(&executor);
  int woken = 0;
  const auto waiter = [](Event* on, int* count) -> Task<void> {
    if (co_await on->wait()) ++*count;
  };
  TaskGroup group(&executor);
  group.spawn(waiter(&event, &woken));
  group.spawn(waiter(&event, &woken));
  event.set();
  EXPECT_EQ(woken, 0);
  executor.run();
  EXPECT_EQ(woken, 2);
}

TEST(EventTest, TimesOutAndIsCancelled) {
  ManualExecutor executor;
  Event event(&executor);
  std::vector<Errc> seen;
  const auto waiter = [](Event* on, std::stop_token stop, std::vector<Errc>* codes) -> Task<void> {
    const Result<> got = co_await on->wait_for(100ms, std::move(stop));
    if (!got) codes->push_back(got.error().code());
  };
  std::stop_source source;
  TaskGroup group(&executor);
  group.spawn(waiter(&event, {}, &seen));
  group.spawn(waiter(&event, source.get_token(), &seen));
  source.request_stop();
  executor.run();
  EXPECT_EQ(seen, std::vector{Errc::kCancelled});
  executor.advance(100ms);
  EXPECT_EQ(seen, (std::vector{Errc::kCancelled, Errc::kTimeout}));
}

TEST(EventTest, ATimerThatOutlivesItsEventIsHarmless) {
  ManualExecutor executor;
  {
    Event event(&executor);
    TaskGroup group(&executor);
    group.spawn([](Event* on) -> Task<void> {
      EXPECT_TRUE((co_await on->wait_for(50ms)).has_value());
    }(&event));
    event.set();
    executor.run();
  }
  executor.advance(100ms);
}

TEST(AsyncMutexTest, IsFairAndExclusive) {
  ManualExecutor executor;
  AsyncMutex mutex(&executor);
  std::vector<int> order;
  const auto worker = [](ManualExecutor* on, AsyncMutex* m, std::vector<int>* log,
                         int id) -> Task<void> {
    const AsyncMutex::Lock lock = co_await m->lock();
    log->push_back(id);
    co_await yield_to(on);
    log->push_back(id);
  };
  TaskGroup group(&executor);
  for (int id = 0; id < 3; ++id) group.spawn(worker(&executor, &mutex, &order, id));
  executor.run();
  EXPECT_EQ(order, (std::vector{0, 0, 1, 1, 2, 2}));
  EXPECT_FALSE(mutex.is_locked());
}

TEST(TaskGroupTest, CloseStopsAndWaits) {
  ManualExecutor executor;
  TaskGroup group(&executor);
  bool ended = false;
  group.spawn([](Executor* on, std::stop_token stop, bool* flag) -> Task<void> {
    const Result<> slept = co_await sleep_for(on, 1h, std::move(stop));
    EXPECT_EQ(slept.error().code(), Errc::kCancelled);
    *flag = true;
  }(&executor, group.stop_token(), &ended));
  executor.run_task(group.close());
  EXPECT_TRUE(ended);
}

TEST(RunBlockingTest, ReturnsWhatTheWorkerReturned) {
  ManualExecutor executor;
  EXPECT_EQ(executor.run_task(run_blocking(&executor, [] { return std::string("done"); })), "done");
}

}  // namespace
