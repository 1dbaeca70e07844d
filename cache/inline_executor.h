// InlineExecutor: for a commit whose answer is awaited by a worker, without a loop.
#pragma once

#include "base/executor.h"

namespace cache {

/// Runs what is posted at once, in whichever thread: the answer to a commit in the thread that
/// writes, between two groups of commits.
class InlineExecutor final : public Executor {
 public:
  void post(Work work) override { work(); }
  void run_on_worker(Work work, Work done) override {
    work();
    done();
  }
  void post_after(std::chrono::milliseconds, Work) override {}
  bool is_current() const override { return true; }
};

}  // namespace cache
