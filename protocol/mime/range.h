// Range: a run of bytes of a stored message.
#pragma once

#include <cstdint>

namespace mime {

/// Bytes [offset, offset + size) of the message, as stored.
struct Range {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;

  std::uint64_t end() const { return offset + size; }
  bool operator==(const Range&) const = default;
};

}  // namespace mime
