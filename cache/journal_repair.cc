// Keeps the journal and the rows in step when rows go: no entry is left that names a message which
// is no more, and none that upstream still has to hear of is lost.
#include <algorithm>

#include "cache/change.h"
#include "cache/edit.h"
#include "cache/flag_change.h"

namespace cache {
// The messages of `entries` go before upstream ever had them: what would bring them there, and what
// would be done to them there, is taken out of the journal. APPEND and EXPUNGE are nothing, MOVE
// and EXPUNGE are an EXPUNGE of the source.
// REQUIRES: no entry that creates one of them was sent.
void Account::cancel_creation(Change* change, const MailboxRef& box,
                              std::span<const MessageEntry> entries) {
  if (entries.empty()) return;
  const imap::SequenceSet uids = uids_of(entries);
  // Copies that wait for one of these as their source are uploaded from the cache instead.
  sources_gone(change, box->id(), uids);
  strip_flags(change, box->id(), uids);
  std::map<JournalSeq, imap::SequenceSet> by_creator;
  for (const MessageEntry& entry : entries) {
    if (const auto creator = journal_index_.creator(box->id(), entry.uid)) {
      by_creator[*creator].add(entry.uid);
    }
  }
  for (const auto& [seq, cancelled] : by_creator) {
    const auto* copy = std::get_if<JournalCopy>(&journal_.at(seq).op);
    if (copy == nullptr) {
      change->remove_entry(seq);
      continue;
    }
    imap::SequenceSet sources;
    std::vector<std::pair<imap::Uid, imap::Uid>> left;
    for (const auto& pair : copy->uids) {
      if (cancelled.contains(pair.second)) {
        sources.add(pair.first);
      } else {
        left.push_back(pair);
      }
    }
    // The sources of a move are hidden rows already.
    if (copy->move) change->add_entry(JournalExpunge{copy->from, std::move(sources)});
    if (left.empty()) {
      change->remove_entry(seq);
    } else {
      change->edit_entry(seq, [&](JournalEntry* entry) {
        std::get<JournalCopy>(entry->op).uids = std::move(left);
      });
    }
  }
}

void Account::strip_flags(Change* change, MailboxId mailbox, const imap::SequenceSet& uids) {
  const JournalIndex::Seqs seqs = journal_index_.flags(mailbox);
  for (const JournalSeq seq : seqs) {
    const imap::SequenceSet& named = std::get<JournalFlags>(journal_.at(seq).op).uids;
    if (named.intersected(uids).empty()) continue;
    imap::SequenceSet left = named.minus(uids);
    if (left.empty()) {
      change->remove_entry(seq);
    } else {
      change->edit_entry(seq, [&](JournalEntry* entry) {
        std::get<JournalFlags>(entry->op).uids = std::move(left);
      });
    }
  }
}

void Account::strip_expunges(Change* change, MailboxId mailbox, const imap::SequenceSet& uids) {
  const JournalIndex::Seqs seqs = journal_index_.expunges(mailbox);
  for (const JournalSeq seq : seqs) {
    const imap::SequenceSet& named = std::get<JournalExpunge>(journal_.at(seq).op).uids;
    if (named.intersected(uids).empty()) continue;
    imap::SequenceSet left = named.minus(uids);
    if (left.empty()) {
      change->remove_entry(seq);
    } else {
      change->edit_entry(seq, [&](JournalEntry* entry) {
        std::get<JournalExpunge>(entry->op).uids = std::move(left);
      });
    }
  }
}

// Rows of `mailbox` are going that copies in the journal name as their source. A copy that was sent
// already is left to the search that follows a cut. Of the others, what was to be copied into
// `mailbox` itself is copied from where it comes from. Else the message is uploaded from the cache
// if its body is here; if not there is nothing left to make a copy of, and the row goes.
void Account::sources_gone(Change* change, MailboxId mailbox, const imap::SequenceSet& uids) {
  const JournalIndex::Seqs seqs = journal_index_.copies_from(mailbox);
  for (const JournalSeq seq : seqs) {
    const auto found = journal_.find(seq);
    if (found == journal_.end() || was_sent(found->second)) continue;
    const JournalCopy& copy = std::get<JournalCopy>(found->second.op);
    std::vector<std::pair<imap::Uid, imap::Uid>> left;
    imap::SequenceSet orphans;
    std::map<MailboxId, std::vector<std::pair<imap::Uid, imap::Uid>>> rerouted;
    for (const auto& pair : copy.uids) {
      if (!uids.contains(pair.first)) {
        left.push_back(pair);
      } else if (const auto origin = origin_of(mailbox, pair.first, uids);
                 origin && is_seen(copy.to, pair.second)) {
        rerouted[origin->first].emplace_back(origin->second, pair.second);
      } else {
        orphans.add(pair.second);
      }
    }
    if (orphans.empty() && rerouted.empty()) continue;
    const MailboxId to = copy.to;
    if (left.empty()) {
      change->remove_entry(seq);
    } else {
      change->edit_entry(seq, [&](JournalEntry* entry) {
        std::get<JournalCopy>(entry->op).uids = std::move(left);
      });
    }
    for (auto& [from, pairs] : rerouted) reroute(change, from, to, std::move(pairs));
    if (!orphans.empty()) upload_orphans(change, to, orphans);
  }
}

// Where a copy that was not sent takes `uid` from, unless that goes as well.
std::optional<std::pair<MailboxId, imap::Uid>> Account::origin_of(
    MailboxId mailbox, imap::Uid uid, const imap::SequenceSet& going) const {
  const auto creator = journal_index_.creator(mailbox, uid);
  if (!creator || was_sent(journal_.at(*creator))) return std::nullopt;
  const auto* copy = std::get_if<JournalCopy>(&journal_.at(*creator).op);
  if (copy == nullptr) return std::nullopt;
  for (const auto& [from, to] : copy->uids) {
    if (to != uid) continue;
    if (copy->from == mailbox && going.contains(from)) return std::nullopt;
    return std::pair(copy->from, from);
  }
  return std::nullopt;
}

bool Account::is_seen(MailboxId mailbox, imap::Uid uid) const {
  const auto found = folders_.find(mailbox);
  return found != folders_.end() && found->second.box &&
         std::as_const(*found->second.box).find(uid) != nullptr;
}

// A new entry: what the journal has on the flags of its messages comes behind it.
void Account::reroute(Change* change, MailboxId from, MailboxId to,
                      std::vector<std::pair<imap::Uid, imap::Uid>> uids) {
  imap::SequenceSet made;
  std::ranges::sort(uids);
  for (const auto& pair : uids) made.add(pair.second);
  strip_flags(change, to, made);
  change->add_entry(JournalCopy{false, from, to, std::move(uids)});
  Edit edit(change, folder(to)->box);
  for (const std::uint32_t uid : made) {
    const MessageEntry* entry = edit.find(imap::Uid(uid));
    if (entry->visible == entry->upstream) continue;
    change->add_entry(JournalFlags{to, imap::SequenceSet::of(uid, uid),
                                   delta_between(entry->upstream, entry->visible, keywords_)});
  }
}

// Rows of `mailbox` that were to be made by a copy, whose source is gone.
void Account::upload_orphans(Change* change, MailboxId mailbox, const imap::SequenceSet& uids) {
  const Folder* found = folder(mailbox);
  if (found == nullptr || !found->box) return;
  const MailboxRef box = found->box;
  Edit edit(change, box);
  imap::SequenceSet lost;
  imap::SequenceSet lost_hidden;
  for (const std::uint32_t number : uids) {
    const imap::Uid uid(number);
    const MessageEntry* entry = edit.find_any(uid);
    if (entry == nullptr) continue;
    const bool expunged = entry->hidden;
    if (!entry->has(kHaveBody) || expunged) {
      (expunged ? lost_hidden : lost).add(uid);
      continue;
    }
    change->add_entry(
        JournalAppend{mailbox, uid, entry->message, to_list(entry->visible, keywords_)});
  }
  // The upload takes the flags along that the message has by now; changes that wait for it in the
  // journal are older than the new entry and would wait for nothing.
  strip_flags(change, mailbox, uids.minus(lost).minus(lost_hidden));
  forget_rows(change, mailbox, lost.united(lost_hidden));
  edit.erase(edit.cut(lost));
  edit.erase(edit.cut_hidden(lost_hidden));
}

// Rows are going for good: nothing in the journal names them any more.
void Account::forget_rows(Change* change, MailboxId mailbox, const imap::SequenceSet& uids) {
  if (uids.empty()) return;
  strip_flags(change, mailbox, uids);
  strip_expunges(change, mailbox, uids);
  sources_gone(change, mailbox, uids);
}

}  // namespace cache
