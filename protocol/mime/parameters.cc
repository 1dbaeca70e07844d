#include "protocol/mime/parameters.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <vector>

#include "protocol/mime/ascii.h"
#include "protocol/mime/charset.h"

namespace mime {
namespace {

// More than any mailer writes; a header of nothing but semicolons must not fill the memory.
constexpr std::size_t kMaxParameters = 1000;

// One "name*index*" of RFC 2231 section 3 and 4.
struct Section {
  std::string name;
  std::string value;
  unsigned index = 0;
  bool has_index = false;
  bool extended = false;
  std::string key = {};      // the name in lower case
  std::size_t position = 0;  // in the header: decides among equals
};

// Reads `name "=" value`; false when there is none, with the reader wherever it got.
bool read_parameter(ValueReader* reader, imap::Parameter* out) {
  if (!reader->append_token(&out->name)) return false;
  reader->skip_cfws();
  if (!reader->take('=')) return false;
  if (reader->peek() == '"') {
    reader->append_quoted(&out->value);
  } else if (reader->peek() == '=') {
    // An unquoted value that begins with "=": an encoded word, or a boundary of a careless mailer.
    while (!reader->at_end() && reader->peek() != ';' && !is_blank_or_eol(reader->peek())) {
      out->value += reader->peek();
      reader->skip();
    }
  } else {
    reader->append_token(&out->value);
  }
  reader->skip_cfws();
  return true;
}

// Takes "name", "name*", "name*3" or "name*3*" apart; nothing for a plain name.
std::optional<Section> as_section(const imap::Parameter& parameter) {
  const std::string_view name = parameter.name;
  const std::size_t star = name.find('*');
  if (star == std::string_view::npos) return std::nullopt;
  Section section{.name = std::string(name.substr(0, star)), .value = parameter.value};
  std::string_view rest = name.substr(star + 1);
  if (!rest.empty() && is_digit(rest.front())) {
    const auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), section.index);
    if (error != std::errc()) return std::nullopt;
    section.has_index = true;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    section.extended = rest == "*";
    if (!rest.empty() && !section.extended) return std::nullopt;
  } else {
    section.extended = true;
    if (!rest.empty()) return std::nullopt;
  }
  return section;
}

// Joins sections [first, last) of one name, which are sorted by index.
void join(std::vector<Section>::const_iterator first, std::vector<Section>::const_iterator last,
          imap::Parameters* out) {
  unsigned expected = 0;
  const bool complete =
      std::all_of(first, last, [&](const Section& s) { return s.index == expected++; });
  if (!complete) {
    // A section is missing: what is left cannot be joined, so it is passed on as it came.
    for (; first != last; ++first) {
      std::string name = first->name + "*";
      if (first->has_index) name += std::to_string(first->index);
      if (first->has_index && first->extended) name += "*";
      out->push_back({.name = std::move(name), .value = first->value});
    }
    return;
  }
  const bool extended = std::any_of(first, last, [](const Section& s) { return s.extended; });
  imap::Parameter joined{.name = first->name + (extended ? "*" : ""), .value = {}};
  // The charset is said by the first section (RFC 2231 4.1); without it the form would be broken.
  if (extended && !first->extended) joined.value = "''";
  for (; first != last; ++first) {
    if (!extended || first->extended) {
      joined.value += first->value;
      continue;
    }
    for (const char c : first->value) {
      c == '%' ? joined.value += "%25" : joined.value += c;
    }
  }
  out->push_back(std::move(joined));
}

}  // namespace

imap::Parameters read_parameters(ValueReader* reader) {
  imap::Parameters out;
  std::vector<Section> sections;
  while (!reader->at_end() && out.size() + sections.size() < kMaxParameters) {
    if (!reader->take(';')) {
      reader->skip();  // garbage: go on at the next semicolon
      continue;
    }
    imap::Parameter parameter;
    if (!read_parameter(reader, &parameter)) continue;
    if (auto section = as_section(parameter)) {
      section->key = lower(section->name);
      section->position = sections.size();
      sections.push_back(std::move(*section));
    } else {
      out.push_back(std::move(parameter));
    }
  }
  // Sections may come in any order (RFC 2231 3).
  std::ranges::sort(sections, {},
                    [](const Section& s) { return std::tie(s.key, s.index, s.position); });
  for (auto first = sections.cbegin(); first != sections.cend();) {
    const auto last = std::find_if_not(first, sections.cend(),
                                       [&](const Section& s) { return s.key == first->key; });
    join(first, last, &out);
    first = last;
  }
  return out;
}

std::optional<std::string> find_parameter(const imap::Parameters& parameters,
                                          std::string_view name) {
  for (const auto& [key, value] : parameters) {
    if (equals_ignoring_case(key, name)) return value;
    if (key.size() != name.size() + 1 || key.back() != '*' ||
        !starts_with_ignoring_case(key, name)) {
      continue;
    }
    // charset'language'percent-encoded (RFC 2231 4)
    const std::size_t first = value.find('\'');
    const std::size_t second = first == std::string::npos ? first : value.find('\'', first + 1);
    if (second == std::string::npos) return value;
    std::string bytes;
    for (std::size_t i = second + 1; i < value.size(); ++i) {
      const bool escape = value[i] == '%' && i + 2 < value.size() && hex_value(value[i + 1]) >= 0 &&
                          hex_value(value[i + 2]) >= 0;
      bytes += escape ? static_cast<char>(hex_value(value[i + 1]) * 16 + hex_value(value[i + 2]))
                      : value[i];
      if (escape) i += 2;
    }
    return to_utf8(std::string_view(value).substr(0, first), bytes);
  }
  return std::nullopt;
}

}  // namespace mime
