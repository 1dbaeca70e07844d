#include "protocol/mime/identity.h"

#include "protocol/mime/ascii.h"
#include "protocol/mime/header.h"
#include "protocol/mime/siphash.h"

namespace mime {
namespace {

// DO NOT CHANGE: stored digests depend on the key, on the fields and on their order.
constexpr std::array<std::uint8_t, 16> kKey = {'w', 'a', 'y', 's', 't', 'a', 't', 'i',
                                               'o', 'n', '-', 'm', 'a', 'i', 'l', '1'};
constexpr std::array<std::string_view, 5> kFields = {"From", "To", "Subject", "Date", "Message-ID"};

}  // namespace

std::string message_id(std::string_view header_block) {
  std::string_view value = find_field(header_block, "Message-ID").value_or(std::string_view());
  const std::size_t open = value.find('<');
  if (open != std::string_view::npos) {
    value.remove_prefix(open);
    value = value.substr(
        0, value.find('>') == std::string_view::npos ? value.size() : value.find('>') + 1);
  }
  std::string out;
  for (const char c : value) {
    if (!is_blank_or_eol(c)) out += c;
  }
  return out;
}

HeaderDigest header_digest(std::string_view header_block) {
  std::string text;
  for (const std::string_view name : kFields) {
    text += name;
    HeaderReader reader(header_block);
    while (const auto field = reader.next()) {
      if (!field->has_colon || !equals_ignoring_case(field->name, name)) continue;
      text += ':';
      // Servers refold lines and trim blanks: white space has no part in it either.
      text += readable_text(field->value);
      text += '\n';  // no value has one, so that values cannot run into each other
    }
  }
  return siphash128(kKey, text);
}

}  // namespace mime
