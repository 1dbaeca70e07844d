// UTF-8, well-formed and otherwise.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mime {

inline constexpr char32_t kReplacement = 0xfffd;
inline constexpr std::string_view kReplacementUtf8 = "\xef\xbf\xbd";

/// How many bytes at the beginning of `text` are ASCII.
std::size_t ascii_prefix(std::string_view text);

void append_utf8(char32_t c, std::string* out);

/// The character at the beginning of `text` and its size in bytes. When it is malformed, size is 0;
/// when it is cut short by the end of `text`, `cut` is set as well.
struct Utf8Character {
  char32_t value = kReplacement;
  std::size_t size = 0;
  bool cut = false;
};
/// REQUIRES: `text` is not empty.
Utf8Character read_utf8(std::string_view text);

/// Appends `bytes` as well-formed UTF-8: what is UTF-8 as it is, any other byte as windows-1252.
/// Returns how many bytes were taken: all of them, unless a character is cut and not `final`.
std::size_t repair_utf8(std::string_view bytes, bool final, std::string* out);

}  // namespace mime
