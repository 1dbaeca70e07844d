// Parser: one pass over the bytes of a message gives all that IMAP asks about it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/imap/body_structure.h"
#include "protocol/imap/envelope.h"
#include "protocol/mime/limits.h"
#include "protocol/mime/part_observer.h"

namespace mime {

/// What one pass over a message has found.
struct Message {
  std::uint64_t size_bytes = 0;
  /// The header block as stored, its closing empty line included; cut at the limit, see below.
  std::string header;
  /// False when the header block is longer than Limits::part_header_bytes: serve it from the body.
  bool header_is_whole = true;
  imap::Envelope envelope;
  imap::BodyStructure structure;
  /// Where every section lies, encoded for the cache: read with mime::SectionMap.
  std::string section_map;
};

/// Parses a message that comes in chunks of any size. Any bytes are a message: there are no errors,
/// and the result does not depend on how the bytes were cut. Bytes and lines are counted as stored.
///
/// Where the RFCs leave freedom, or a message breaks them, the answer is Dovecot's.
///
/// Memory: the limits, whatever the size of the message.
/// Thread: any one at a time.
class Parser {
 public:
  /// `observer`, when not null, sees every part go by. Lifetime: it outlives the parser.
  explicit Parser(PartObserver* observer = nullptr, const Limits& limits = {});
  ~Parser();
  Parser(Parser&&) noexcept;
  Parser& operator=(Parser&&) noexcept;

  void feed(std::string_view bytes);
  /// Ends the message. REQUIRES: called once, and nothing after it.
  Message finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Parses a message that is in memory.
Message parse(std::string_view bytes);

}  // namespace mime
