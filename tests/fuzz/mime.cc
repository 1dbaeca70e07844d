// Fuzzes all that is learnt of a message: the input is the message, and also says where it is cut.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "protocol/imap/body_structure.h"
#include "protocol/imap/envelope.h"
#include "protocol/imap/section.h"
#include "protocol/mime/date.h"
#include "protocol/mime/header.h"
#include "protocol/mime/identity.h"
#include "protocol/mime/parser.h"
#include "protocol/mime/search_text.h"
#include "protocol/mime/section_map.h"
#include "protocol/mime/utf8.h"

namespace {

// Small enough to be met by small inputs.
constexpr mime::Limits kSmallLimits = {
    .part_header_bytes = 300, .header_bytes = 900, .depth = 5, .parts = 9, .addresses = 10};

struct Learnt {
  mime::Message message;
  mime::SearchHeader header;
  std::string text;
};

// `seed` 0: in one piece.
Learnt learn(std::string_view input, const mime::Limits& limits, std::uint32_t seed) {
  Learnt out;
  mime::SearchText search([&](std::string_view folded) {
    CHECK(!folded.empty());
    out.text += folded;
  });
  mime::Parser parser(&search, limits);
  while (seed != 0 && !input.empty()) {
    seed = seed * 1'664'525U + 1'013'904'223U;
    const std::size_t size = (seed >> 24) % ((seed >> 20) % 4 == 0 ? 200 : 7);
    parser.feed(input.substr(0, size));
    input.remove_prefix(std::min(size, input.size()));
  }
  parser.feed(input);
  out.message = parser.finish();
  out.header = search.header();
  return out;
}

void check_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = mime::read_utf8(text).size;
    CHECK(size != 0);
    text.remove_prefix(size);
  }
}

// What BODYSTRUCTURE says of a part must be what FETCH gives for it.
void check_parts(const mime::SectionMap& map, const imap::BodyStructure& part, imap::Section* at) {
  const auto check_child = [&](std::size_t number, const imap::BodyStructure& child) {
    at->part.push_back(static_cast<std::uint32_t>(number));
    const auto range = map.find(*at);
    CHECK(range.has_value());
    CHECK(range->size == child.octets);
    CHECK(range->end() <= map.whole().size);
    if (child.is_multipart()) {
      check_parts(map, child, at);
    } else if (child.is_message() && !child.parts.empty()) {
      check_parts(map, child.parts.front(), at);
    }
    at->part.pop_back();
  };
  if (part.is_multipart()) {
    for (std::size_t i = 0; i < part.parts.size(); ++i) check_child(i + 1, part.parts[i]);
  } else {
    check_child(1, part);
  }
}

void check_message(std::string_view input, const mime::Limits& limits) {
  const auto seed = static_cast<std::uint32_t>(input.size() * 7919 + input.size() / 3 + 1);
  const Learnt whole = learn(input, limits, 0);
  const Learnt cut = learn(input, limits, seed);
  CHECK(whole.message.envelope == cut.message.envelope);
  CHECK(whole.message.structure == cut.message.structure);
  CHECK(whole.message.section_map == cut.message.section_map);
  CHECK(whole.message.header == cut.message.header);
  CHECK(whole.header.all == cut.header.all);
  CHECK(whole.header.subject == cut.header.subject);
  CHECK(whole.text == cut.text);

  const mime::Message& message = whole.message;
  CHECK(message.size_bytes == input.size());
  const auto map = mime::SectionMap::decode(message.section_map);
  CHECK(map.has_value());
  CHECK(map->whole().size == input.size());
  CHECK(!message.header_is_whole || message.header == input.substr(0, map->header().size));
  imap::Section section;
  check_parts(*map, message.structure, &section);
  check_utf8(whole.text);
  check_utf8(whole.header.all);

  std::string envelope;
  imap::encode_envelope(message.envelope, &envelope);
  CHECK(imap::decode_envelope(envelope).has_value());
  std::string structure;
  imap::encode_body_structure(message.structure, &structure);
  const auto decoded = imap::decode_body_structure(structure);
  CHECK(decoded.has_value());
  std::string again;
  imap::encode_body_structure(*decoded, &again);
  CHECK(again == structure);
}

void check_helpers(std::string_view input) {
  static_cast<void>(mime::SectionMap::decode(input));
  static_cast<void>(mime::parse_date(input));
  static_cast<void>(mime::message_id(input));
  static_cast<void>(mime::header_digest(input));
  const std::vector<std::string> names = {"Subject", "From"};
  const mime::FieldNames set(names);
  std::string only;
  mime::header_fields(input, set, mime::FieldFilter::kOnly, &only);
  std::string rest;
  mime::header_fields(input, set, mime::FieldFilter::kNot, &rest);
  CHECK(only.ends_with("\r\n") && rest.ends_with("\r\n"));
  CHECK(only.size() + rest.size() <= input.size() + 8);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_message(input, {});
  check_message(input, kSmallLimits);
  check_helpers(input);
  return 0;
}
