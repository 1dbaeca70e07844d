// Encoded words in header fields (RFC 2047, with the language tag of RFC 2231 5).
#pragma once

#include <string>
#include <string_view>

namespace mime {

/// The text of a header value in UTF-8: unfolded, encoded words decoded, blanks between two of them
/// dropped (RFC 2047 6.2). Tolerant: blanks inside a word, broken base64, unknown charsets and
/// characters split between adjacent words of one charset. Bytes over 127 are read as UTF-8, else
/// windows-1252.
std::string decode_header(std::string_view value);

}  // namespace mime
