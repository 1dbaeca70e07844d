#include "base/task_group.h"

// A coroutine that starts at once and frees itself at its end.
struct TaskGroup::Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

TaskGroup::Detached TaskGroup::run(TaskGroup* group, Task<void> task) {
  co_await std::move(task);
  if (--group->running_ == 0) group->idle_.set();
}

void TaskGroup::spawn(Task<void> task) {
  if (stop_.stop_requested()) return;
  ++running_;
  idle_.reset();
  run(this, std::move(task));
}

Task<void> TaskGroup::close() {
  stop_.request_stop();
  while (running_ != 0) {
    const Result<> idle = co_await idle_.wait();
    CHECK(idle.has_value());
  }
}
