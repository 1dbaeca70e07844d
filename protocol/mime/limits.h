// Limits: how much of a hostile message is looked at.
#pragma once

#include <cstddef>

namespace mime {

/// Bounds on what a message can make us keep. Beyond them nothing fails: what is left is treated as
/// one opaque part, and its bytes are still counted, ranged and served.
struct Limits {
  /// Header bytes of one part that are looked at; the block itself may be longer.
  std::size_t part_header_bytes = std::size_t{256} * 1024;
  /// The same for all parts of a message together.
  std::size_t header_bytes = std::size_t{1024} * 1024;
  /// Levels of parts, the message itself included: containers on the last one are not entered.
  /// REQUIRES: at most 128, which a section map can hold.
  std::size_t depth = 100;
  /// Parts in all, the message itself included.
  std::size_t parts = 10'000;
  /// Addresses kept of all ENVELOPEs together.
  std::size_t addresses = 10'000;
};

}  // namespace mime
