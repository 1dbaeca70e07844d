// Response: everything that a server sends. RFC 3501 section 7 and extensions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/imap/fetch_response.h"
#include "protocol/imap/flags.h"
#include "protocol/imap/ids.h"
#include "protocol/imap/list_response.h"
#include "protocol/imap/namespace_response.h"
#include "protocol/imap/response_code.h"
#include "protocol/imap/search_response.h"
#include "protocol/imap/sequence_set.h"
#include "protocol/imap/status_response.h"
#include "protocol/imap/writer.h"

namespace imap {

/// RFC 3501 7.1. PREAUTH and BYE are only untagged.
enum class Condition : std::uint8_t { kOk, kNo, kBad, kPreauth, kBye };

/// resp-text: a code for the program, a text for the user; either may be missing.
struct ResponseText {
  std::optional<ResponseCode> code;
  std::string text;

  /// Whether the code is `wanted`.
  bool has(Code wanted) const;
  /// The code, if it is a C: `if (auto* next = text.find<UidNextCode>())`.
  template <class C>
  const C* find() const {
    return code ? std::get_if<C>(&*code) : nullptr;
  }
  friend bool operator==(const ResponseText&, const ResponseText&) = default;
};

/// "A1 OK [READ-WRITE] SELECT completed": the end of a command.
struct TaggedResponse {
  std::string tag;
  Condition condition = Condition::kOk;
  ResponseText text;

  friend bool operator==(const TaggedResponse&, const TaggedResponse&) = default;
};

/// "* OK [UIDNEXT 4392] Predicted next UID"; also a greeting and a BYE.
struct ConditionResponse {
  Condition condition = Condition::kOk;
  ResponseText text;

  friend bool operator==(const ConditionResponse&, const ConditionResponse&) = default;
};

/// "+ idling": the server waits for more. During AUTHENTICATE `text` is base64.
struct ContinuationRequest {
  std::string text;  // all of it: no code is looked for

  friend bool operator==(const ContinuationRequest&, const ContinuationRequest&) = default;
};

struct CapabilityResponse {
  std::vector<std::string> capabilities;  // as written
  friend bool operator==(const CapabilityResponse&, const CapabilityResponse&) = default;
};

/// RFC 5161 3.2: what ENABLE switched on.
struct EnabledResponse {
  std::vector<std::string> capabilities;  // as written
  friend bool operator==(const EnabledResponse&, const EnabledResponse&) = default;
};

struct FlagsResponse {
  FlagList flags;
  friend bool operator==(const FlagsResponse&, const FlagsResponse&) = default;
};

struct ExistsResponse {
  std::uint32_t count = 0;
  friend bool operator==(const ExistsResponse&, const ExistsResponse&) = default;
};

struct RecentResponse {
  std::uint32_t count = 0;
  friend bool operator==(const RecentResponse&, const RecentResponse&) = default;
};

struct ExpungeResponse {
  SequenceNumber sequence;
  friend bool operator==(const ExpungeResponse&, const ExpungeResponse&) = default;
};

/// RFC 7162 3.2.10.
struct VanishedResponse {
  bool earlier = false;  // told on request: no sequence number shifts
  SequenceSet uids;
  friend bool operator==(const VanishedResponse&, const VanishedResponse&) = default;
};

/// Whatever is not one of the others, or cannot be read without guessing: QUOTA, THREAD, a line
/// that is no response at all ("Server Unavailable. 15", Exchange).
struct UnknownResponse {
  std::string text;  // the whole line
  friend bool operator==(const UnknownResponse&, const UnknownResponse&) = default;
};

using Response =
    std::variant<TaggedResponse, ConditionResponse, ContinuationRequest, CapabilityResponse,
                 EnabledResponse, ListResponse, StatusResponse, SearchResponse, EsearchResponse,
                 FlagsResponse, ExistsResponse, RecentResponse, ExpungeResponse, VanishedResponse,
                 FetchResponse, NamespaceResponse, IdResponse, UnknownResponse>;

/// "OK", "NO" and so on.
std::string_view name_of(Condition condition);

// Each writes one whole line with its CRLF, in a form that any client must accept. In texts, bytes
// that a line cannot hold become "?", and an empty text becomes ".": the grammar wants one.
void encode_response(Writer& writer, const TaggedResponse& response);
void encode_response(Writer& writer, const ConditionResponse& response);
void encode_response(Writer& writer, const ContinuationRequest& response);
void encode_response(Writer& writer, const CapabilityResponse& response);
void encode_response(Writer& writer, const EnabledResponse& response);
void encode_response(Writer& writer, const FlagsResponse& response);
void encode_response(Writer& writer, const ExistsResponse& response);
void encode_response(Writer& writer, const RecentResponse& response);
void encode_response(Writer& writer, const ExpungeResponse& response);
void encode_response(Writer& writer, const VanishedResponse& response);
// LIST, STATUS, SEARCH, ESEARCH, NAMESPACE, ID and FETCH: in their own headers.

/// Writes whichever it is; nothing for an UnknownResponse.
void encode_response(Writer& writer, const Response& response);

}  // namespace imap
