#include "protocol/mime/header.h"

#include <algorithm>
#include <cstring>

#include "protocol/mime/ascii.h"
#include "protocol/mime/utf8.h"

namespace mime {
namespace {

// Where the line that begins at `from` ends, its line end included.
std::size_t end_of_line(std::string_view text, std::size_t from) {
  const std::size_t lf = text.find('\n', from);
  return lf == std::string_view::npos ? text.size() : lf + 1;
}

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::uint64_t shape_of(std::string_view name) {
  const std::size_t first =
      static_cast<unsigned char>(name.empty() ? '\0' : to_lower(name.front()));
  return std::uint64_t{1} << ((first * 5 + name.size()) % 64);
}

}  // namespace

std::optional<HeaderField> HeaderReader::next() {
  if (rest_.empty() || rest_.front() == '\n' || rest_.starts_with("\r\n")) return std::nullopt;
  std::size_t end = end_of_line(rest_, 0);
  const std::string_view first_line = without_line_end(rest_.substr(0, end));
  // A line that begins with a blank continues the field (RFC 5322 2.2.3).
  while (end < rest_.size() && is_blank(rest_[end])) end = end_of_line(rest_, end);

  HeaderField field;
  field.raw = rest_.substr(0, end);
  rest_.remove_prefix(end);
  const std::size_t colon = first_line.find(':');
  field.has_colon = colon != std::string_view::npos;
  field.name = field.has_colon ? first_line.substr(0, colon) : first_line;
  if (field.has_colon) {
    while (!field.name.empty() && is_blank(field.name.back())) field.name.remove_suffix(1);
    field.value = without_line_end(field.raw).substr(colon + 1);
  }
  return field;
}

std::optional<std::string_view> find_field(std::string_view block, std::string_view name) {
  HeaderReader reader(block);
  while (const auto field = reader.next()) {
    if (field->has_colon && equals_ignoring_case(field->name, name)) return field->value;
  }
  return std::nullopt;
}

std::string unfold(std::string_view value) {
  std::string out;
  value = trim(value);
  out.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool crlf = value[i] == '\r' && i + 1 < value.size() && value[i + 1] == '\n';
    if (!crlf && value[i] != '\n') out += value[i];
  }
  return out;
}

std::string readable_text(std::string_view value) {
  std::string out;
  bool pending = false;
  for (const char c : trim(value)) {
    if (is_blank_or_eol(c)) {
      pending = true;
      continue;
    }
    if (pending) out += ' ';
    pending = false;
    c == '\0' ? out += kReplacementUtf8 : out += c;
  }
  return out;
}

FieldNames::FieldNames(std::span<const std::string> names) {
  names_.reserve(names.size());
  for (const std::string& name : names) {
    names_.push_back(lower(name));
    shapes_ |= shape_of(name);
  }
}

bool FieldNames::contains(std::string_view name) const {
  if ((shapes_ & shape_of(name)) == 0) return false;
  return std::ranges::any_of(
      names_, [&](const std::string& known) { return equals_ignoring_case(known, name); });
}

void header_fields(std::string_view block, const FieldNames& names, FieldFilter filter,
                   std::string* out) {
  const bool wanted = filter == FieldFilter::kOnly;
  HeaderReader reader(block);
  // Neighbours that are both wanted are copied in one go.
  const char* run = nullptr;
  std::size_t run_size = 0;
  while (const auto field = reader.next()) {
    // A line that is no field has no name to be asked for.
    if ((field->has_colon && names.contains(field->name)) == wanted) {
      if (run_size == 0) run = field->raw.data();
      run_size += field->raw.size();
    } else if (run_size != 0) {
      out->append(run, run_size);
      run_size = 0;
    }
  }
  if (run_size != 0) out->append(run, run_size);
  // A header that was cut short: its last line needs an end before the empty line can follow.
  if (run_size != 0 && !out->ends_with('\n')) out->append("\r\n");
  out->append("\r\n");
}

}  // namespace mime
