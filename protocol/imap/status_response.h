// STATUS responses: the counters of a mailbox. RFC 3501 7.2.4 and extensions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/imap/ids.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/writer.h"

namespace imap {

/// The items of a STATUS response that were there and could be read. UIDNEXT and UIDVALIDITY of 0
/// count as missing.
struct StatusItems {
  std::optional<std::uint32_t> messages;
  std::optional<std::uint32_t> recent;
  std::optional<Uid> uid_next;
  std::optional<UidValidity> uid_validity;
  std::optional<std::uint32_t> unseen;
  std::optional<std::uint32_t> deleted;       // RFC 9051 6.3.11
  std::optional<std::uint64_t> size_bytes;    // RFC 8438 3
  std::optional<ModSeq> highest_mod_seq;      // RFC 7162 3.1.7; not set: no mod-sequences here
  std::optional<std::string> mailbox_id;      // RFC 8474 4.3
  std::optional<std::uint64_t> append_limit;  // RFC 7889 3.2; NIL counts as missing

  friend bool operator==(const StatusItems&, const StatusItems&) = default;
};

struct StatusResponse {
  MailboxName mailbox;
  StatusItems items;

  friend bool operator==(const StatusResponse&, const StatusResponse&) = default;
};

/// Writes the whole line, items in the order of StatusItems.
void encode_response(Writer& writer, const StatusResponse& response);

}  // namespace imap
