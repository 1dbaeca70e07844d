// ManualExecutor: an Executor for tests, driven from the test's own thread with a clock of its own.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/executor.h"
#include "base/task_group.h"

/// Runs posted work when told to. Blocking work runs inline, timers when advance() passes them.
class ManualExecutor final : public Executor {
 public:
  void post(Work work) override { queue_.push_back(std::move(work)); }
  void run_on_worker(Work work, Work done) override {
    queue_.push_back([work = std::move(work), done = std::move(done)]() mutable {
      work();
      done();
    });
  }
  void post_after(std::chrono::milliseconds delay, Work work) override {
    timers_.emplace(now_ + delay, std::move(work));
  }
  bool is_current() const override { return true; }
  Clock::time_point now() const override { return Clock::time_point(now_); }
  std::size_t pending_timers() const { return timers_.size(); }

  /// Runs until nothing is left to run now.
  void run() {
    while (!queue_.empty()) {
      Work work = std::move(queue_.front());
      queue_.pop_front();
      work();
    }
  }
  /// Moves the clock, firing timers in order.
  void advance(std::chrono::milliseconds by) {
    const auto until = now_ + by;
    run();
    while (!timers_.empty() && timers_.begin()->first <= until) {
      auto node = timers_.extract(timers_.begin());
      now_ = node.key();
      node.mapped()();
      run();
    }
    now_ = until;
  }
  /// Runs `task` to its end and returns its value; the task must not need a timer.
  template <class T>
  T run_task(Task<T> task) {
    std::optional<T> value;
    TaskGroup group(this);
    group.spawn(store(std::move(task), &value));
    run();
    CHECK(value.has_value());
    return std::move(*value);
  }
  void run_task(Task<void> task) {
    TaskGroup group(this);
    group.spawn(std::move(task));
    run();
    CHECK(group.running() == 0);
  }

 private:
  template <class T>
  static Task<void> store(Task<T> task, std::optional<T>* into) {
    into->emplace(co_await std::move(task));
  }
  std::deque<Work> queue_;
  std::chrono::milliseconds now_{0};
  std::multimap<std::chrono::milliseconds, Work> timers_;
};
