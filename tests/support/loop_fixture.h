// LoopFixture: runs a task on a real event loop, in the test's own thread, to its end.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/task_group.h"
#include "net/loop.h"

/// A loop that a test drives. A task that hangs aborts the test after `kWatchdog`, rather than
/// hanging it.
class LoopFixture {
 public:
  static constexpr std::chrono::seconds kWatchdog{60};

  net::Loop* loop() { return loop_.get(); }

  /// Runs `task` on the loop until it ends, and returns its value.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    TaskGroup group(loop());
    group.spawn(store(this, std::move(task), &value));
    run_until_done(&group);
    return std::move(*value);
  }
  void run(Task<void> task) {
    TaskGroup group(loop());
    group.spawn(finish(this, std::move(task)));
    run_until_done(&group);
  }

 private:
  template <class T>
  static Task<void> store(LoopFixture* self, Task<T> task, std::optional<T>* into) {
    into->emplace(co_await std::move(task));
    self->loop()->stop();
  }
  static Task<void> finish(LoopFixture* self, Task<void> task) {
    co_await std::move(task);
    self->loop()->stop();
  }
  void run_until_done(TaskGroup* group) {
    const int run = ++runs_;
    loop()->post_after(kWatchdog, [this, run] {
      const bool task_hangs = run == runs_;
      CHECK(!task_hangs);
    });
    loop()->run();
    ++runs_;
    CHECK(group->running() == 0);
  }

  std::unique_ptr<net::Loop> loop_ = net::Loop::create().value();
  int runs_ = 0;
};
