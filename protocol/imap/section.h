// Section: which part of a message a FETCH names. RFC 3501 6.4.5, section-spec.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/imap/lexer.h"
#include "protocol/imap/writer.h"

namespace imap {

enum class SectionText : std::uint8_t {
  kAll,              // "": all of the part
  kHeader,           // HEADER
  kHeaderFields,     // HEADER.FIELDS (names)
  kHeaderFieldsNot,  // HEADER.FIELDS.NOT (names)
  kText,             // TEXT
  kMime,             // MIME: only behind a part path
};

/// "1.2.HEADER.FIELDS (SUBJECT DATE)". Default constructed it is the whole message.
///
/// Thread: a plain value.
struct Section {
  std::vector<std::uint32_t> part;  // each >= 1; empty for the message itself
  SectionText text = SectionText::kAll;
  std::vector<std::string> fields;  // kHeaderFields(Not): at least one; as written

  bool is_whole_message() const { return part.empty() && text == SectionText::kAll; }
  friend bool operator==(const Section&, const Section&) = default;
};

/// "<offset.length>": RFC 3501 6.4.5, partial.
struct Partial {
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;  // not 0
  friend bool operator==(const Partial&, const Partial&) = default;
};

/// Limits of what a client may ask for.
struct SectionLimits {
  std::size_t depth = 100;     // numbers in a part path
  std::size_t fields = 1'000;  // names in a header list
};

/// Reads section, "[" [section-spec] "]".
Result<Section> decode_section(Lexer& lexer, const SectionLimits& limits = {});
/// Reads "<offset.length>" if it stands here.
Result<std::optional<Partial>> decode_partial(Lexer& lexer);
/// Reads "<offset>", as a response has it, if it stands here.
Result<std::optional<std::uint64_t>> decode_origin(Lexer& lexer);

/// Writes "[...]", keywords in upper case.
void encode_section(Writer& writer, const Section& section);
/// Writes "<offset.length>".
void encode_partial(Writer& writer, const Partial& partial);

}  // namespace imap
