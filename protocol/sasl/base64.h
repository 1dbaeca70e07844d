// Base64 of RFC 4648 section 4, as SASL in IMAP uses it: one line, padded, strict.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sasl {

/// No challenge or response that we take is longer (raw): a token of 64 KiB is far from any real
/// one.
inline constexpr std::size_t kMaxMessageBytes = 64 * 1024;

std::string base64_encode(std::string_view bytes);

/// Decodes; refuses other alphabets, white space, missing or misplaced padding and bits set beyond
/// the last byte, so that one value has one form.
/// Errors: kInvalid, kLimit (more than `max_bytes` of result). No text repeats the input.
Result<std::string> base64_decode(std::string_view text, std::size_t max_bytes = kMaxMessageBytes);

}  // namespace sasl
