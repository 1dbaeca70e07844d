// Writes the format that section_map.h describes.
#pragma once

#include <string>
#include <vector>

#include "protocol/mime/part_tree.h"

namespace mime {

/// REQUIRES: a whole tree in preorder, every child within its parent's body, siblings in order.
std::string encode_section_map(const std::vector<PartNode>& nodes);

}  // namespace mime
