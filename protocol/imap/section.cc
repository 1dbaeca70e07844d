#include "protocol/imap/section.h"

namespace imap {
namespace {

// Not Lexer::nz_number(): a tolerant lexer takes "1.2" for a decimal fraction.
Result<std::uint32_t> part_number(Lexer& lexer) {
  const std::size_t begin = lexer.position();
  while (is_digit(lexer.peek())) lexer.seek(lexer.position() + 1);
  const auto number = parse_number(lexer.slice(begin));
  if (number && *number > 0) return static_cast<std::uint32_t>(*number);
  lexer.seek(begin);
  return lexer.expected("the number of a part");
}

Result<std::vector<std::string>> decode_header_list(Lexer& lexer, std::size_t max_fields) {
  std::vector<std::string> fields;
  TRY_VOID(lexer.expect('('));
  do {
    if (fields.size() == max_fields) return fail(Errc::kLimit, "too many header fields");
    TRY(std::string field, lexer.astring_value());
    fields.push_back(std::move(field));
    if (lexer.is_tolerant()) {
      lexer.skip_spaces();
      if (lexer.peek() == ')') break;
    } else if (lexer.peek() != ')') {
      TRY_VOID(lexer.space());
    }
  } while (lexer.peek() != ')');
  TRY_VOID(lexer.expect(')'));
  return fields;
}

Result<> decode_section_text(Lexer& lexer, Section& section, const SectionLimits& limits) {
  const auto fields = [&](SectionText text) -> Result<> {
    section.text = text;
    TRY_VOID(lexer.space());
    TRY(section.fields, decode_header_list(lexer, limits.fields));
    return {};
  };
  if (lexer.accept_word("HEADER.FIELDS.NOT")) return fields(SectionText::kHeaderFieldsNot);
  if (lexer.accept_word("HEADER.FIELDS")) return fields(SectionText::kHeaderFields);
  if (lexer.accept_word("HEADER")) {
    section.text = SectionText::kHeader;
  } else if (lexer.accept_word("TEXT")) {
    section.text = SectionText::kText;
  } else if (!section.part.empty() && lexer.accept_word("MIME")) {
    section.text = SectionText::kMime;
  } else {
    return lexer.expected("a section");
  }
  return {};
}

}  // namespace

Result<Section> decode_section(Lexer& lexer, const SectionLimits& limits) {
  Section section;
  TRY_VOID(lexer.expect('['));
  if (lexer.accept(']')) return section;
  // RFC 3501 section 9: section-part ["." section-text], or section-msgtext alone.
  bool text_follows = !is_digit(lexer.peek());
  while (is_digit(lexer.peek())) {
    if (section.part.size() == limits.depth) return fail(Errc::kLimit, "section path too long");
    TRY(const std::uint32_t number, part_number(lexer));
    section.part.push_back(number);
    if (!lexer.accept('.')) break;
    text_follows = !is_digit(lexer.peek());
  }
  if (text_follows) TRY_VOID(decode_section_text(lexer, section, limits));
  TRY_VOID(lexer.expect(']'));
  return section;
}

Result<std::optional<Partial>> decode_partial(Lexer& lexer) {
  if (!lexer.accept('<')) return std::nullopt;
  Partial partial;
  TRY(partial.offset_bytes, lexer.number64());
  TRY_VOID(lexer.expect('.'));
  TRY(partial.length_bytes, lexer.number64());
  // RFC 3501 section 9: "<" number "." nz-number ">".
  if (partial.length_bytes == 0) return lexer.error("partial of no bytes");
  TRY_VOID(lexer.expect('>'));
  return partial;
}

Result<std::optional<std::uint64_t>> decode_origin(Lexer& lexer) {
  if (!lexer.accept('<')) return std::nullopt;
  TRY(const std::uint64_t origin, lexer.number64());
  TRY_VOID(lexer.expect('>'));
  return origin;
}

void encode_section(Writer& writer, const Section& section) {
  writer.raw('[');
  bool dot = false;
  for (const std::uint32_t number : section.part) {
    if (dot) writer.raw('.');
    dot = true;
    writer.number(number);
  }
  if (dot && section.text != SectionText::kAll) writer.raw('.');
  switch (section.text) {
    case SectionText::kAll:
      break;
    case SectionText::kHeader:
      writer.raw("HEADER");
      break;
    case SectionText::kHeaderFields:
      writer.raw("HEADER.FIELDS (");
      break;
    case SectionText::kHeaderFieldsNot:
      writer.raw("HEADER.FIELDS.NOT (");
      break;
    case SectionText::kText:
      writer.raw("TEXT");
      break;
    case SectionText::kMime:
      writer.raw("MIME");
      break;
  }
  if (!section.fields.empty()) {
    bool first = true;
    for (const std::string& field : section.fields) {
      writer.separate(first);
      writer.astring(field);
    }
    writer.close();
  }
  writer.raw(']');
}

void encode_partial(Writer& writer, const Partial& partial) {
  writer.raw('<');
  writer.number(partial.offset_bytes);
  writer.raw('.');
  writer.number(partial.length_bytes);
  writer.raw('>');
}

}  // namespace imap
