// Executor: what a loop offers to rooms that may not know libuv.
#pragma once

#include <chrono>
#include <coroutine>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/task.h"

using Work = std::move_only_function<void()>;

/// One thread that runs work in order, with worker threads behind it.
///
/// Thread:   post() and run_on_worker() from any thread; the rest on the executor's own thread.
/// Lifetime: outlives everything that was posted to it.
class Executor {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~Executor() = default;

  /// Runs `work` on this executor's thread, after what was posted before; never inline.
  virtual void post(Work work) = 0;
  /// Runs `work` on a worker thread, then `done` on this executor's thread.
  virtual void run_on_worker(Work work, Work done) = 0;
  /// Runs `work` on this executor's thread once `delay` has passed; never inline. A posted timer
  /// cannot be taken back: what it does must be harmless when nobody wants it any more.
  virtual void post_after(std::chrono::milliseconds delay, Work work) = 0;
  /// Whether the caller is on this executor's thread.
  virtual bool is_current() const = 0;
  /// The clock that post_after() counts by.
  virtual Clock::time_point now() const { return Clock::now(); }
};

/// Awaits `function()` run on a worker thread; the coroutine goes on on the executor's thread.
/// `function` must not touch what belongs to a loop.
template <class F>
Task<std::invoke_result_t<F>> run_blocking(Executor* executor, F function) {
  using R = std::invoke_result_t<F>;
  struct Awaiter {
    Executor* executor;
    F& function;
    std::optional<std::conditional_t<std::is_void_v<R>, char, R>> value;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
      executor->run_on_worker(
          [this] {
            if constexpr (std::is_void_v<R>) {
              function();
            } else {
              value.emplace(function());
            }
          },
          [caller] { caller.resume(); });
    }
    R await_resume() {
      if constexpr (!std::is_void_v<R>) return std::move(*value);
    }
  };
  if constexpr (std::is_void_v<R>) {
    co_await Awaiter{executor, function, std::nullopt};
  } else {
    co_return co_await Awaiter{executor, function, std::nullopt};
  }
}

/// Awaits the next turn of `executor`: lets others run in the middle of long work.
inline auto yield_to(Executor* executor) {
  struct Awaiter {
    Executor* executor;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
      executor->post([caller] { caller.resume(); });
    }
    void await_resume() const noexcept {}
  };
  return Awaiter{executor};
}
