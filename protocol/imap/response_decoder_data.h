// From the values behind the name of an untagged response to that response. Each answers nothing
// when the values cannot be understood: the response is then an UnknownResponse.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/imap/response_decoder_common.h"
#include "protocol/imap/response_decoder_values.h"
#include "protocol/imap/responses.h"

namespace imap {

/// What the decoders of one response share.
struct DecodingContext {
  std::string_view line;  // the whole frame; the values' offsets point into it
  std::span<const StreamedLiteral> streamed;
  bool utf8 = false;
  std::size_t max_numbers = 0;
  std::size_t max_ranges = 0;
  std::size_t max_items = 0;
};

std::optional<ListResponse> read_list(Values values, bool lsub, const DecodingContext& context);
std::optional<StatusResponse> read_status(Values values, const DecodingContext& context);
std::optional<EsearchResponse> read_esearch(Values values, const DecodingContext& context);
std::optional<NamespaceResponse> read_namespace(Values values, const DecodingContext& context);
std::optional<IdResponse> read_id(Values values, const DecodingContext& context);
/// Straight from the text behind "SEARCH": a million numbers make no values.
std::optional<SearchResponse> read_search(std::string_view text, const DecodingContext& context);

/// A hierarchy delimiter: nothing for NIL and "".
std::optional<char> read_delimiter(Value value);
void encode_delimiter(Writer& writer, std::optional<char> delimiter);

}  // namespace imap
