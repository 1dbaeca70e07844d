// LoopPool: as many loops as configured, each on its thread.
#pragma once

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "base/result.h"
#include "net/loop.h"

namespace net {

/// Owns N loops. Loop 0 belongs to the thread that calls run(), the others get threads of their
/// own.
///
/// Thread:   loop() and stop() from any; the rest from the thread that created the pool.
/// Lifetime: outlives everything that lives on its loops. The destructor stops and joins.
class LoopPool {
 public:
  /// Makes `count` loops (0 means: as many as the machine has cores); nothing runs yet.
  static Result<std::unique_ptr<LoopPool>> create(std::size_t count);
  ~LoopPool();
  LoopPool(const LoopPool&) = delete;
  LoopPool& operator=(const LoopPool&) = delete;

  std::size_t size() const { return loops_.size(); }
  /// REQUIRES: index < size().
  Loop* loop(std::size_t index) { return loops_[index].get(); }

  /// Starts the threads of the loops 1 and up. Idempotent; run() does it too.
  void start();
  /// Serves loop 0 on this thread until stop(); then stops the others and joins their threads. Who
  /// needs an orderly end closes all that lives on the loops before calling stop().
  void run();
  /// Ends run().
  void stop();

 private:
  LoopPool() = default;
  void join();

  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::thread> threads_;
};

}  // namespace net
