// Numbers as the protocol writes them: decimal digits, no sign, a limit.
#pragma once

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/imap/characters.h"

namespace imap {

/// The largest number64 and mod-sequence-value: RFC 9051 section 9, RFC 7162 section 7.
inline constexpr std::uint64_t kMaxNumber64 = (std::uint64_t{1} << 63) - 1;

/// Reads all of `digits` as a decimal number; nothing for "", a sign, another character or a
/// number above `max`. Leading zeros are fine (RFC 3501 section 9: number = 1*DIGIT).
constexpr std::optional<std::uint64_t> parse_number(
    std::string_view digits, std::uint64_t max = std::numeric_limits<std::uint32_t>::max()) {
  if (digits.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (max - digit) / 10 || digit > max) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

/// Appends `value` in decimal.
inline void append_number(std::string& out, std::uint64_t value) {
  char buffer[20];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, static_cast<std::size_t>(end - buffer));
}

}  // namespace imap
