#include "net/wait.h"

#include <algorithm>

#include "net/loop.h"

namespace net {

void WaitList::wake_all(Ended how) {
  while (!waits_.empty()) waits_.front()->end(how);
}

Wait::Wait(Loop* loop, WaitList* list, Deadline deadline, const std::stop_token& stop)
    : loop_(loop), list_(list), timer_(loop, [this] { end(Ended::kTimeout); }) {
  if (stop.stop_requested()) {
    ended_ = Ended::kCancelled;
    return;
  }
  const auto now = loop->now();
  if (deadline <= now) {
    ended_ = Ended::kTimeout;
    return;
  }
  list_->waits_.push_back(this);
  if (deadline != kNever)
    timer_.start(std::chrono::ceil<std::chrono::milliseconds>(deadline - now));
  if (stop.stop_possible()) on_stop_.emplace(stop, OnStop{this});
}

void Wait::end(Ended how) {
  if (ended_ != Ended::kWaiting) return;
  CHECK(loop_->is_current());
  ended_ = how;
  timer_.stop();
  std::erase(list_->waits_, this);
  // The frame that this lives in waits for exactly this call, so the handle stays good, and it is
  // set by the time that the loop gets to it.
  loop_->post([this] { handle_.resume(); });
}

}  // namespace net
