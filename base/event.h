// Event: coroutines of one thread wait for something that another one brings about.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"

/// A latch that stays set until reset. Waiters resume from the executor's queue, never inside
/// set(), so nobody is surprised by a re-entry.
///
/// Thread:   the executor's.
/// Lifetime: outlives its waiters; the destructor checks it.
class Event {
 public:
  explicit Event(Executor* executor) : executor_(executor) {}
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  bool is_set() const { return set_; }
  /// Wakes every waiter; who waits after this does not wait at all.
  void set();
  void reset() { set_ = false; }
  /// Wakes those who wait now and leaves the event as it is.
  void notify();

  /// Waits until set or notified.
  /// Cancel: kCancelled when `stop` is requested, which may come from the executor's thread only.
  Task<Result<>> wait(std::stop_token stop = {});
  /// The same; kTimeout when `limit` passes first.
  Task<Result<>> wait_for(std::chrono::milliseconds limit, std::stop_token stop = {});

 private:
  enum class Outcome { kWaiting, kWoken, kTimeout, kCancelled };
  struct Waiter {
    std::coroutine_handle<> handle;
    Outcome outcome = Outcome::kWaiting;
    std::optional<Executor::Clock::time_point> deadline;
  };
  // The one timer of this event: a posted one cannot be taken back, and a loop that waits again and
  // again, each time for half an hour at most, must not pile them up.
  struct Alarm {
    Event* event = nullptr;
    Executor::Clock::time_point at;
  };
  using WaiterPtr = std::shared_ptr<Waiter>;

  Task<Result<>> wait_impl(std::optional<std::chrono::milliseconds> limit, std::stop_token stop);
  void finish(const WaiterPtr& waiter, Outcome outcome);
  void arm(Executor::Clock::time_point deadline);
  void ring();

  Executor* executor_;
  bool set_ = false;
  std::vector<WaiterPtr> waiters_;
  std::shared_ptr<Alarm> alarm_;  // goes with the event, and its timer then does nothing
};

/// Sleeps. Cancel: kCancelled at once when `stop` is requested.
Task<Result<>> sleep_for(Executor* executor, std::chrono::milliseconds delay,
                         std::stop_token stop = {});

/// A mutual exclusion among coroutines of one thread, first come first served.
class AsyncMutex {
 public:
  explicit AsyncMutex(Executor* executor) : executor_(executor) {}
  AsyncMutex(const AsyncMutex&) = delete;
  AsyncMutex& operator=(const AsyncMutex&) = delete;

  /// Holds the lock while it lives.
  class [[nodiscard]] Lock {
   public:
    explicit Lock(AsyncMutex* mutex) : mutex_(mutex) {}
    Lock(Lock&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Lock& operator=(Lock&&) = delete;
    ~Lock() {
      if (mutex_) mutex_->unlock();
    }

   private:
    AsyncMutex* mutex_;
  };
  Task<Lock> lock();
  bool is_locked() const { return locked_; }

 private:
  void unlock();
  Executor* executor_;
  bool locked_ = false;
  std::vector<std::coroutine_handle<>> queue_;
};
