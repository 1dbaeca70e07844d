#include "net/loop.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "base/event.h"
#include "net/timer.h"
#include "tests/support/loop_fixture.h"

namespace net {
namespace {

using namespace std::chrono_literals;

TEST(LoopTest, RunsWhatWasPostedInOrderAndNeverInline) {
  LoopFixture fixture;
  std::vector<int> order;
  Loop* loop = fixture.loop();
  loop->post([&] {
    order.push_back(1);
    loop->post([&] {
      order.push_back(3);
      loop->stop();
    });
    order.push_back(2);
  });
  EXPECT_TRUE(order.empty());
  loop->run();
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(LoopTest, AStopBeforeRunCountsOnce) {
  LoopFixture fixture;
  fixture.loop()->stop();
  fixture.loop()->run();
  bool ran = false;
  fixture.loop()->post([&] {
    ran = true;
    fixture.loop()->stop();
  });
  fixture.loop()->run();
  EXPECT_TRUE(ran);
}

TEST(LoopTest, WorkFromFourThreadsAllArrivesAndInEachThreadsOrder) {
  LoopFixture fixture;
  Loop* loop = fixture.loop();
  constexpr int kEach = 20'000;
  std::vector<int> last(4, -1);
  int count = 0;
  bool in_order = true;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        loop->post([&, t, i] {
          in_order = in_order && last[t] == i - 1;
          last[t] = i;
          if (++count == 4 * kEach) loop->stop();
        });
      }
    });
  }
  loop->run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(in_order);
  EXPECT_EQ(count, 4 * kEach);
}

TEST(LoopTest, TheEndOfATurnComesAfterAllThatWasPosted) {
  LoopFixture fixture;
  Loop* loop = fixture.loop();
  std::vector<int> order;
  loop->post([&] {
    loop->at_turn_end([&] {
      order.push_back(3);
      loop->stop();
    });
    order.push_back(1);
    loop->post([&] { order.push_back(2); });
  });
  loop->run();
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(LoopTest, WorkThatPostsItselfForeverDoesNotKeepTimersFromFiring) {
  LoopFixture fixture;
  Loop* loop = fixture.loop();
  bool done = false;
  std::function<void()> again = [&] {
    if (!done) loop->post(again);
  };
  loop->post(again);
  loop->post_after(5ms, [&] {
    done = true;
    loop->stop();
  });
  loop->run();
  EXPECT_TRUE(done);
}

TEST(LoopTest, BlockingWorkRunsElsewhereAndComesBack) {
  LoopFixture fixture;
  const auto task = [](Loop* loop) -> Task<int> {
    const std::thread::id here = std::this_thread::get_id();
    auto there = co_await loop->run_blocking([] { return std::this_thread::get_id(); });
    EXPECT_NE(there, here);
    EXPECT_TRUE(loop->is_current());
    co_await loop->run_blocking([] {});
    auto owned = co_await loop->run_blocking([] { return std::make_unique<int>(7); });
    co_return *owned;
  };
  EXPECT_EQ(fixture.run(task(fixture.loop())), 7);
}

TEST(LoopTest, EightBlockingCallsRunSideBySide) {
  // libuv's default of 4 threads would never let all of these meet.
  LoopFixture fixture;
  std::atomic<int> met = 0;
  const auto one = [](Loop* loop, std::atomic<int>* inside) -> Task<void> {
    co_await loop->run_blocking([inside] {
      ++*inside;
      const auto end = std::chrono::steady_clock::now() + 10s;
      while (*inside < 8 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    });
  };
  const auto all = [](Loop* loop, std::atomic<int>* inside, auto each) -> Task<void> {
    TaskGroup group(loop);
    for (int i = 0; i < 8; ++i) group.spawn(each(loop, inside));
    while (group.running() > 0) co_await yield_to(loop);
  };
  fixture.run(all(fixture.loop(), &met, one));
  EXPECT_EQ(met, 8);
}

TEST(LoopTest, BlockingWorkMayBeAskedForFromAnyThread) {
  LoopFixture fixture;
  Loop* loop = fixture.loop();
  std::thread::id worker;
  bool done_on_loop = false;
  std::thread other([&] {
    loop->run_on_worker([&] { worker = std::this_thread::get_id(); },
                        [&] {
                          done_on_loop = loop->is_current();
                          loop->stop();
                        });
  });
  loop->run();
  other.join();
  EXPECT_TRUE(done_on_loop);
  EXPECT_NE(worker, std::this_thread::get_id());
}

TEST(LoopTest, TimersFireInTheOrderOfTheirDeadlinesAndNotEarly) {
  LoopFixture fixture;
  Loop* loop = fixture.loop();
  const auto start = loop->now();
  std::vector<int> order;
  bool early = false;
  for (const int delay : {9, 3, 6, 0, 12}) {
    loop->post_after(std::chrono::milliseconds(delay), [&, delay] {
      early = early || loop->now() - start < std::chrono::milliseconds(delay);
      order.push_back(delay);
      if (delay == 12) loop->stop();
    });
  }
  loop->run();
  EXPECT_FALSE(early);
  EXPECT_EQ(order, (std::vector{0, 3, 6, 9, 12}));
}

TEST(LoopTest, ASignalCallsItsWork) {
  LoopFixture fixture;
  Loop* loop = fixture.loop();
  int first = 0;
  int second = 0;
  ASSERT_TRUE(loop->on_signal(SIGUSR1, [&] { ++first; }).has_value());
  ASSERT_TRUE(loop->on_signal(SIGUSR1,
                              [&] {
                                if (++second == 2)
                                  loop->stop();
                                else
                                  raise(SIGUSR1);
                              })
                  .has_value());
  raise(SIGUSR1);
  loop->run();
  EXPECT_EQ(first, 0) << "the second call replaces the first";
  EXPECT_EQ(second, 2);
  EXPECT_EQ(loop->on_signal(SIGKILL, [] {}).error().code(), Errc::kIo);
}

TEST(LoopTest, WhatIsStillQueuedAtTheEndIsDroppedUnrun) {
  auto owned = std::make_shared<int>(1);
  bool ran = false;
  {
    auto loop = Loop::create().value();
    loop->post([owned, &ran] { ran = true; });
    loop->post_after(1h, [owned, &ran] { ran = true; });
    loop->at_turn_end([owned, &ran] { ran = true; });
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(TimerTest, RestartsMoveTheDeadlineAndStopTakesItBack) {
  LoopFixture fixture;
  Loop* loop = fixture.loop();
  int stopped_fired = 0;
  Timer stopped(loop, [&] { ++stopped_fired; });
  stopped.start(1ms);
  stopped.stop();
  EXPECT_FALSE(stopped.is_running());

  int count = 0;
  Timer* again = nullptr;
  Timer timer(loop, [&] {
    if (++count < 3)
      again->start(1ms);
    else
      loop->stop();
  });
  again = &timer;
  timer.start(1h);
  timer.start(2ms);
  loop->run();
  EXPECT_EQ(count, 3);
  EXPECT_EQ(stopped_fired, 0);
}

TEST(TimerTest, AnEndlessDelayNeverFires) {
  LoopFixture fixture;
  Timer timer(fixture.loop(), [] { FAIL(); });
  timer.start(std::chrono::milliseconds::max());
  fixture.loop()->post_after(2ms, [&] { fixture.loop()->stop(); });
  fixture.loop()->run();
  EXPECT_TRUE(timer.is_running());
}

TEST(TimerHeapTest, ThousandsOfTimersAddedMovedAndRemovedAtRandomFireInOrder) {
  using Time = Executor::Clock::time_point;
  LoopFixture fixture;
  std::mt19937 random(7);
  TimerHeap heap;
  std::vector<std::unique_ptr<Timer>> timers;
  std::map<std::size_t, Time> expected;  // which are in the heap, and for when
  Time now{};
  bool right = true;
  for (std::size_t i = 0; i < 500; ++i) {
    timers.push_back(std::make_unique<Timer>(fixture.loop(), [&, i] {
      const auto due = expected.find(i);
      right = right && due != expected.end() && due->second <= now;
      for (const auto& [other, when] : expected) right = right && due->second <= when;
      expected.erase(i);
    }));
  }
  for (int round = 0; round < 5000; ++round) {
    const std::size_t i = random() % timers.size();
    if (random() % 4 == 0) {
      heap.remove(timers[i].get());
      expected.erase(i);
    } else {
      expected[i] = now + std::chrono::milliseconds(random() % 400);
      heap.add(timers[i].get(), expected[i]);
    }
    if (random() % 8 != 0) continue;
    now += std::chrono::milliseconds(random() % 20);
    while (heap.fire_one(now)) {
    }
    for (const auto& [other, when] : expected) right = right && when > now;
    ASSERT_TRUE(right) << "round " << round;
  }
  heap.clear();
  for (const auto& timer : timers) EXPECT_FALSE(timer->is_running());
}

TEST(EventOnLoopTest, WaitsTimeOutAndAreCancelled) {
  LoopFixture fixture;
  const auto task = [](Loop* loop) -> Task<void> {
    Event event(loop);
    EXPECT_EQ((co_await event.wait_for(1ms)).error().code(), Errc::kTimeout);
    std::stop_source stop;
    loop->post_after(1ms, [&stop] { stop.request_stop(); });
    EXPECT_EQ((co_await event.wait(stop.get_token())).error().code(), Errc::kCancelled);
    EXPECT_TRUE((co_await sleep_for(loop, 1ms)).has_value());
  };
  fixture.run(task(fixture.loop()));
}

}  // namespace
}  // namespace net
