// The items of a FETCH response.
#pragma once

#include <optional>

#include "protocol/imap/fetch_response.h"
#include "protocol/imap/response_decoder_data.h"
#include "protocol/imap/response_decoder_values.h"

namespace imap {

/// Reads the items, with or without the parentheses around them, in any order; unknown ones are
/// skipped, and so are those without a value.
void read_fetch(Values values, const DecodingContext& context, FetchResponse* response);

/// The last item, if it is data whose literal begins where the text ends.
std::optional<PendingFetchData> read_pending_data(Values values, const DecodingContext& context);

}  // namespace imap
