// EXPUNGE (RFC 3501 6.4.3) and UID EXPUNGE (RFC 4315 2.1).
#include <map>

#include "cache/change.h"
#include "cache/edit.h"

namespace cache {

Task<Result<imap::SequenceSet>> Account::expunge(MailboxId mailbox,
                                                 std::optional<imap::SequenceSet> uids,
                                                 bool whatever_flags) {
  CO_TRY(const MailboxRef box, co_await writable(mailbox));
  imap::SequenceSet removed;
  for (const MessageEntry& entry : box->messages()) {
    if (uids && !uids->contains(entry.uid)) continue;
    if (!whatever_flags && !entry.visible.system.has(imap::SystemFlag::kDeleted)) continue;
    removed.add(entry.uid);
  }
  Change change(this);
  remove_messages(&change, box, removed);
  CO_TRY_VOID(co_await submit(std::move(change)));
  co_return removed;
}

// What upstream has becomes a hidden row with an entry in the journal; what it has not is gone.
void Account::remove_messages(Change* change, const MailboxRef& box,
                              const imap::SequenceSet& uids) {
  Edit edit(change, box);
  std::vector<MessageEntry> taken = edit.cut(uids);
  if (taken.empty()) return;
  if (!journals(box->record())) {
    edit.erase(taken);
    return;
  }
  std::vector<MessageEntry> kept;
  std::vector<MessageEntry> erased;
  imap::SequenceSet journaled;
  for (const MessageEntry& entry : taken) {
    const auto creator = journal_index_.creator(box->id(), entry.uid);
    // Once an entry was sent, upstream may have the message, whatever it said.
    const bool may_be_there = creator && was_sent(journal_.at(*creator));
    if (entry.upstream_uid.is_set() || may_be_there) {
      kept.push_back(entry);
      journaled.add(entry.uid);
    } else {
      erased.push_back(entry);
    }
  }
  edit.hide(std::move(kept));
  if (!journaled.empty()) change->add_entry(JournalExpunge{box->id(), std::move(journaled)});
  cancel_creation(change, box, erased);
  edit.erase(erased);
}

}  // namespace cache
