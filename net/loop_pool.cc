#include "net/loop_pool.h"

#include <algorithm>
#include <utility>

namespace net {

Result<std::unique_ptr<LoopPool>> LoopPool::create(std::size_t count) {
  if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
  std::unique_ptr<LoopPool> pool(new LoopPool());
  for (std::size_t i = 0; i < count; ++i) {
    TRY(std::unique_ptr<Loop> loop, Loop::create());
    pool->loops_.push_back(std::move(loop));
  }
  return pool;
}

LoopPool::~LoopPool() { join(); }

void LoopPool::start() {
  if (!threads_.empty()) return;
  for (std::size_t i = 1; i < loops_.size(); ++i) {
    threads_.emplace_back([loop = loops_[i].get()] { loop->run(); });
  }
}

void LoopPool::run() {
  start();
  loops_.front()->run();
  join();
}

void LoopPool::stop() { loops_.front()->stop(); }

void LoopPool::join() {
  if (threads_.empty()) return;
  for (std::size_t i = 1; i < loops_.size(); ++i) loops_[i]->stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace net
