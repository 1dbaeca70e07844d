// TaskGroup: owns background coroutines, so that none outlives what it uses.
#pragma once

#include <cstddef>
#include <stop_token>

#include "base/event.h"
#include "base/executor.h"
#include "base/task.h"

/// Runs detached tasks and waits for all of them at the end.
///
/// Thread:   the executor's.
/// Lifetime: the owner awaits close() before it destroys the group; the destructor checks it.
class TaskGroup {
 public:
  explicit TaskGroup(Executor* executor) : idle_(executor) { idle_.set(); }
  ~TaskGroup() { CHECK(running_ == 0); }
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task` now, up to its first suspension. After request_stop() it is dropped unstarted.
  void spawn(Task<void> task);
  /// Asks every task to end: they see it on the token that they were given, stop_token().
  void request_stop() { stop_.request_stop(); }
  std::stop_token stop_token() const { return stop_.get_token(); }
  std::size_t running() const { return running_; }

  /// Requests the stop and waits until nothing runs.
  Task<void> close();

 private:
  struct Detached;
  static Detached run(TaskGroup* group, Task<void> task);

  std::size_t running_ = 0;
  std::stop_source stop_;
  Event idle_;
};
