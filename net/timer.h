// Timer: one deadline that can be set, moved and taken back. TimerHeap: all deadlines of one loop.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/executor.h"

namespace net {

class Loop;

/// Calls a function once a deadline has passed. Cheap to restart: no allocation, no handle.
///
/// Thread:   the loop's.
/// Lifetime: does not outlive the loop; destroying it takes the deadline back. `on_fire` may
/// restart
///           its Timer but not destroy it: it posts what would.
class Timer {
 public:
  Timer(Loop* loop, Work on_fire);
  ~Timer() { stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Sets the deadline, in place of an earlier one.
  void start(std::chrono::milliseconds delay);
  void stop();
  bool is_running() const { return index_ != kIdle; }

 private:
  friend class TimerHeap;
  friend class Loop;
  static constexpr std::size_t kIdle = static_cast<std::size_t>(-1);

  Loop* loop_;
  Work on_fire_;
  Executor::Clock::time_point when_;
  std::size_t index_ = kIdle;  // place in the heap
  bool owns_itself_ = false;   // made by Loop::post_after: freed once it has fired
};

/// A binary heap of running timers, soonest first. Used by Loop alone.
class TimerHeap {
 public:
  TimerHeap() = default;
  ~TimerHeap() { clear(); }
  TimerHeap(const TimerHeap&) = delete;
  TimerHeap& operator=(const TimerHeap&) = delete;

  bool empty() const { return heap_.empty(); }
  /// REQUIRES: not empty.
  Executor::Clock::time_point soonest() const { return heap_.front()->when_; }
  void add(Timer* timer, Executor::Clock::time_point when);
  void remove(Timer* timer);
  /// Takes back all deadlines.
  void clear();
  /// Fires one timer that is due at `now`; false when there is none.
  bool fire_one(Executor::Clock::time_point now);

 private:
  void place(std::size_t index, Timer* timer);
  void sift_up(std::size_t index, Timer* timer);
  void sift_down(std::size_t index, Timer* timer);

  std::vector<Timer*> heap_;
};

}  // namespace net
