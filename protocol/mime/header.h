// The fields of a header block (RFC 5322 2.2), also of broken ones.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mime {

/// One field. Views into the block.
struct HeaderField {
  std::string_view name;   // without the colon and the blanks before it
  std::string_view value;  // after the colon: still folded and encoded, without its last line end
  std::string_view raw;    // the whole field with all its line ends
  bool has_colon = true;   // false: a line that is no field; then all of it is the name
};

/// Walks over the fields of a block, up to its empty line or its end.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view block) : rest_(block) {}
  /// The next field; nothing at the end.
  std::optional<HeaderField> next();

 private:
  std::string_view rest_;
};

/// The value of the first field called `name` (any case): still folded; nothing when there is none.
std::optional<std::string_view> find_field(std::string_view block, std::string_view name);

/// `value` on one line: line ends taken out (RFC 5322 2.2.3), blanks at both ends too.
std::string unfold(std::string_view value);

/// `value` as people read it: each run of blanks and line ends as one blank, none at either end; a
/// NUL as U+FFFD.
std::string readable_text(std::string_view value);

/// A set of field names, prepared once for many header blocks.
class FieldNames {
 public:
  explicit FieldNames(std::span<const std::string> names);
  /// Whether `name` is in the set, in any case.
  bool contains(std::string_view name) const;

 private:
  std::uint64_t shapes_ = 0;  // a bit for each (first letter, length) there is: most names end here
  std::vector<std::string> names_;
};

enum class FieldFilter : std::uint8_t { kOnly, kNot };

/// Appends the fields of `block` that are in `names` (or are not), as they stand, in their order,
/// and the empty line: HEADER.FIELDS and HEADER.FIELDS.NOT of RFC 3501 6.4.5.
void header_fields(std::string_view block, const FieldNames& names, FieldFilter filter,
                   std::string* out);

}  // namespace mime
