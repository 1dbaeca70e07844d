#include "net/loop_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace net {
namespace {

TEST(LoopPoolTest, EachLoopRunsOnAThreadOfItsOwnAndLoopZeroOnTheCallers) {
  auto pool = LoopPool::create(3).value();
  ASSERT_EQ(pool->size(), 3);
  std::vector<std::thread::id> threads(3);
  std::atomic<int> arrived = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    pool->loop(i)->post([&, i] {
      threads[i] = std::this_thread::get_id();
      if (++arrived == 3) pool->stop();
    });
  }
  pool->run();
  EXPECT_EQ(threads[0], std::this_thread::get_id());
  EXPECT_NE(threads[1], threads[0]);
  EXPECT_NE(threads[1], threads[2]);
  EXPECT_NE(threads[2], threads[0]);
}

TEST(LoopPoolTest, ZeroMeansOnePerCore) {
  auto pool = LoopPool::create(0).value();
  EXPECT_EQ(pool->size(), std::max(1U, std::thread::hardware_concurrency()));
}

TEST(LoopPoolTest, MayBeDroppedAfterStartWithoutRun) {
  auto pool = LoopPool::create(4).value();
  pool->start();
  pool->start();
}

TEST(LoopPoolTest, AMessageCanGoRoundAllLoops) {
  auto pool = LoopPool::create(4).value();
  int hops = 0;
  std::function<void()> hop = [&] {
    if (++hops == 400) {
      pool->stop();
      return;
    }
    pool->loop(static_cast<std::size_t>(hops) % 4)->post(hop);
  };
  pool->loop(0)->post(hop);
  pool->run();
  EXPECT_EQ(hops, 400);
}

}  // namespace
}  // namespace net
