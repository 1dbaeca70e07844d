// SearchText: what SEARCH looks at, taken from a message while it is parsed.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/mime/charset.h"
#include "protocol/mime/part_observer.h"
#include "protocol/mime/transfer_decoder.h"

namespace mime {

/// The message's own header: decoded, unfolded, case-folded UTF-8. Fields that occur more than once
/// are joined by a line feed.
struct SearchHeader {
  std::string subject;
  std::string from;
  std::string to;
  std::string cc;
  std::string bcc;
  /// Every field as "name: value\n", for SEARCH HEADER and TEXT.
  std::string all;
};

/// The folded values, one per line, of the field `name` in SearchHeader::all (any case).
/// Calls `visit(value)` for each until one returns true; returns whether one did.
bool any_field(std::string_view all, std::string_view name,
               const std::function<bool(std::string_view value)>& visit);

/// Makes a message searchable: give it to a Parser as its observer.
///
/// Body text is written to the sink in chunks of whole characters: all text/* parts, decoded and
/// case-folded (markup of text/html included), and the header fields of the parts and of nested
/// messages, decoded like the message's own. Line ends stay as they are; parts are set apart by a
/// line feed. Attachments that are not text are not even decoded.
///
/// Memory: a few tens of KiB, and the headers.
class SearchText final : public PartObserver {
 public:
  using Sink = std::function<void(std::string_view folded_utf8)>;

  explicit SearchText(Sink sink) : sink_(std::move(sink)) {}

  /// Complete once the parser has finished.
  const SearchHeader& header() const { return header_; }

  void on_header(const PartInfo& part, std::string_view header) override;
  void on_body(std::string_view bytes) override;
  void on_body_end() override;

 private:
  void flush(bool all);

  Sink sink_;
  SearchHeader header_;
  bool in_text_ = false;
  std::optional<TransferDecoder> transfer_;
  std::optional<CharsetDecoder> charset_;
  std::string decoded_;  // reused: after the transfer encoding
  std::string utf8_;     // reused: after the charset
  std::string folded_;   // on its way to the sink
};

}  // namespace mime
