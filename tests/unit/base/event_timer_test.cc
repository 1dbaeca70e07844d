#include <gtest/gtest.h>

#include "base/event.h"
#include "base/task_group.h"
#include "tests/support/manual_executor.h"

namespace {

using namespace std::chrono_literals;

Task<void> wait_into(Event* event, std::chrono::milliseconds limit, std::optional<Errc>* into) {
  const Result<> waited = co_await event->wait_for(limit);
  if (!waited) *into = waited.error().code();
}

TEST(EventTimerTest, WaitingAgainAndAgainDoesNotPileUpTimers) {
  ManualExecutor executor;
  Event event(&executor);
  const auto waits = [](Event* on, int count) -> Task<void> {
    for (int i = 0; i < count; ++i) EXPECT_TRUE((co_await on->wait_for(30min)).has_value());
  };
  TaskGroup group(&executor);
  group.spawn(waits(&event, 1000));
  for (int i = 0; i < 1000; ++i) {
    executor.advance(1ms);
    event.notify();
  }
  executor.run();
  EXPECT_EQ(group.running(), 0);
  EXPECT_LE(executor.pending_timers(), 1);
}

TEST(EventTimerTest, EachWaitEndsAtItsOwnDeadlineWhateverTheirOrder) {
  ManualExecutor executor;
  Event event(&executor);
  TaskGroup group(&executor);
  std::optional<Errc> late;
  std::optional<Errc> soon;
  std::optional<Errc> later;
  group.spawn(wait_into(&event, 20ms, &late));
  group.spawn(wait_into(&event, 10ms, &soon));
  group.spawn(wait_into(&event, 30ms, &later));
  executor.advance(9ms);
  EXPECT_FALSE(soon.has_value());
  executor.advance(1ms);
  EXPECT_EQ(soon, Errc::kTimeout);
  EXPECT_FALSE(late.has_value());
  executor.advance(10ms);
  EXPECT_EQ(late, Errc::kTimeout);
  EXPECT_FALSE(later.has_value());
  executor.advance(10ms);
  EXPECT_EQ(later, Errc::kTimeout);
  EXPECT_EQ(group.running(), 0);
}

TEST(EventTimerTest, AnEndlessLimitIsNoOverflow) {
  ManualExecutor executor;
  Event event(&executor);
  TaskGroup group(&executor);
  std::optional<Errc> got;
  group.spawn(wait_into(&event, std::chrono::milliseconds::max(), &got));
  executor.advance(24h);
  EXPECT_FALSE(got.has_value());
  event.notify();
  executor.run();
  EXPECT_EQ(group.running(), 0);
}

TEST(EventTimerTest, AnEventMayGoBeforeItsTimerFires) {
  ManualExecutor executor;
  {
    Event event(&executor);
    TaskGroup group(&executor);
    std::optional<Errc> got;
    group.spawn(wait_into(&event, 10ms, &got));
    event.set();
    executor.run();
  }
  executor.advance(20ms);
}

}  // namespace
