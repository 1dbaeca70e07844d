// The character classes of the grammar: RFC 3501 section 9.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace imap {

namespace characters_detail {
enum : std::uint8_t { kAtom = 1, kAstring = 2, kTag = 4, kList = 8, kQuoted = 16, kDigit = 32 };

constexpr bool one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

constexpr std::array<std::uint8_t, 256> make_table() {
  std::array<std::uint8_t, 256> table{};
  for (unsigned i = 1; i < 0x80; ++i) {  // CHAR: NUL and 8-bit bytes are in no class
    const char c = static_cast<char>(i);
    std::uint8_t bits = 0;
    const bool control = i < 0x20 || i == 0x7f;
    const bool atom = !control && !one_of(c, "(){ %*\"\\]");
    if (atom) bits |= kAtom;
    if (atom || c == ']') bits |= kAstring;
    if ((atom || c == ']') && c != '+') bits |= kTag;
    if (atom || one_of(c, "]%*")) bits |= kList;
    if (!one_of(c, "\r\n\"\\")) bits |= kQuoted;
    if (c >= '0' && c <= '9') bits |= kDigit;
    table[i] = bits;
  }
  return table;
}
inline constexpr std::array<std::uint8_t, 256> kTable = make_table();
constexpr bool has(char c, std::uint8_t bit) {
  return (kTable[static_cast<unsigned char>(c)] & bit) != 0;
}
}  // namespace characters_detail

/// ATOM-CHAR.
constexpr bool is_atom_char(char c) { return characters_detail::has(c, characters_detail::kAtom); }
/// ASTRING-CHAR: ATOM-CHAR and "]".
constexpr bool is_astring_char(char c) {
  return characters_detail::has(c, characters_detail::kAstring);
}
/// What a tag may hold: ASTRING-CHAR except "+".
constexpr bool is_tag_char(char c) { return characters_detail::has(c, characters_detail::kTag); }
/// list-char: what an unquoted LIST pattern may hold.
constexpr bool is_list_char(char c) { return characters_detail::has(c, characters_detail::kList); }
/// TEXT-CHAR except quoted-specials: what a quoted string holds without a backslash.
constexpr bool is_quoted_char(char c) {
  return characters_detail::has(c, characters_detail::kQuoted);
}
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_8bit(char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; }

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
constexpr char ascii_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c;
}

/// Compares without regard to ASCII case, as all keywords of the protocol do.
constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}
/// Orders without regard to ASCII case.
constexpr bool less_ignoring_case(std::string_view a, std::string_view b) {
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const auto x = static_cast<unsigned char>(ascii_lower(a[i]));
    const auto y = static_cast<unsigned char>(ascii_lower(b[i]));
    if (x != y) return x < y;
  }
  return a.size() < b.size();
}

/// Whether `text` is 1*ATOM-CHAR.
constexpr bool is_atom(std::string_view text) {
  for (const char c : text) {
    if (!is_atom_char(c)) return false;
  }
  return !text.empty();
}

}  // namespace imap
