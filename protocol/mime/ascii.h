// Characters as mail headers see them: bytes, ASCII only, no locale.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace mime {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_blank_or_eol(char c) { return is_blank(c) || c == '\r' || c == '\n'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
constexpr bool is_8bit(char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; }

inline constexpr std::array<bool, 256> kAtext = [] {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const char as_char = static_cast<char>(c);
    table[static_cast<std::size_t>(c)] =
        is_alpha(as_char) || is_digit(as_char) || is_8bit(as_char) ||
        std::string_view("!#$%&'*+-/=?^_`{|}~").find(as_char) != std::string_view::npos;
  }
  return table;
}();
/// atext of RFC 5322 3.2.3; 8-bit counts as text, as RFC 6532 has it.
constexpr bool is_atext(char c) { return kAtext[static_cast<unsigned char>(c)]; }
/// A character of a token of RFC 2045 5.1.
constexpr bool is_token(char c) {
  return (is_atext(c) && c != '/' && c != '=' && c != '?') || c == '.';
}

/// The value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return to_lower(x) == to_lower(y);
         });
}
constexpr bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}
inline std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), to_lower);
  return out;
}

/// Without blanks and line ends at either end.
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank_or_eol(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank_or_eol(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace mime
