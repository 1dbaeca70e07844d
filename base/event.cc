#include "base/event.h"

#include <algorithm>
#include <chrono>

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

void Event::arm(Executor::Clock::time_point deadline) {
  if (alarm_ && alarm_->at <= deadline) return;
  alarm_ = std::make_shared<Alarm>(this, deadline);  // an earlier timer finds itself replaced
  const auto delay = std::chrono::ceil<std::chrono::milliseconds>(deadline - executor_->now());
  executor_->post_after(delay, [weak = std::weak_ptr(alarm_)] {
    if (const std::shared_ptr<Alarm> alarm = weak.lock()) alarm->event->ring();
  });
}

void Event::ring() {
  alarm_.reset();
  const auto now = executor_->now();
  const std::vector<WaiterPtr> waiting = waiters_;
  for (const WaiterPtr& waiter : waiting) {
    if (!waiter->deadline) continue;
    if (*waiter->deadline <= now) {
      finish(waiter, Outcome::kTimeout);
    } else {
      arm(*waiter->deadline);
    }
  }
}

Task<Result<>> Event::wait(std::stop_token stop) {
  return wait_impl(std::nullopt, std::move(stop));
}

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
    const auto now = executor_->now();
    const auto longest =
        std::chrono::floor<std::chrono::milliseconds>(Executor::Clock::time_point::max() - now);
    waiter->deadline = now + std::min(*limit, longest);
    arm(*waiter->deadline);
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
    case Outcome::kTimeout:
      co_return fail(Errc::kTimeout, "timed out");
    case Outcome::kCancelled:
      co_return fail(Errc::kCancelled, "cancelled");
    case Outcome::kWaiting:
    case Outcome::kWoken:
      break;
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
