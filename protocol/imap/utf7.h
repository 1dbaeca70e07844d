// Modified UTF-7, in which mailbox names travel: RFC 3501 5.1.3.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace imap {

/// Whether `text` is UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_valid_utf8(std::string_view text);

/// Modified UTF-7 of `utf8`. REQUIRES: valid UTF-8.
std::string encode_utf7(std::string_view utf8);

/// UTF-8 of `utf7`.
/// Errors: kInvalid for anything but the one form that encode_utf7() writes.
Result<std::string> decode_utf7(std::string_view utf7);

/// UTF-8 of whatever a server sent as a name: pieces that are not modified UTF-7 stand for
/// themselves, and bytes that are not UTF-8 either are read as ISO 8859-1. So it is not always
/// reversible: compare encode_utf7() of the result with the input.
std::string decode_utf7_tolerant(std::string_view utf7);

}  // namespace imap
