// COPY (RFC 3501 6.4.7) and MOVE (RFC 6851).
#include "cache/change.h"
#include "cache/edit.h"
#include "cache/flag_change.h"

namespace cache {

Task<Result<CopyResult>> Account::copy(MailboxId from, imap::SequenceSet uids, MailboxId to) {
  return transfer(from, std::move(uids), to, false);
}

Task<Result<CopyResult>> Account::move(MailboxId from, imap::SequenceSet uids, MailboxId to) {
  return transfer(from, std::move(uids), to, true);
}

Task<Result<CopyResult>> Account::transfer(MailboxId from, imap::SequenceSet uids, MailboxId to,
                                           bool moves) {
  CO_TRY(const std::vector<MailboxRef> boxes, co_await writable(std::vector{from, to}));
  CO_TRY_VOID(may_transfer(*boxes[0], uids, *boxes[1]));
  Change change(this);
  CopyResult result = transfer_in(&change, boxes[0], uids, boxes[1], moves);
  CO_TRY_VOID(co_await submit(std::move(change)));
  co_return result;
}

Result<> Account::may_transfer(const Mailbox& from, const imap::SequenceSet& uids,
                               const Mailbox& to) {
  TRY_VOID(may_hold_messages(to.record()));
  // What is kept here alone must be here: upstream may forget it the moment after.
  if (journals(from.record()) && !journals(to.record())) {
    for (const MessageEntry& entry : from.messages()) {
      if (uids.contains(entry.uid) && !entry.has(kHaveBody)) {
        return fail(Errc::kUnavailable, "the message is not cached yet");
      }
    }
  }
  return {};
}

CopyResult Account::transfer_in(Change* change, const MailboxRef& from,
                                const imap::SequenceSet& uids, const MailboxRef& to, bool moves) {
  CopyResult result{to->record().uid_validity, {}};
  const bool from_upstream = journals(from->record());
  const bool to_upstream = journals(to->record());
  Edit source(change, from);
  Edit destination(change, to);

  std::vector<MessageEntry> entries;
  for (const auto& range : uids.ranges()) {
    for (std::size_t i = from->lower_bound(imap::Uid(range.first));
         i < from->messages().size() && from->messages()[i].uid.value() <= range.last; ++i) {
      // Both rows say that they may not be the only one.
      if (!moves && !source.at(i)->has(kShared)) {
        source.update(source.at(i), [](MessageEntry* entry) { entry->have |= kShared; });
      }
      entries.push_back(from->messages()[i]);
      entries.back().have |= kShared;
    }
  }

  JournalCopy journaled{moves, from->id(), to->id(), {}};
  imap::SequenceSet uploaded;  // sources whose own upload becomes one into the destination
  for (const MessageEntry& original : entries) {
    MessageEntry entry = original;
    entry.upstream_uid = {};
    entry.upstream = entry.visible;  // once it is there
    entry.uid = destination.add(entry);
    result.uids.emplace_back(original.uid, entry.uid);
    if (!to_upstream) continue;
    bool uploads = !from_upstream;
    if (from_upstream && moves && !original.upstream_uid.is_set()) {
      const auto creator = journal_index_.creator(from->id(), original.uid);
      uploads = creator && std::holds_alternative<JournalAppend>(journal_.at(*creator).op) &&
                !was_sent(journal_.at(*creator));
    }
    if (!uploads) {
      journaled.uids.emplace_back(original.uid, entry.uid);
      continue;
    }
    uploaded.add(original.uid);
    change->add_entry(
        JournalAppend{to->id(), entry.uid, entry.message, to_list(entry.visible, keywords_)});
  }

  // Before the sources go: what goes with them may be a source of this entry.
  if (!journaled.uids.empty()) change->add_entry(std::move(journaled));

  if (moves) {
    for (const MessageEntry& entry : entries) source.find(entry.uid)->have |= kShared;
  }
  if (moves && from_upstream && to_upstream) {
    std::vector<MessageEntry> hidden;
    std::vector<MessageEntry> erased;
    for (const MessageEntry& entry : source.cut(uids_of(entries))) {
      (uploaded.contains(entry.uid) ? erased : hidden).push_back(entry);
    }
    source.hide(std::move(hidden));
    cancel_creation(change, from, erased);
    source.erase(erased);
  } else if (moves) {
    remove_messages(change, from, uids_of(entries));
  }
  return result;
}

}  // namespace cache
