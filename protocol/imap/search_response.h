// SEARCH and ESEARCH responses. RFC 3501 7.2.5, RFC 4731, RFC 7162 3.1.5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/imap/ids.h"
#include "protocol/imap/sequence_set.h"
#include "protocol/imap/writer.h"

namespace imap {

/// "* SEARCH 2 5 (MODSEQ 917162500)".
struct SearchResponse {
  /// UIDs after UID SEARCH, else sequence numbers: in the order of the wire, never 0.
  std::vector<std::uint32_t> numbers;
  ModSeq mod_seq;  // set only where it was there

  friend bool operator==(const SearchResponse&, const SearchResponse&) = default;
};

/// "* ESEARCH (TAG "A1") UID COUNT 3 ALL 4:6". What was not asked for, or not found, is missing.
struct EsearchResponse {
  std::string tag;  // empty: not there
  bool uid = false;
  std::optional<std::uint32_t> min;
  std::optional<std::uint32_t> max;
  std::optional<std::uint32_t> count;
  std::optional<SequenceSet> all;  // never empty when it was decoded
  ModSeq mod_seq;                  // set only where it was there

  friend bool operator==(const EsearchResponse&, const EsearchResponse&) = default;
};

/// Writes the whole line.
void encode_response(Writer& writer, const SearchResponse& response);
/// Writes the whole line; an empty `all` is left out (RFC 4731 3.1).
void encode_response(Writer& writer, const EsearchResponse& response);

}  // namespace imap
