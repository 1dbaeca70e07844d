// What is kept apart from the store, in the journal file, so that no damage of the store costs a
// write that upstream has not confirmed: docs/adr/0009-a-journal-file-beside-the-store.md.
//
// It is a part of the store, under the same keys: what is small and cannot be asked upstream again.
//   meta      all but EMAILIDs: accounts with their counters, mailboxes, keywords, subscriptions
//   journal   all
//   index     rows that an entry of the journal names, and those of mailboxes that are here alone
//   body      of messages that an entry has still to upload, or that are in such mailboxes
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cache/ids.h"
#include "cache/journal.h"
#include "cache/store.h"

namespace cache {

/// Marks what of `batch` belongs there. `is_watched`: whether rows of a mailbox may be among it;
/// too many of them do no harm.
void mark_kept(Batch* batch, const std::function<bool(MailboxId)>& is_watched);

/// Adds what a new entry needs of the store: the rows that it names, the bytes that it uploads.
void keep_for(const JournalOp& op, AccountId account, std::uint64_t body_bytes, Batch* batch);
void keep_body(AccountId account, MessageId message, std::uint64_t bytes, Batch* batch);

using EachKept =
    std::function<Result<>(Family family, std::string_view key, std::string_view value)>;
/// All that belongs there, read from a sound store.
Result<> for_each_kept(Store* store, const EachKept& each);

struct Restored {
  std::size_t writes = 0;  // entries of the journal
  std::size_t lost = 0;    // entries whose messages could not be read
};
/// Makes an account of what was read from a journal file into an empty store: derives what was not
/// kept, removes what nothing needs any more, and has the rest asked upstream anew. Mailboxes get
/// a new UIDVALIDITY, as most of their messages will get other UIDs.
///
/// Thread: a worker, with the store to itself.
Result<Restored> settle_restored(Store* store);

/// Commits and waits. Thread: a worker.
Result<> commit_and_wait(Store* store, Batch batch);

}  // namespace cache
