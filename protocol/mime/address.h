// Address lists of header fields (RFC 5322 3.4, with the obsolete forms of 4.4).
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "protocol/imap/envelope.h"

namespace mime {

/// Reads an address list as ENVELOPE gives it: quoting and comments removed, encoded words left as
/// they are, groups opened and closed by pseudo-addresses (RFC 3501 7.4.2). At most `limit`
/// entries. What is missing in a broken address is filled with MISSING_MAILBOX, MISSING_DOMAIN or
/// SYNTAX_ERROR, because a NIL there would say "group".
std::vector<imap::Address> parse_addresses(std::string_view value, std::size_t limit);

}  // namespace mime
