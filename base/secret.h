// Secret: a password or a token that never shows up in a log.
#pragma once

#include <string>
#include <string_view>
#include <utility>

/// A string that cannot be printed by accident and is wiped when it goes.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(const Secret& other) = default;
  Secret& operator=(Secret&& other) noexcept {
    wipe();
    value_ = std::move(other.value_);
    other.wipe();
    return *this;
  }
  ~Secret() { wipe(); }

  bool empty() const { return value_.empty(); }
  /// The value itself: for the wire only, never for a log or an error.
  std::string_view reveal() const { return value_; }
  /// Compares in constant time for equal lengths.
  bool matches(std::string_view candidate) const;
  bool operator==(const Secret& other) const { return matches(other.value_); }

 private:
  void wipe();
  std::string value_;
};
