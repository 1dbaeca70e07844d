// PartObserver: sees the parts of a message go by while it is parsed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mime {

/// What an observer needs to know of a part. Type, subtype and encoding are in lower case, with the
/// defaults of RFC 2045 5.2 and 6.1 filled in.
struct PartInfo {
  std::string type;           // "text"
  std::string subtype;        // "plain"
  std::string charset;        // as written; empty when there is none
  std::string encoding;       // "7bit", "base64", ...
  std::size_t depth = 0;      // 0 is the message itself
  bool is_message = false;    // its header is the header of a (nested) message, not a MIME header
  bool is_container = false;  // its bytes belong to its children; on_body() is not called for it
};

/// Called by mime::Parser, part after part, in the order of the bytes.
///
/// Thread:   that of Parser::feed().
/// Lifetime: views end with the call.
class PartObserver {
 public:
  virtual ~PartObserver() = default;
  /// A part begins. `header` is its header block, up to the limit of Limits::part_header_bytes.
  virtual void on_header(const PartInfo& part, std::string_view header) = 0;
  /// Bytes of the body of the last part that began, still encoded; any number of calls.
  virtual void on_body(std::string_view bytes) = 0;
  /// The last part that began has no more body.
  virtual void on_body_end() = 0;
};

}  // namespace mime
