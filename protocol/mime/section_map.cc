#include "protocol/mime/section_map.h"

#include <array>

#include "protocol/mime/part_tree.h"
#include "protocol/mime/varint.h"

namespace mime {
namespace {

constexpr char kVersion = 1;
// More levels than Limits lets a parser make (Limits::depth).
constexpr std::size_t kMaxDepth = 128;
// Sums of a few of these stay within 64 bits.
constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 60;

struct Part {
  PartKind kind = PartKind::kLeaf;
  Range header;
  Range body;
  std::uint64_t children = 0;
};

// Takes one part, without its children, off the front of `bytes`.
std::optional<Part> take_part(std::string_view* bytes, std::uint64_t gap_from) {
  if (bytes->empty()) return std::nullopt;
  const auto kind = static_cast<unsigned char>(bytes->front());
  if (kind > static_cast<unsigned char>(PartKind::kMessage)) return std::nullopt;
  bytes->remove_prefix(1);
  const auto gap = take_varint(bytes);
  const auto header_size = gap ? take_varint(bytes) : std::nullopt;
  const auto body_size = header_size ? take_varint(bytes) : std::nullopt;
  if (!body_size || *gap > kMaxSize || *header_size > kMaxSize || *body_size > kMaxSize) {
    return std::nullopt;
  }
  Part part;
  part.kind = static_cast<PartKind>(kind);
  part.header = {gap_from + *gap, *header_size};
  part.body = {part.header.end(), *body_size};
  if (part.kind == PartKind::kMultipart) {
    const auto count = take_varint(bytes);
    if (!count) return std::nullopt;
    part.children = *count;
  } else if (part.kind == PartKind::kMessage) {
    part.children = 1;
  }
  return part;
}

// A part and where the parts behind it begin. Only for bytes that decode() has accepted.
struct Cursor {
  Part part;
  std::string_view rest;

  // Goes to the child `number` (from 1 on).
  bool enter(std::uint64_t number) {
    if (number == 0 || number > part.children) return false;
    std::uint64_t gap_from = part.body.offset;
    for (;; --number) {
      const auto child = take_part(&rest, gap_from);
      if (!child) return false;
      if (number == 1) {
        part = *child;
        return true;
      }
      gap_from = child->body.end();
      // Everything below that child is passed over, however deep: only the count matters.
      for (std::uint64_t pending = child->children; pending != 0; --pending) {
        const auto skipped = take_part(&rest, 0);
        if (!skipped) return false;
        pending += skipped->children;
      }
    }
  }
};

}  // namespace

Result<SectionMap> SectionMap::decode(std::string_view bytes) {
  const auto damaged = [] { return fail(Errc::kCorruption, "the section map is damaged"); };
  if (bytes.empty() || bytes.front() != kVersion) {
    return fail(Errc::kCorruption, "the section map has an unknown version");
  }
  bytes.remove_prefix(1);
  SectionMap map;
  map.parts_ = bytes;

  struct Open {
    std::uint64_t gap_from;
    std::uint64_t end;
    std::uint64_t children_left;
  };
  std::array<Open, kMaxDepth> open{};
  const auto root = take_part(&bytes, 0);
  if (!root || root->header.offset != 0) return damaged();
  map.header_size_ = root->header.size;
  map.body_size_ = root->body.size;
  std::size_t depth = 0;
  open[depth++] = {root->body.offset, root->body.end(), root->children};
  while (depth != 0) {
    Open& parent = open[depth - 1];
    if (parent.children_left == 0) {
      --depth;
      continue;
    }
    const auto part = take_part(&bytes, parent.gap_from);
    if (!part || part->body.end() > parent.end || depth == kMaxDepth) return damaged();
    --parent.children_left;
    parent.gap_from = part->body.end();
    open[depth++] = {part->body.offset, part->body.end(), part->children};
  }
  if (!bytes.empty()) return damaged();
  return map;
}

std::optional<Range> SectionMap::find(const imap::Section& section) const {
  using Text = imap::SectionText;
  std::string_view rest = parts_;
  const auto root = take_part(&rest, 0);
  if (!root) return std::nullopt;
  Cursor at{*root, rest};

  // `at` is a message (the whole one, or one enclosed) or a multipart: what numbers count in.
  bool is_part = false;  // `at` was named by a number
  for (const std::uint32_t number : section.part) {
    if (is_part && at.part.kind == PartKind::kLeaf) return std::nullopt;
    // The parts of a message/rfc822 part are those of the message in it (RFC 3501 6.4.5).
    if (is_part && at.part.kind == PartKind::kMessage) at.enter(1);
    if (at.part.kind == PartKind::kMultipart) {
      if (at.part.children == 0 && number == 1) {
        // BODYSTRUCTURE gives a multipart without parts one empty part, as its grammar wants one.
        at.part.kind = PartKind::kLeaf;
        at.part.header = at.part.body = {at.part.body.offset, 0};
      } else if (!at.enter(number)) {
        return std::nullopt;
      }
    } else if (number != 1) {
      return std::nullopt;
    }  // else: the body of a message that is no multipart is its part 1
    is_part = true;
  }

  switch (section.text) {
    case Text::kAll:
      return is_part ? at.part.body : whole();
    case Text::kMime:
      return is_part ? std::optional(at.part.header) : std::nullopt;
    case Text::kHeader:
    case Text::kHeaderFields:
    case Text::kHeaderFieldsNot:
    case Text::kText:
      break;
  }
  // Only a message has a header and a text; of a message/rfc822 part they are those of what is in
  // it.
  if (is_part && (at.part.kind != PartKind::kMessage || !at.enter(1))) return std::nullopt;
  return section.text == Text::kText ? at.part.body : at.part.header;
}

bool SectionMap::in_header(const imap::Section& section) {
  using Text = imap::SectionText;
  return section.part.empty() &&
         (section.text == Text::kHeader || section.text == Text::kHeaderFields ||
          section.text == Text::kHeaderFieldsNot);
}

}  // namespace mime
