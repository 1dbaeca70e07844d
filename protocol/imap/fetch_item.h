// FetchItem: what a FETCH asks for. RFC 3501 6.4.5, fetch-att.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/imap/lexer.h"
#include "protocol/imap/section.h"
#include "protocol/imap/writer.h"

namespace imap {

enum class FetchKind : std::uint8_t {
  kEnvelope,
  kFlags,
  kInternalDate,
  kRfc822,        // like BODY[], sets \Seen, answered under its own name
  kRfc822Header,  // like BODY.PEEK[HEADER]
  kRfc822Size,
  kRfc822Text,  // like BODY[TEXT], sets \Seen
  kBody,        // BODY without a section: the structure without extension data
  kBodyStructure,
  kBodySection,  // BODY[...] or BODY.PEEK[...]
  kUid,
  kModSeq,          // RFC 7162 3.1.4
  kEmailId,         // RFC 8474 5.1
  kThreadId,        // RFC 8474 5.2
  kGmailMessageId,  // X-GM-MSGID: only for upstream
  kGmailThreadId,   // X-GM-THRID: only for upstream
  kGmailLabels,     // X-GM-LABELS: only for upstream
};

/// One item of a FETCH.
struct FetchItem {
  FetchKind kind = FetchKind::kUid;
  // The rest is for kBodySection alone.
  bool peek = false;  // BODY.PEEK: does not set \Seen
  Section section = {};
  std::optional<Partial> partial = std::nullopt;

  /// BODY[section] or BODY.PEEK[section].
  static FetchItem body(Section section, bool peek, std::optional<Partial> partial = std::nullopt) {
    return {FetchKind::kBodySection, peek, std::move(section), partial};
  }
  /// Whether answering it sets \Seen: RFC 3501 6.4.5.
  bool sets_seen() const {
    return kind == FetchKind::kRfc822 || kind == FetchKind::kRfc822Text ||
           (kind == FetchKind::kBodySection && !peek);
  }
  friend bool operator==(const FetchItem&, const FetchItem&) = default;
};

/// The word on the wire ("BODY" for kBodySection).
std::string_view name_of(FetchKind kind);

/// Reads one item or a list of them in parentheses; ALL, FAST and FULL come back as what they stand
/// for. What is asked for twice is answered once.
/// Errors: kInvalid; kLimit for more than `max_items`.
Result<std::vector<FetchItem>> decode_fetch_items(Lexer& lexer, std::size_t max_items = 256);

/// Writes the items in parentheses, or the only one without.
void encode_fetch_items(Writer& writer, const std::vector<FetchItem>& items);
void encode_fetch_item(Writer& writer, const FetchItem& item);

}  // namespace imap
