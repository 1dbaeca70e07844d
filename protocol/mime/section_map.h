// SectionMap: where each section of a message lies, as the cache stores it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "protocol/imap/section.h"
#include "protocol/mime/range.h"

namespace mime {

/// Answers "which bytes are BODY[1.2.MIME]" from the encoded tree of a message, without the
/// message.
///
/// Format, version 1; numbers are unsigned LEB128 ("varint"), parts are in preorder:
/// ```
/// map  = version (1 byte, 0x01), part
/// part = kind (1 byte: 0 leaf, 1 multipart, 2 message/rfc822)
///        gap          bytes between the end of the previous sibling's body, or the start of the
///                     parent's body, and this part's header (0 for the message itself)
///        header_size  its closing empty line included; the body begins right after it
///        body_size
///        [count]      of the children: multipart only; a message/rfc822 has exactly one
///        part*        the children, each inside this part's body
/// ```
/// Thread:   const, so any.
/// Lifetime: borrows the bytes it was decoded from.
class SectionMap {
 public:
  /// Checks all of `bytes` once, so that lookups need not. Errors: kCorruption.
  static Result<SectionMap> decode(std::string_view bytes);

  /// The bytes of `section`; nothing when the message has no such section. HEADER.FIELDS and .NOT
  /// give the header block that has to be filtered (header_fields()). RFC 3501 6.4.5. Never
  /// allocates.
  std::optional<Range> find(const imap::Section& section) const;

  /// The message itself.
  Range whole() const { return {0, header_size_ + body_size_}; }
  Range header() const { return {0, header_size_}; }
  Range text() const { return {header_size_, body_size_}; }

  /// Whether `section` lies in the header block of the message, which the cache keeps apart: it
  /// can be served while the body is not cached.
  static bool in_header(const imap::Section& section);

 private:
  SectionMap() = default;
  std::string_view parts_;
  std::uint64_t header_size_ = 0;
  std::uint64_t body_size_ = 0;
};

}  // namespace mime
