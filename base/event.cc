#include "base/event.h"

#include <algorithm>

Event::~Event() { CHECK(waiters_.empty()); }

void Event::finish(const WaiterPtr& waiter, Outcome outcome) {
  if (waiter->outcome != Outcome::kWaiting) return;
  waiter->outcome = outcome;
  std::erase(waiters_, waiter);
  executor_->post([waiter] { waiter->handle.resume(); });
}

void Event::notify() {
  const std::vector<WaiterPtr> woken = waiters_;
  for (const WaiterPtr& waiter : woken) finish(waiter, Outcome::kWoken);
}

void Event::set() {
  set_ = true;
  notify();
}

Task<Result<>> Event::wait(std::stop_token stop) { return wait_impl(std::nullopt, std::move(stop)); }

Task<Result<>> Event::wait_for(std::chrono::milliseconds limit, std::stop_token stop) {
  return wait_impl(limit, std::move(stop));
}

Task<Result<>> Event::wait_impl(std::optional<std::chrono::milliseconds> limit,
                                std::stop_token stop) {
  if (stop.stop_requested()) co_return fail(Errc::kCancelled, "cancelled");
  if (set_) co_return Result<>();
  auto waiter = std::make_shared<Waiter>();
  waiters_.push_back(waiter);
  if (limit) {
    // The timer may fire long after the waiter and the event are gone; the weak pointer then says so.
    // While the waiter waits, the event is alive.
    executor_->post_after(*limit, [this, weak = std::weak_ptr(waiter)] {
      if (const WaiterPtr still = weak.lock()) {
        if (still->outcome == Outcome::kWaiting) finish(still, Outcome::kTimeout);
      }
    });
  }
  const std::stop_callback on_stop(stop, [this, waiter] { finish(waiter, Outcome::kCancelled); });
  struct Awaiter {
    Waiter* waiter;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) const { waiter->handle = caller; }
    void await_resume() const noexcept {}
  };
  // finish() posts, so the handle is set by the time that anybody resumes it.
  co_await Awaiter{waiter.get()};
  switch (waiter->outcome) {
    case Outcome::kTimeout: co_return fail(Errc::kTimeout, "timed out");
    case Outcome::kCancelled: co_return fail(Errc::kCancelled, "cancelled");
    case Outcome::kWaiting:
    case Outcome::kWoken: break;
  }
  co_return Result<>();
}

Task<Result<>> sleep_for(Executor* executor, std::chrono::milliseconds delay,
                         std::stop_token stop) {
  Event never(executor);
  Result<> waited = co_await never.wait_for(delay, std::move(stop));
  if (!waited && waited.error().code() == Errc::kCancelled) co_return waited;
  co_return Result<>();
}

Task<AsyncMutex::Lock> AsyncMutex::lock() {
  struct Awaiter {
    AsyncMutex* mutex;
    bool await_ready() const noexcept { return !mutex->locked_; }
    void await_suspend(std::coroutine_handle<> caller) const { mutex->queue_.push_back(caller); }
    void await_resume() const noexcept { mutex->locked_ = true; }
  };
  co_await Awaiter{this};
  co_return Lock(this);
}

void AsyncMutex::unlock() {
  if (queue_.empty()) {
    locked_ = false;
    return;
  }
  // The lock stays taken and passes to the first in the queue.
  const std::coroutine_handle<> next = queue_.front();
  queue_.erase(queue_.begin());
  executor_->post([next] { next.resume(); });
}
