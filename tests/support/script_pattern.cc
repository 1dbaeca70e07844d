#include "tests/support/script_pattern.h"

#include <cctype>
#include <charconv>

namespace support {
namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

bool is_word_name(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool ScriptWords::match(std::string_view pattern, std::string_view line) {
  const auto before = words_;
  if (match_from(pattern, line)) return true;
  words_ = before;
  return false;
}

bool ScriptWords::match_from(std::string_view pattern, std::string_view line) {
  while (!pattern.empty()) {
    if (pattern.front() == '*') {
      pattern.remove_prefix(1);
      if (pattern.empty()) return true;
      for (std::size_t skip = 0; skip <= line.size(); ++skip) {
        const auto before = words_;
        if (match_from(pattern, line.substr(skip))) return true;
        words_ = before;
      }
      return false;
    }
    if (pattern.size() >= 2 && pattern[0] == '$' && is_word_name(pattern[1])) {
      const std::string_view word = line.substr(0, line.find(' '));
      auto& known = words_[index(pattern[1])];
      if (word.empty() || (known && *known != word)) return false;
      known = std::string(word);
      pattern.remove_prefix(2);
      line.remove_prefix(word.size());
      continue;
    }
    if (line.empty() || lower(pattern.front()) != lower(line.front())) return false;
    pattern.remove_prefix(1);
    line.remove_prefix(1);
  }
  return line.empty();
}

std::string ScriptWords::fill_in(std::string_view text) const {
  std::string filled;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool word = text[i] == '$' && i + 1 < text.size() && is_word_name(text[i + 1]) &&
                      words_[index(text[i + 1])].has_value();
    if (!word) {
      filled.push_back(text[i]);
      continue;
    }
    filled += *words_[index(text[++i])];
  }
  return filled;
}

std::optional<ScriptLiteral> script_literal(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  const std::size_t open = line.rfind('{');
  if (open == std::string_view::npos) return std::nullopt;
  std::string_view digits = line.substr(open + 1, line.size() - open - 2);
  ScriptLiteral literal;
  literal.synchronizing = !digits.ends_with('+');
  if (!literal.synchronizing) digits.remove_suffix(1);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), literal.size);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return literal;
}

std::optional<std::string> unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain.push_back(text[i]);
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    unsigned value = 0;
    switch (text[i]) {
      case 'r':
        plain.push_back('\r');
        break;
      case 'n':
        plain.push_back('\n');
        break;
      case 't':
        plain.push_back('\t');
        break;
      case '0':
        plain.push_back('\0');
        break;
      case '\\':
        plain.push_back('\\');
        break;
      case 'x': {
        const char* digits = text.data() + i + 1;
        if (i + 2 >= text.size() ||
            std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2) {
          return std::nullopt;
        }
        plain.push_back(static_cast<char>(value));
        i += 2;
        break;
      }
      default:
        return std::nullopt;
    }
  }
  return plain;
}

}  // namespace support
