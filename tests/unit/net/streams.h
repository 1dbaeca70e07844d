// What the tests of net share: reading and writing whole texts, two tasks side by side.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "base/task_group.h"
#include "net/connection.h"
#include "tests/support/loop_fixture.h"

namespace net::testing {

constexpr std::chrono::seconds kLong{20};

/// Reads exactly `size` bytes.
inline Task<Result<std::string>> read_bytes(Connection* from, std::size_t size) {
  std::string text;
  while (text.size() < size) {
    if (from->buffered().empty()) CO_TRY_VOID(co_await from->fill(kLong));
    const std::string_view piece = from->buffered().substr(0, size - text.size());
    text += piece;
    from->consume(piece.size());
  }
  co_return text;
}

/// Reads until the peer closes.
inline Task<Result<std::string>> read_to_end(Connection* from) {
  std::string text;
  for (;;) {
    text += from->buffered();
    from->consume(from->buffered().size());
    const Result<> filled = co_await from->fill(kLong);
    if (!filled && filled.error().code() == Errc::kClosed) co_return text;
    CO_TRY_VOID(filled);
  }
}

/// Writes `text` and waits until it is sent.
inline Task<Result<>> send(Connection* to, std::string text) {
  to->write(std::move(text));
  co_return co_await to->flush(kLong);
}

template <class T>
Task<void> store(Task<T> task, std::optional<T>* into) {
  into->emplace(co_await std::move(task));
}

/// Awaits both tasks, which run at the same time.
template <class A, class B>
Task<std::pair<A, B>> both(Loop* loop, Task<A> a, Task<B> b) {
  std::optional<A> first;
  TaskGroup group(loop);
  group.spawn(store(std::move(a), &first));
  B second = co_await std::move(b);
  while (group.running() > 0) co_await yield_to(loop);
  co_return std::pair<A, B>(std::move(*first), std::move(second));
}

/// `size` times the same byte.
inline std::string filled(std::size_t size, char byte) { return std::string(size, byte); }

/// Text that does not repeat too soon, and compresses a little.
inline std::string sample(std::size_t size, unsigned seed = 1) {
  std::string text(size, '\0');
  unsigned state = seed * 2654435761U + 1;
  for (char& c : text) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>('a' + (state >> 24) % 26);
  }
  return text;
}

}  // namespace net::testing
