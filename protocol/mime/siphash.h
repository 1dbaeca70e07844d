// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein), for digests of a message's header.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace mime {

/// The digest of `bytes`, in the byte order of the reference implementation.
std::array<std::uint8_t, 16> siphash128(const std::array<std::uint8_t, 16>& key,
                                        std::string_view bytes);

}  // namespace mime
