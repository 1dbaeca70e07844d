// NAMESPACE and ID responses. RFC 2342, RFC 2971.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/imap/envelope.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/writer.h"

namespace imap {

/// One place where mailboxes may be.
struct NamespaceEntry {
  MailboxName prefix;  // may be empty; with its delimiter at the end, where it has one
  std::optional<char> delimiter;

  friend bool operator==(const NamespaceEntry&, const NamespaceEntry&) = default;
};

/// RFC 2342 5. An empty list is NIL.
struct NamespaceResponse {
  std::vector<NamespaceEntry> personal;
  std::vector<NamespaceEntry> other_users;
  std::vector<NamespaceEntry> shared;

  friend bool operator==(const NamespaceResponse&, const NamespaceResponse&) = default;
};

/// RFC 2971 3.2: who a server says it is.
struct IdResponse {
  std::vector<std::pair<std::string, NString>> fields;  // empty is NIL

  /// The value of a field, ignoring case; nothing when it is missing or NIL.
  std::optional<std::string> find(std::string_view name) const;
  friend bool operator==(const IdResponse&, const IdResponse&) = default;
};

/// Writes the whole line.
void encode_response(Writer& writer, const NamespaceResponse& response);
/// Writes the whole line.
void encode_response(Writer& writer, const IdResponse& response);

}  // namespace imap
