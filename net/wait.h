// WaitList and Wait: coroutines wait for an event, a deadline or a stop. Internal to net/.
#pragma once

#include <chrono>
#include <coroutine>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/check.h"
#include "base/executor.h"
#include "net/timer.h"

namespace net {

using Deadline = Executor::Clock::time_point;
constexpr Deadline kNever = Deadline::max();

inline Deadline deadline_after(std::chrono::milliseconds delay) {
  const auto now = Executor::Clock::now();
  const auto longest = std::chrono::floor<std::chrono::milliseconds>(kNever - now);
  return delay >= longest ? kNever : now + delay;
}

enum class Ended { kWaiting, kReady, kTimeout, kCancelled, kClosed };

class Wait;

/// Those who wait for one thing.
class WaitList {
 public:
  ~WaitList() { CHECK(waits_.empty()); }
  bool empty() const { return waits_.empty(); }
  /// Ends every wait. Who waited resumes from the loop's queue, never inside this call, so a
  /// callback may wake before it is done.
  void wake_all(Ended how);

 private:
  friend class Wait;
  std::vector<Wait*> waits_;
};

/// One coroutine's wait; lives in its frame: `const Ended how = co_await Wait(...)`.
class Wait {
 public:
  /// REQUIRES: `list` outlives the wait; `stop` is requested from the loop's thread only.
  Wait(Loop* loop, WaitList* list, Deadline deadline, const std::stop_token& stop);
  ~Wait() { CHECK(ended_ != Ended::kWaiting); }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  bool await_ready() const noexcept { return ended_ != Ended::kWaiting; }
  void await_suspend(std::coroutine_handle<> caller) noexcept { handle_ = caller; }
  Ended await_resume() const noexcept { return ended_; }

 private:
  friend class WaitList;
  struct OnStop {
    Wait* wait;
    void operator()() const { wait->end(Ended::kCancelled); }
  };
  void end(Ended how);

  Loop* loop_;
  WaitList* list_;
  Ended ended_ = Ended::kWaiting;
  std::coroutine_handle<> handle_;
  Timer timer_;
  std::optional<std::stop_callback<OnStop>> on_stop_;
};

}  // namespace net
