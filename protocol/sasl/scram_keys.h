// Key derivation of SCRAM-SHA-256 and secure random bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "protocol/sasl/user_table.h"

namespace sasl {

/// StoredKey and ServerKey of a prepared password (RFC 5802 3): about a microsecond per iteration.
/// REQUIRES: no NUL in `password`; at least one iteration.
ScramVerifier derive_verifier(const Secret& password, std::string_view salt,
                              std::uint32_t iterations);

/// A keyed digest of `data`, 32 bytes: HMAC-SHA-256 in effect.
/// REQUIRES: no NUL in `key`.
std::string keyed_digest(const Secret& key, std::string_view data);

std::string random_bytes(std::size_t count);

/// Compares without an early end; the lengths are no secret.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace sasl
