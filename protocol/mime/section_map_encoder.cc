#include "protocol/mime/section_map_encoder.h"

#include "base/check.h"
#include "protocol/mime/varint.h"

namespace mime {

namespace {
constexpr char kVersion = 1;
}  // namespace

std::string encode_section_map(const std::vector<PartNode>& nodes) {
  std::string out;
  out.push_back(kVersion);
  // For each open ancestor: where its next child's gap is counted from.
  std::vector<std::uint64_t> next_from(nodes.size(), 0);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const PartNode& node = nodes[i];
    std::uint64_t& from = next_from[i == 0 ? 0 : node.parent];
    CHECK(node.header.offset >= from);
    out.push_back(static_cast<char>(node.kind));
    append_varint(node.header.offset - from, &out);
    append_varint(node.header.size, &out);
    append_varint(node.body.size, &out);
    if (node.kind == PartKind::kMultipart) append_varint(node.children, &out);
    from = node.body.end();
    next_from[i] = node.body.offset;
  }
  return out;
}

}  // namespace mime
