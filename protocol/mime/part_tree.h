// PartNode: one part of a message, as the scanner finds it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/mime/range.h"

namespace mime {

/// DO NOT CHANGE: stored in section maps.
enum class PartKind : std::uint8_t {
  kLeaf = 0,
  kMultipart = 1,
  kMessage = 2,  // message/rfc822: its body is one part, the enclosed message
};

/// Nodes are kept in a vector, in preorder; the first one is the message itself.
struct PartNode {
  PartKind kind = PartKind::kLeaf;
  std::size_t parent = 0;
  std::size_t depth = 0;
  std::size_t children = 0;
  Range header;                  // its closing empty line included
  Range body;                    // begins where the header ends
  std::uint64_t body_lines = 0;  // line feeds in the body
};

}  // namespace mime
