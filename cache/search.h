// Search: evaluates IMAP search keys over a mailbox, from the cache as far as that can be.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "protocol/imap/search_key.h"
#include "protocol/imap/sequence_set.h"

namespace cache {

/// What a search found.
struct SearchResult {
  imap::SequenceSet uids;
  std::size_t asked = 0;    // messages not cached far enough: upstream was asked for them
  std::size_t unknown = 0;  // of these, those that upstream gave no answer for
};

/// Evaluates `key` for the messages of `view`. Keys on flags, dates and sizes run over the array on
/// the loop; keys on text scan the text family on a worker, cheap keys first so that the scan sees
/// few. What that leaves in doubt upstream is asked for. RFC 3501 6.4.4: strings match anywhere,
/// without case, after decoding MIME and charsets.
///
/// Thread: the account's loop.
/// Errors: kInvalid with BADCHARSET meaning for a charset that is not known.
Task<Result<SearchResult>> search(Account* account, std::shared_ptr<Mailbox> mailbox,
                                  const MailboxView* view, imap::SearchKey key, std::string charset,
                                  std::stop_token stop);

}  // namespace cache
