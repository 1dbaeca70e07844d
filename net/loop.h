// Loop: one thread's event loop (libuv), the Executor of everything that lives on that thread.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"

struct uv_loop_s;

namespace net {

class Timer;

/// Runs the sockets, timers, signals and posted work of one thread.
///
/// Thread:   post(), run_on_worker(), stop() and is_current() from any; the rest from the loop's
/// own
///           thread: the one that is in run(), and before run() the one that created it.
/// Lifetime: outlives every connection, listener, timer and coroutine that lives on it. What is
///           still queued when it is destroyed is dropped unrun.
class Loop final : public Executor {
 public:
  /// Errors: kIo when the system gives no more descriptors.
  static Result<std::unique_ptr<Loop>> create();
  ~Loop() override;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Serves the calling thread until stop(). May be called again afterwards.
  void run();
  /// Makes run() return after the present turn; when none runs, the next run() returns at once.
  void stop();

  void post(Work work) override;
  void run_on_worker(Work work, Work done) override;
  void post_after(std::chrono::milliseconds delay, Work work) override;
  bool is_current() const override;

  /// Runs `work` at the end of the present turn, after all that was posted and before the loop
  /// waits for the network again: the place to send what a turn has written.
  void at_turn_end(Work work);

  /// Calls `work` on the loop whenever the process gets `signal`. A second call for the same signal
  /// replaces the first.
  /// Errors: kIo for a signal that cannot be caught.
  Result<> on_signal(int signal, Work work);

  /// Awaits `function()` run on a worker thread, as ::run_blocking(this, ...).
  template <class F>
  Task<std::invoke_result_t<F>> run_blocking(F function) {
    return ::run_blocking(this, std::move(function));
  }

  // For the other files of net/.
  uv_loop_s* uv();
  /// 64 KiB that a callback may fill and must be done with before it returns or suspends.
  std::span<char> scratch();

 private:
  friend class Timer;
  struct Impl;
  explicit Loop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace net
