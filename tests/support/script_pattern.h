// Patterns of a script: `*` is any text, `$1` to `$9` a word to remember; for scripted_server.cc.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace support {

/// The words that patterns of one connection have caught.
class ScriptWords {
 public:
  /// Matches all of `line`, whatever the case of its letters. `$n` catches a word (no spaces) the
  /// first time and must be equal to it later; when nothing matches, nothing is caught.
  bool match(std::string_view pattern, std::string_view line);
  /// Puts the words in: "$1 OK" becomes "a1 OK". A `$` before anything else stays.
  std::string fill_in(std::string_view text) const;
  void set(char name, std::string word) { words_[index(name)] = std::move(word); }

 private:
  static std::size_t index(char name) { return static_cast<std::size_t>(name - '0'); }
  bool match_from(std::string_view pattern, std::string_view line);
  std::array<std::optional<std::string>, 10> words_;
};

struct ScriptLiteral {
  std::size_t size = 0;
  bool synchronizing = true;
};
/// The literal that `line` announces at its end.
std::optional<ScriptLiteral> script_literal(std::string_view line);

/// Replaces \r \n \t \0 \\ and \xHH. Nothing when an escape is not one of these.
std::optional<std::string> unescape(std::string_view text);

}  // namespace support
