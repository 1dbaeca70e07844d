// Result<T> and Error: how every fallible function of the project answers.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

/// What went wrong, in terms of who has to act.
enum class Errc : std::uint8_t {
  kCancelled,      // a stop was requested: unwind, report nothing
  kTimeout,        // a deadline passed: retry later
  kClosed,         // the peer closed the connection: retry later
  kIo,             // the system refused: retry later, tell the operator
  kUnavailable,    // upstream is away, or the thing cannot be reached now: retry later
  kLimit,          // a limit was met (size, quota, disk full): the caller must ask for less
  kInvalid,        // the input is not what the grammar or the config allows: the client acts
  kNotFound,       // there is no such thing
  kAlreadyExists,  // there is one already
  kPermission,     // refused: wrong credentials or no right
  kProtocol,       // the peer broke the protocol
  kStale,          // the state moved on (UIDVALIDITY, a reload): read again
  kCorruption,     // stored data is damaged: rebuild
  kBug,            // a broken promise of our own
};

/// Returns the enumerator's name without its k ("NotFound"), for logs.
std::string_view name_of(Errc code);

/// An error: a code for the program, a text for the operator. Never holds a secret.
class [[nodiscard]] Error {
 public:
  Error(Errc code, std::string text) : code_(code), text_(std::move(text)) {}

  Errc code() const { return code_; }
  const std::string& text() const { return text_; }

  /// Adds what was being done, in front: "syncing INBOX: " + text().
  Error within(std::string_view context) && {
    text_.insert(0, ": ");
    text_.insert(0, context);
    return std::move(*this);
  }
  Error within(std::string_view context) const& { return Error(*this).within(context); }

 private:
  Errc code_;
  std::string text_;
};

template <class T = void>
using Result = std::expected<T, Error>;

/// `return fail(Errc::kNotFound, "no mailbox \"x\"");`
[[nodiscard]] inline std::unexpected<Error> fail(Errc code, std::string text) {
  return std::unexpected(Error(code, std::move(text)));
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}

#define WS_CONCAT_INNER(a, b) a##b
#define WS_CONCAT(a, b) WS_CONCAT_INNER(a, b)

// TRY(auto x, f());     binds the value, or returns the error.
// TRY_VOID(f());        the same without a value.
// CO_TRY, CO_TRY_VOID   the same inside a coroutine.
#define WS_TRY_IMPL(ret, tmp, decl, expr)                \
  auto tmp = (expr);                                     \
  if (!tmp) ret std::unexpected(std::move(tmp).error()); \
  decl = std::move(*tmp)
#define WS_TRY_VOID_IMPL(ret, tmp, expr) \
  if (auto tmp = (expr); !tmp) ret std::unexpected(std::move(tmp).error())
#define TRY(decl, expr) WS_TRY_IMPL(return, WS_CONCAT(try_, __COUNTER__), decl, expr)
#define TRY_VOID(expr) WS_TRY_VOID_IMPL(return, WS_CONCAT(try_, __COUNTER__), expr)
#define CO_TRY(decl, expr) WS_TRY_IMPL(co_return, WS_CONCAT(try_, __COUNTER__), decl, expr)
#define CO_TRY_VOID(expr) WS_TRY_VOID_IMPL(co_return, WS_CONCAT(try_, __COUNTER__), expr)
