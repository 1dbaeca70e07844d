// What becomes of the journal's entries: sent, done, put off, refused, given up.
#include <algorithm>

#include "cache/change.h"
#include "cache/edit.h"
#include "cache/flag_change.h"

namespace cache {
namespace {

// What `copy` was to make and upstream did not; with bytes of its own here, or without.
imap::SequenceSet unmade(const Mailbox& box, const JournalCopy& copy, bool has_bytes) {
  imap::SequenceSet uids;
  for (const auto& [from, to] : copy.uids) {
    const MessageEntry* entry = box.find_any(to);
    if (entry == nullptr || entry->upstream_uid.is_set()) continue;
    if (entry->has(kHaveBody) == has_bytes) uids.add(to);
  }
  return uids;
}

}  // namespace

bool Account::creation_in_flight(MailboxId mailbox) const {
  return std::ranges::any_of(journal_index_.creators(mailbox),
                             [this](JournalSeq seq) { return was_sent(journal_.at(seq)); });
}

// Those of `entries` that still exist, with every mailbox that they are about in memory.
Task<Result<std::vector<JournalSeq>>> Account::entries_ready(std::vector<JournalSeq> entries) {
  for (;;) {
    CO_TRY_VOID(co_await ready());
    std::vector<MailboxId> mailboxes;
    const auto want = [&](MailboxId mailbox) {
      if (folder(mailbox) != nullptr) mailboxes.push_back(mailbox);
    };
    for (const JournalSeq seq : entries) {
      const auto found = journal_.find(seq);
      if (found == journal_.end()) continue;
      const JournalOp& op = found->second.op;
      want(mailbox_of(op));
      if (const auto* copy = std::get_if<JournalCopy>(&op)) want(copy->from);
      if (std::holds_alternative<JournalDelete>(op) || std::holds_alternative<JournalCreate>(op)) {
        for (const MailboxId related : related_to(mailbox_of(op))) want(related);
      }
    }
    for (const auto& [id, found] : folders_) {
      if ((found.record->attributes & kLocalOnly) != 0) want(id);
    }
    std::ranges::sort(mailboxes);
    mailboxes.erase(std::unique(mailboxes.begin(), mailboxes.end()), mailboxes.end());
    const Result<std::vector<MailboxRef>> boxes = co_await writable(mailboxes);
    if (!boxes && boxes.error().code() == Errc::kNotFound) continue;  // deleted meanwhile
    if (!boxes) co_return fail(boxes.error());
    std::vector<JournalSeq> left;
    for (const JournalSeq seq : entries) {
      if (journal_.contains(seq)) left.push_back(seq);
    }
    co_return left;
  }
}

Task<Result<>> Account::mark_in_flight(std::vector<JournalSeq> entries, InFlight note) {
  CO_TRY_VOID(co_await ready());
  Change change(this);
  for (const JournalSeq seq : entries) {
    // A client undid it meanwhile: whoever wanted to send it looks at the journal again.
    if (!journal_.contains(seq)) co_return fail(Errc::kStale, "the entry is gone");
  }
  for (const JournalSeq seq : entries) {
    change.edit_entry(seq, [&](JournalEntry* entry) {
      entry->state = JournalState::kInFlight;
      entry->in_flight = note;
      ++entry->attempts;
    });
  }
  co_return co_await submit(std::move(change));
}

Task<Result<>> Account::replayed(std::vector<JournalSeq> entries,
                                 std::optional<ReplayedUids> created) {
  CO_TRY(entries, co_await entries_ready(std::move(entries)));
  if (created) std::ranges::sort(created->uids);
  Change change(this);
  end_flags(&change, entries, true);
  for (const JournalSeq seq : entries) replayed_in(&change, seq, created ? &*created : nullptr);
  co_return co_await submit(std::move(change));
}

void Account::replayed_in(Change* change, JournalSeq seq, const ReplayedUids* created) {
  const auto at = journal_.find(seq);
  if (at == journal_.end()) return;
  const JournalOp op = at->second.op;
  change->remove_entry(seq);
  if (const auto* append = std::get_if<JournalAppend>(&op)) {
    bind_created(change, append->mailbox, append->uid, created);
  } else if (const auto* copy = std::get_if<JournalCopy>(&op)) {
    imap::SequenceSet sources;
    for (const auto& [from, to] : copy->uids) {
      bind_created(change, copy->to, to, created);
      sources.add(from);
    }
    if (copy->move) erase_hidden(change, copy->from, sources);
    // The destination was looked at: what is not there was not made, as its source was gone, and is
    // uploaded instead. Else it may be there.
    const Folder* to = folder(copy->to);
    const bool is_known = created != nullptr && created->uid_validity.is_set();
    if (is_known && to != nullptr && to->box) {
      upload_orphans(change, copy->to, unmade(*to->box, *copy, true));
    }
    if (created != nullptr) erase_unmade(change, *copy);
  } else if (const auto* expunge = std::get_if<JournalExpunge>(&op)) {
    erase_hidden(change, expunge->mailbox, expunge->uids);
  } else if (const auto* deleted = std::get_if<JournalDelete>(&op)) {
    Folder* found = folder(deleted->mailbox);
    if (found != nullptr && found->box) retire_in(change, found->box);
  }
}

void Account::bind_created(Change* change, MailboxId mailbox, imap::Uid uid,
                           const ReplayedUids* created) {
  Folder* found = folder(mailbox);
  if (created == nullptr || found == nullptr || !found->box) return;
  const auto pair =
      std::ranges::lower_bound(created->uids, uid, {}, &std::pair<imap::Uid, imap::Uid>::first);
  if (pair == created->uids.end() || pair->first != uid) return;
  const MessageEntry* known = found->box->find_upstream(pair->second);
  const bool is_doubled = known != nullptr && known->uid != uid;
  if (is_doubled && std::as_const(*found->box).find_any(uid) != nullptr) {
    // A sync has found it meanwhile: one row is enough, and this one was there first.
    const std::uint32_t other = known->uid.value();
    vanish_in(change, found->box, imap::SequenceSet::of(other, other));
    known = nullptr;
  }
  Edit edit(change, found->box);
  MessageEntry* entry = edit.find_any(uid);
  if (entry != nullptr && known == nullptr) {
    edit.bind(entry, pair->second);
    // What the sync would find: by these a mailbox is known again that is renamed upstream now.
    MailboxRecord* record = found->box->record_.get();
    UpstreamState& state = record->upstream;
    if (created->uid_validity == state.uid_validity && state.uid_next == pair->second.value()) {
      ++state.uid_next;
      ++state.messages;
      change->put_record(record);
    }
  }
}

// Copies that upstream did not make and whose bytes are not here: there is nothing left to show.
void Account::erase_unmade(Change* change, const JournalCopy& copy) {
  Folder* found = folder(copy.to);
  if (found == nullptr || !found->box) return;
  vanish_in(change, found->box, unmade(*found->box, copy, false));
}

// Hidden rows have done their duty.
void Account::erase_hidden(Change* change, MailboxId mailbox, const imap::SequenceSet& uids) {
  Folder* found = folder(mailbox);
  if (found == nullptr || !found->box) return;
  Edit edit(change, found->box);
  const std::vector<MessageEntry> gone = edit.cut_hidden(uids);
  forget_rows(change, mailbox, uids_of(gone));
  MailboxRecord* record = found->box->record_.get();
  std::uint32_t& messages = record->upstream.messages;
  for (const MessageEntry& entry : gone) {
    if (entry.upstream_uid.is_set() && messages > 0) --messages;
  }
  change->put_record(record);
  edit.erase(gone);
}

// Takes entries on flags out of the journal: upstream now has what they say (`happened`), or never
// will. The flags of their messages are computed anew, once, however many entries there are.
void Account::end_flags(Change* change, std::span<const JournalSeq> entries, bool happened) {
  std::map<MailboxId, std::vector<JournalFlags>> ended;
  for (const JournalSeq seq : entries) {
    const auto found = journal_.find(seq);
    if (found == journal_.end()) continue;
    const auto* flags = std::get_if<JournalFlags>(&found->second.op);
    if (flags == nullptr) continue;
    ended[flags->mailbox].push_back(*flags);
    change->remove_entry(seq);
  }
  for (const auto& [mailbox, all] : ended) {
    Folder* found = folder(mailbox);
    if (found == nullptr || !found->box) continue;
    const MailboxRecord& record = found->box->record();
    std::vector<const JournalFlags*> pointers;
    imap::SequenceSet uids;
    for (const JournalFlags& flags : all) {
      pointers.push_back(&flags);
      uids = uids.united(flags.uids);
    }
    const PendingFlags changes(pointers, &keywords_);
    Edit edit(change, found->box);
    const auto compute = [&](MessageEntry* entry) {
      const FlagChange* ended_here = changes.of(entry->uid);
      if (ended_here == nullptr) return;
      MessageEntry before = *entry;
      Flags upstream = entry->upstream;
      if (happened) {
        upstream = ended_here->apply(upstream, &keywords_);
        upstream.keywords = accepted(record, upstream.keywords, entry->upstream.keywords);
      } else {
        // A keyword that lives here alone only because of the entry goes with it.
        before.visible = ended_here->without_keywords().apply(before.visible, &keywords_);
      }
      const Flags visible = visible_of(record, before, upstream);
      if (visible == entry->visible && upstream == entry->upstream) return;
      edit.update(entry, [&](MessageEntry* e) {
        e->visible = visible;
        e->upstream = upstream;
      });
    };
    for (const auto& range : uids.ranges()) {
      const std::size_t end = found->box->messages().size();
      for (std::size_t i = found->box->lower_bound(imap::Uid(range.first));
           i < end && edit.at(i)->uid.value() <= range.last; ++i) {
        compute(edit.at(i));
      }
    }
    for (std::size_t i = 0; i < found->box->hidden().size(); ++i) {
      compute(edit.find_any(found->box->hidden()[i].uid));
    }
  }
}

// A copy that did not happen, though its source may have gone while that was not certain.
void Account::settle_sources(Change* change, JournalSeq seq) {
  const auto found = journal_.find(seq);
  if (found == journal_.end() || was_sent(found->second)) return;
  const auto* copy = std::get_if<JournalCopy>(&found->second.op);
  if (copy == nullptr) return;
  const Folder* source = folder(copy->from);
  if (source != nullptr && !source->box) return;
  imap::SequenceSet gone;
  for (const auto& [from, to] : copy->uids) {
    if (source == nullptr || source->box->find_any(from) == nullptr) gone.add(from);
  }
  if (!gone.empty()) sources_gone(change, copy->from, gone);
}

Task<Result<>> Account::retry_later(std::vector<JournalSeq> entries, std::string answer,
                                    std::int64_t next_try) {
  CO_TRY(entries, co_await entries_ready(std::move(entries)));
  Change change(this);
  for (const JournalSeq seq : entries) {
    change.edit_entry(seq, [&](JournalEntry* entry) {
      // Counted when it was sent, if it was marked as that.
      if (!was_sent(*entry)) ++entry->attempts;
      entry->state = JournalState::kPending;
      entry->in_flight.reset();
      entry->last_answer = answer;
      entry->next_try = next_try;
    });
    settle_sources(&change, seq);
  }
  co_return co_await submit(std::move(change));
}

Task<Result<>> Account::park(std::vector<JournalSeq> entries, std::string answer,
                             bool may_have_happened) {
  CO_TRY(entries, co_await entries_ready(std::move(entries)));
  Change change(this);
  for (const JournalSeq seq : entries) {
    change.edit_entry(seq, [&](JournalEntry* entry) {
      entry->state = JournalState::kParked;
      if (!may_have_happened) entry->in_flight.reset();
      entry->last_answer = answer;
    });
    // A message that upstream refuses for good stays where the user put it, and is shown where it
    // cannot be lost with that mailbox.
    if (const auto* append = std::get_if<JournalAppend>(&journal_.at(seq).op)) {
      const Folder* found = folder(append->mailbox);
      if (found != nullptr && found->box) {
        const MessageEntry* entry = found->box->find(append->uid);
        if (entry != nullptr) {
          const MessageEntry refused = *entry;
          Edit edit(&change, found->box);
          edit.update(edit.find(append->uid), [](MessageEntry* e) { e->have |= kShared; });
          rescue(&change, std::span(&refused, 1), "$UploadRefused");
        }
      }
    }
    settle_sources(&change, seq);
  }
  co_return co_await submit(std::move(change));
}

Task<Result<>> Account::unpark(std::vector<JournalSeq> entries) {
  CO_TRY_VOID(co_await ready());
  Change change(this);
  for (const JournalSeq seq : entries) {
    const auto found = journal_.find(seq);
    if (found == journal_.end() || found->second.state == JournalState::kInFlight) continue;
    change.edit_entry(seq, [](JournalEntry* entry) {
      entry->state = JournalState::kPending;
      entry->attempts = 0;
      entry->next_try = 0;
    });
  }
  co_return co_await submit(std::move(change));
}

Task<Result<>> Account::drop(std::vector<JournalSeq> entries) {
  CO_TRY(entries, co_await entries_ready(std::move(entries)));
  Change change(this);
  end_flags(&change, entries, false);
  for (const JournalSeq seq : entries) drop_in(&change, seq);
  co_return co_await submit(std::move(change));
}

// The operator gives an entry up: what is seen here becomes what upstream has. Nothing that
// upstream lacks is lost by it.
void Account::drop_in(Change* change, JournalSeq seq) {
  const auto at = journal_.find(seq);
  if (at == journal_.end()) return;  // went with one before
  const JournalOp op = at->second.op;
  if (std::holds_alternative<JournalAppend>(op) || std::holds_alternative<JournalCopy>(op)) {
    give_up(change, seq);
  } else if (const auto* expunge = std::get_if<JournalExpunge>(&op)) {
    change->remove_entry(seq);
    bring_back_in(change, expunge->mailbox, expunge->uids);
  } else if (std::holds_alternative<JournalCreate>(op) ||
             std::holds_alternative<JournalDelete>(op)) {
    change->remove_entry(seq);
    Folder* found = folder(mailbox_of(op));
    const bool is_upstream = found != nullptr && std::holds_alternative<JournalCreate>(op) &&
                             !found->record->upstream.name.empty();
    if (found != nullptr && found->box && !is_upstream) retire_in(change, found->box);
  } else {
    // RENAME, SUBSCRIBE: the next folder list says how it is.
    change->remove_entry(seq);
  }
}

// The messages that `seq` was to make upstream are not made: they go from where they are seen.
// Those moved come back where they were, and what is nowhere else goes to "Recovered".
void Account::give_up(Change* change, JournalSeq seq) {
  const JournalOp op = journal_.at(seq).op;
  change->remove_entry(seq);
  const MailboxId mailbox = mailbox_of(op);
  imap::SequenceSet made;
  imap::SequenceSet nowhere_else;
  imap::SequenceSet moved;
  const auto* copy = std::get_if<JournalCopy>(&op);
  if (copy == nullptr) {
    made.add(std::get<JournalAppend>(op).uid);
    nowhere_else = made;
  } else {
    const Folder* source = folder(copy->from);
    for (const auto& [from, to] : copy->uids) {
      made.add(to);
      const bool is_there = source != nullptr && source->box && source->box->find_any(from);
      if (!is_there) nowhere_else.add(to);
      if (is_there && copy->move) moved.add(from);
    }
  }
  Folder* found = folder(mailbox);
  if (found != nullptr && found->box) {
    forget_rows(change, mailbox, made);
    Edit edit(change, found->box);
    std::vector<MessageEntry> gone = edit.cut(made);
    std::vector<MessageEntry> rescued;
    for (MessageEntry& entry : gone) {
      if (!nowhere_else.contains(entry.uid)) continue;
      entry.have |= kShared;
      rescued.push_back(entry);
    }
    rescue(change, rescued, "$GivenUp");
    edit.erase(gone);
    edit.erase(edit.cut_hidden(made));
  }
  if (!moved.empty()) bring_back_in(change, copy->from, moved);
}

}  // namespace cache
