// Names: between what upstream calls a mailbox and what we do.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/imap/mailbox_name.h"

namespace upstream {

/// Where a server keeps personal mailboxes (RFC 2342).
struct Namespace {
  std::string prefix;    // UTF-8, with its delimiter at the end: "INBOX."; mostly empty
  char delimiter = '/';  // 0: flat
};

/// Ours: UTF-8, levels separated by "/", without the prefix. A "/" that is part of a name upstream
/// becomes U+2215, which looks the same and separates nothing.
std::string our_name(const Namespace& space, const imap::MailboxName& theirs, char delimiter);
/// Theirs, for a mailbox that is to be made there.
/// Errors: kInvalid when a part of the name holds upstream's delimiter, or upstream is flat.
Result<imap::MailboxName> their_name(const Namespace& space, std::string_view ours);

}  // namespace upstream
