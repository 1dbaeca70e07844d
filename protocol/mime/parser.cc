#include "protocol/mime/parser.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "protocol/mime/ascii.h"
#include "protocol/mime/parameters.h"
#include "protocol/mime/part_header.h"
#include "protocol/mime/scanner.h"
#include "protocol/mime/section_map_encoder.h"

namespace mime {

class Parser::Impl final : public ScannerListener {
 public:
  Impl(PartObserver* observer, const Limits& limits)
      : observer_(observer), addresses_left_(limits.addresses), scanner_(this, limits) {}

  void feed(std::string_view bytes) { scanner_.feed(bytes); }

  Message finish() {
    scanner_.finish();
    message_.size_bytes = scanner_.size();
    message_.section_map = encode_section_map(scanner_.nodes());
    message_.header_is_whole = message_.header.size() == scanner_.nodes().front().header.size;
    message_.structure = assemble();
    return std::move(message_);
  }

 private:
  PartVerdict on_header(std::size_t index, std::string_view header, bool may_enter) override {
    const std::vector<PartNode>& nodes = scanner_.nodes();
    const std::size_t parent = nodes[index].parent;
    const bool is_message = index == 0 || nodes[parent].kind == PartKind::kMessage;
    const bool in_digest = index != 0 && parts_[parent].is_digest;
    if (index == 0) {
      message_.header = header;
      message_.envelope = parse_envelope(header, &addresses_left_);
    } else if (is_message) {
      parts_[parent].structure.envelope = parse_envelope(header, &addresses_left_);
    }
    PartHeader part = parse_part_header(header, is_message, in_digest);
    if (part.kind != PartKind::kLeaf && !may_enter) make_opaque(&part);
    if (observer_) observer_->on_header(info_of(part, nodes[index].depth, is_message), header);
    PartVerdict verdict{.kind = part.kind, .boundary = std::move(part.boundary)};
    parts_.push_back(std::move(part));
    return verdict;
  }

  void on_body(std::string_view bytes) override {
    if (observer_) observer_->on_body(bytes);
  }
  void on_body_end() override {
    if (observer_) observer_->on_body_end();
  }

  // A container beyond the limits: a client that is told of no parts in it asks for none.
  static void make_opaque(PartHeader* part) {
    part->kind = PartKind::kLeaf;
    part->structure.type = "application";
    part->structure.subtype = "octet-stream";
  }

  static PartInfo info_of(const PartHeader& part, std::size_t depth, bool is_message) {
    const imap::BodyStructure& structure = part.structure;
    PartInfo info;
    info.type = lower(structure.type);
    info.subtype = lower(structure.subtype);
    info.charset = find_parameter(structure.parameters, "charset").value_or("");
    info.encoding = lower(structure.encoding);
    info.depth = depth;
    info.is_message = is_message;
    info.is_container = part.kind != PartKind::kLeaf;
    return info;
  }

  // Makes the tree of the parts, from the last to the first: children are complete before they
  // move into their parent. No recursion, so that depth costs no stack.
  imap::BodyStructure assemble() {
    const std::vector<PartNode>& nodes = scanner_.nodes();
    for (std::size_t i = nodes.size(); i-- > 0;) {
      imap::BodyStructure& structure = parts_[i].structure;
      structure.octets = nodes[i].body.size;
      structure.lines = nodes[i].body_lines;
      std::ranges::reverse(structure.parts);
      if (i == 0) break;
      parts_[nodes[i].parent].structure.parts.push_back(std::move(structure));
    }
    return std::move(parts_.front().structure);
  }

  PartObserver* observer_;
  std::size_t addresses_left_;
  Scanner scanner_;
  std::vector<PartHeader> parts_;  // beside the scanner's nodes
  Message message_;
};

Parser::Parser(PartObserver* observer, const Limits& limits)
    : impl_(std::make_unique<Impl>(observer, limits)) {}
Parser::~Parser() = default;
Parser::Parser(Parser&&) noexcept = default;
Parser& Parser::operator=(Parser&&) noexcept = default;

void Parser::feed(std::string_view bytes) { impl_->feed(bytes); }
Message Parser::finish() { return impl_->finish(); }

Message parse(std::string_view bytes) {
  Parser parser;
  parser.feed(bytes);
  return parser.finish();
}

}  // namespace mime
