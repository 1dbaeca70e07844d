#include "cache/journal_index.h"

namespace cache {

const JournalIndex::OfMailbox& JournalIndex::of(MailboxId mailbox) const {
  static const OfMailbox kNothing;
  const auto found = mailboxes_.find(mailbox);
  return found == mailboxes_.end() ? kNothing : found->second;
}

void JournalIndex::add(const JournalEntry& entry) {
  const MailboxId mailbox = mailbox_of(entry.op);
  if (!mailbox) return;
  OfMailbox& index = mailboxes_[mailbox];
  index.all.insert(entry.seq);
  if (std::holds_alternative<JournalFlags>(entry.op)) {
    index.flags.insert(entry.seq);
    index.pending.reset();
  } else if (std::holds_alternative<JournalExpunge>(entry.op)) {
    index.expunges.insert(entry.seq);
  } else if (const auto* append = std::get_if<JournalAppend>(&entry.op)) {
    index.creators.insert(entry.seq);
    index.created[append->uid] = entry.seq;
  } else if (const auto* copy = std::get_if<JournalCopy>(&entry.op)) {
    index.creators.insert(entry.seq);
    for (const auto& [from, to] : copy->uids) index.created[to] = entry.seq;
    OfMailbox& source = mailboxes_[copy->from];
    source.all.insert(entry.seq);
    source.copies_from.insert(entry.seq);
  }
}

void JournalIndex::remove(const JournalEntry& entry) {
  const MailboxId mailbox = mailbox_of(entry.op);
  if (!mailbox) return;
  OfMailbox& index = mailboxes_[mailbox];
  index.all.erase(entry.seq);
  index.creators.erase(entry.seq);
  index.expunges.erase(entry.seq);
  if (index.flags.erase(entry.seq) > 0) index.pending.reset();
  if (const auto* append = std::get_if<JournalAppend>(&entry.op)) {
    index.created.erase(append->uid);
  } else if (const auto* copy = std::get_if<JournalCopy>(&entry.op)) {
    for (const auto& [from, to] : copy->uids) index.created.erase(to);
    OfMailbox& source = mailboxes_[copy->from];
    source.all.erase(entry.seq);
    source.copies_from.erase(entry.seq);
    if (source.all.empty()) mailboxes_.erase(copy->from);
  }
  if (const auto found = mailboxes_.find(mailbox);
      found != mailboxes_.end() && found->second.all.empty()) {
    mailboxes_.erase(found);
  }
}

std::optional<JournalSeq> JournalIndex::creator(MailboxId mailbox, imap::Uid uid) const {
  const OfMailbox& index = of(mailbox);
  const auto found = index.created.find(uid);
  if (found == index.created.end()) return std::nullopt;
  return found->second;
}

const PendingFlags& JournalIndex::pending_flags(MailboxId mailbox,
                                                const std::map<JournalSeq, JournalEntry>& journal,
                                                KeywordTable* keywords) {
  static const PendingFlags kNothing;
  const auto found = mailboxes_.find(mailbox);
  if (found == mailboxes_.end()) return kNothing;
  OfMailbox& index = found->second;
  if (!index.pending) {
    std::vector<const JournalFlags*> entries;
    for (const JournalSeq seq : index.flags) {
      entries.push_back(&std::get<JournalFlags>(journal.at(seq).op));
    }
    index.pending.emplace(entries, keywords);
  }
  return *index.pending;
}

}  // namespace cache
