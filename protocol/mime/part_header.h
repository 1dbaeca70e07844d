// What the header of a part says: its place in the tree, and its share of BODYSTRUCTURE.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/imap/body_structure.h"
#include "protocol/imap/envelope.h"
#include "protocol/mime/part_tree.h"

namespace mime {

struct PartHeader {
  PartKind kind = PartKind::kLeaf;
  std::string boundary;           // of a multipart; empty when it names none: then it has no parts
  bool is_digest = false;         // its children are messages unless they say otherwise
  imap::BodyStructure structure;  // without sizes and children
};

/// Reads the Content-* fields of `block`. In the header of a message (as opposed to one of a part
/// in a multipart) they count only if there is a MIME-Version or a Content-Type (RFC 2045 4, and
/// Dovecot's tolerance of a missing MIME-Version).
PartHeader parse_part_header(std::string_view block, bool is_message, bool in_digest);

/// Reads the fields of ENVELOPE. Sender and Reply-To default to From (RFC 3501 7.4.2); text is
/// unfolded and not decoded. Reads at most `*addresses_left` addresses and takes them off it.
imap::Envelope parse_envelope(std::string_view block, std::size_t* addresses_left);

}  // namespace mime
