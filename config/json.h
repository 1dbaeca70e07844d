// Json: a parsed JSON text that remembers lines, order and duplicate keys, which mistakes need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace config {

struct JsonMember;

/// One value with where it was. Plain data; depth is limited, so recursion over it is safe.
struct Json {
  enum class Type { kNull, kBoolean, kInteger, kReal, kString, kList, kObject };

  Type type = Type::kNull;
  bool boolean = false;
  std::int64_t integer = 0;
  std::string text;  // a string; a number as written
  std::vector<Json> items;
  std::vector<JsonMember> members;  // in the order of the file; keys may be there twice
  std::size_t line = 1;
};

struct JsonMember {
  std::string key;
  std::size_t line = 1;
  Json value;
};

/// Deeper nesting is refused; the config needs 6.
inline constexpr std::size_t kMaxJsonDepth = 32;

/// Parses JSON with comments. Any bytes are survivable.
/// Errors: a Mistake with line and column, which repeats nothing of the text but its shape.
std::expected<Json, Mistake> parse_json(std::string_view text);

}  // namespace config
