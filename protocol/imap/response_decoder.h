// ResponseDecoder: from a frame to a Response. Never fails: servers are not perfect.
#pragma once

#include <cstddef>

#include "protocol/imap/frame.h"
#include "protocol/imap/response_decoder_values.h"
#include "protocol/imap/responses.h"

namespace imap {

/// Limits on what one response may hold. One that goes beyond is an UnknownResponse: half of a list
/// of UIDs would be taken for all of it.
struct ResponseLimits {
  std::size_t numbers = 10'000'000;    // of a SEARCH
  std::size_t set_ranges = 1'000'000;  // of an ESEARCH, a VANISHED and the codes with sets
  std::size_t items = 10'000;  // capabilities, flags, namespaces, ID fields, sections, labels
};

/// Decodes what a server sends, tolerantly: what is broken costs the item that it is in, at worst
/// the response, never the stream. Numbers that name messages are taken only when they are exact.
///
/// Thread: one. Keep it for a connection: it then allocates little.
class ResponseDecoder {
 public:
  explicit ResponseDecoder(const ResponseLimits& limits = {}) : limits_(limits) {}

  /// UTF8=ACCEPT is enabled: mailbox names are UTF-8.
  void set_utf8(bool utf8) { utf8_ = utf8; }

  /// The result owns all its bytes.
  Response decode(const Frame& frame);

 private:
  ResponseLimits limits_;
  bool utf8_ = false;
  ValueTree tree_;
};

}  // namespace imap
