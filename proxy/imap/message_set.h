// The messages that a command names, by number or by UID. RFC 3501 section 9: sequence-set.
#pragma once

#include "base/result.h"
#include "cache/mailbox.h"
#include "protocol/imap/sequence_set.h"

namespace proxy {

struct NamedMessages {
  imap::SequenceSet uids;  // those that exist
  /// A number names a message that is gone, though the client was not told yet (RFC 5530 3:
  /// EXPUNGEISSUED).
  bool names_expunged = false;
};

/// Errors: kInvalid for a number above EXISTS, "*" in an empty mailbox among them (RFC 3501 9,
///         seq-number). UIDs that do not exist are left out without a word.
Result<NamedMessages> named_messages(const cache::MailboxView& view, const imap::SequenceSet& set,
                                     bool uid);

}  // namespace proxy
