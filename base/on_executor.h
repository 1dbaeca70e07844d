// run_on: runs a coroutine on another thread's executor and comes back with its value.
#pragma once

#include <coroutine>
#include <functional>
#include <optional>
#include <utility>

#include "base/executor.h"
#include "base/task.h"

namespace on_executor_detail {

// Starts at once and frees itself at its end; the caller's frame outlives it.
struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

template <class T>
struct Call {
  std::move_only_function<Task<T>()> make;
  std::optional<T> value;
};

template <class T>
Detached run(Executor* home, Call<T>* call, std::coroutine_handle<> caller) {
  call->value.emplace(co_await call->make());
  home->post([caller] { caller.resume(); });
}

}  // namespace on_executor_detail

/// Awaits `make()` run on `there`; the coroutine that awaits goes on on `home`, where it is now.
/// What `make` captures has to be good on the other thread.
template <class T>
Task<T> run_on(Executor* there, Executor* home, std::move_only_function<Task<T>()> make) {
  struct Awaiter {
    Executor* there;
    Executor* home;
    on_executor_detail::Call<T> call;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
      there->post([this, caller] { on_executor_detail::run(home, &call, caller); });
    }
    T await_resume() { return std::move(*call.value); }
  };
  co_return co_await Awaiter{there, home, {std::move(make), std::nullopt}};
}
