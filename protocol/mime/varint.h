// Unsigned LEB128 numbers, as stored in section maps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mime {

inline void append_varint(std::uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>((value & 0x7f) | 0x80));
  out->push_back(static_cast<char>(value));
}

/// Takes a number off the front of `bytes`; nothing when it is cut or over 64 bits.
inline std::optional<std::uint64_t> take_varint(std::string_view* bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes->front());
    bytes->remove_prefix(1);
    const std::uint64_t bits = byte & 0x7fU;
    if (shift == 63 && bits > 1) return std::nullopt;
    value |= bits << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  return std::nullopt;
}

}  // namespace mime
