// ResponseDecoder: from a frame to a Response. Never fails: servers are not perfect.
#pragma once

#include <cstddef>
#include <optional>

#include "protocol/imap/frame.h"
#include "protocol/imap/response_decoder_values.h"
#include "protocol/imap/responses.h"

namespace imap {

/// Limits on what one response may hold.
struct ResponseLimits {
  // Beyond these it is an UnknownResponse: half of a set of UIDs would be taken for all of it.
  std::size_t numbers = 10'000'000;    // of a SEARCH
  std::size_t set_ranges = 1'000'000;  // of an ESEARCH and a VANISHED
  // Beyond this the rest is left out: capabilities, flags, namespaces, ID fields, sections, labels.
  std::size_t items = 10'000;
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

  /// Looks at a response that has come up to and with the header of a literal ("* 1 FETCH (UID 5
  /// BODY[] {42}" CRLF; Framer::partial_frame()): what the literal will hold, or nothing when it is
  /// another value (the subject in an envelope), which decode() needs in the frame. Both read the
  /// response in the same way, so no message can pass off its subject as another one's body.
  std::optional<PendingFetchData> find_pending_data(const Frame& partial);

 private:
  class Session;
  ResponseLimits limits_;
  bool utf8_ = false;
  ValueTree tree_;
};

}  // namespace imap
