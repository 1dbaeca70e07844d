// Any charset to UTF-8, and case folding. The only place that knows ICU.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace mime {

/// Converts a text that comes in chunks of any size to UTF-8; the result does not depend on the
/// cuts. Never fails: an unknown charset is read as UTF-8, and each byte that cannot be UTF-8 as
/// windows-1252, which is what such bytes nearly always are. Bytes that a known charset does not
/// have become U+FFFD. The output is valid UTF-8 and holds whole characters after each call.
class CharsetDecoder {
 public:
  /// `charset` as written in a message; empty means none was given.
  explicit CharsetDecoder(std::string_view charset);
  ~CharsetDecoder();
  CharsetDecoder(CharsetDecoder&&) noexcept;
  CharsetDecoder& operator=(CharsetDecoder&&) noexcept;

  void feed(std::string_view bytes, std::string* out);
  void finish(std::string* out);

 private:
  class Icu;
  std::unique_ptr<Icu> icu_;  // null: UTF-8, US-ASCII and whatever is unknown
  std::string held_;          // the beginning of a character
};

/// Whether a text in `charset` can be decoded properly: else SEARCH answers BADCHARSET.
bool is_known_charset(std::string_view charset);

/// All of `bytes` in UTF-8.
std::string to_utf8(std::string_view charset, std::string_view bytes);

/// Appends `utf8` with case folded (Unicode full case folding, locale-free: "Straße" and "STRASSE"
/// become the same); nothing is composed, decomposed or stripped. Malformed bytes stay as they are.
void append_folded(std::string_view utf8, std::string* out);
std::string fold(std::string_view utf8);

/// A search string as a client sent it, in the form in which SearchText gives the messages.
std::string fold_query(std::string_view charset, std::string_view bytes);

}  // namespace mime
