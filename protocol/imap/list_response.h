// LIST and LSUB responses: one mailbox and what is known of it. RFC 3501 7.2.2, RFC 5258.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/writer.h"

namespace imap {

enum class ListAttribute : std::uint32_t {
  // RFC 3501 7.2.2
  kNoInferiors = 1 << 0,
  kNoSelect = 1 << 1,
  kMarked = 1 << 2,
  kUnmarked = 1 << 3,
  // RFC 5258 3, RFC 3348
  kNonExistent = 1 << 4,
  kHasChildren = 1 << 5,
  kHasNoChildren = 1 << 6,
  kSubscribed = 1 << 7,
  kRemote = 1 << 8,
  // RFC 6154 2
  kAll = 1 << 9,
  kArchive = 1 << 10,
  kDrafts = 1 << 11,
  kFlagged = 1 << 12,
  kJunk = 1 << 13,
  kSent = 1 << 14,
  kTrash = 1 << 15,
  // RFC 8457 4
  kImportant = 1 << 16,
};

/// A set of attributes.
class ListAttributes {
 public:
  constexpr ListAttributes() = default;
  constexpr ListAttributes(std::initializer_list<ListAttribute> attributes) {
    for (const ListAttribute attribute : attributes) add(attribute);
  }
  constexpr bool has(ListAttribute attribute) const {
    return (bits_ & static_cast<std::uint32_t>(attribute)) != 0;
  }
  constexpr void add(ListAttribute attribute) { bits_ |= static_cast<std::uint32_t>(attribute); }
  constexpr void remove(ListAttribute attribute) {
    bits_ &= ~static_cast<std::uint32_t>(attribute);
  }
  constexpr bool empty() const { return bits_ == 0; }
  friend constexpr bool operator==(ListAttributes, ListAttributes) = default;

 private:
  std::uint32_t bits_ = 0;
};

/// The name on the wire ("\HasChildren").
std::string_view name_of(ListAttribute attribute);

/// One LIST or LSUB line.
struct ListResponse {
  bool lsub = false;
  ListAttributes attributes;
  std::vector<std::string> other_attributes;  // not among ListAttribute, as written
  std::optional<char> delimiter;              // NIL: the namespace is flat
  MailboxName mailbox;                        // may be empty: the answer to LIST "" ""
  std::vector<std::string> child_info;        // CHILDINFO: RFC 5258 3.5
  std::optional<MailboxName> old_name;        // OLDNAME: RFC 5465 5.4

  friend bool operator==(const ListResponse&, const ListResponse&) = default;
};

/// Writes the whole line. The mailbox is in UTF-8 or in modified UTF-7, as WriterOptions says.
void encode_response(Writer& writer, const ListResponse& response);

}  // namespace imap
