#include "cache/edit.h"

#include <algorithm>

#include "base/check.h"
#include "cache/counts.h"
#include "cache/keys.h"
#include "cache/set_codec.h"
#include "cache/sorted.h"

namespace cache {
namespace {

// Moves what `uids` names from `entries` to the result, closing the gaps in one pass.
std::vector<MessageEntry> take_out(std::vector<MessageEntry>* entries,
                                   const imap::SequenceSet& uids) {
  std::vector<MessageEntry> taken;
  if (entries->empty() || uids.empty()) return taken;
  auto at = entries->begin();    // looked at up to here
  auto kept = entries->begin();  // kept ones end here
  bool any = false;
  for (const auto& range : uids.ranges()) {
    const auto rest = std::ranges::subrange(at, entries->end());
    const auto first =
        std::ranges::lower_bound(rest, imap::Uid(range.first), {}, &MessageEntry::uid);
    auto last = first;
    while (last != entries->end() && last->uid.value() <= range.last) ++last;
    if (first == last) continue;
    kept = any ? std::move(at, first, kept) : first;
    any = true;
    taken.insert(taken.end(), first, last);
    at = last;
  }
  if (any) entries->erase(std::move(at, entries->end(), kept), entries->end());
  return taken;
}

}  // namespace

MessageEntry* Edit::find(imap::Uid uid) {
  const std::size_t at = box_->lower_bound(uid);
  if (at == box_->messages_.size() || box_->messages_[at].uid != uid) return nullptr;
  return &box_->messages_[at];
}

void Edit::count(const MessageEntry& entry, int sign) {
  count_message(box_->record_.get(), entry, sign);
  change_->put_record(box_->record_.get());
}

void Edit::see() {
  box_->record_->highest_modseq = change_->modseq();
  change_->put_record(box_->record_.get());
}

void Edit::put_row(const MessageEntry& entry) {
  std::string row;
  encode_row(entry, change_->account().keywords_, &row);
  change_->batch().put(Family::kIndex, keys::index(change_->account().id(), box_->id(), entry.uid),
                       std::move(row));
}

imap::Uid Edit::add(MessageEntry entry) {
  MailboxRecord& record = *box_->record_;
  Account::Folder& folder = *change_->account().folder(record.id);
  entry.uid = std::max(record.uid_next, folder.uid_floor);
  record.uid_next = entry.uid.next();
  folder.uid_floor = record.uid_next;
  entry.modseq = change_->modseq();
  entry.hidden = false;
  if (entry.has(kShared)) ++change_->account().shared_rows_;
  see();
  count(entry, 1);
  box_->messages_.push_back(entry);
  box_->bind(entry.upstream_uid, entry.uid);
  put_row(entry);
  if ((record.attributes & kLocalOnly) != 0 && entry.has(kHaveBody)) change_->keep_body(entry);
  change_->batch().put(
      Family::kMessages,
      keys::reference(change_->account().id(), entry.message, record.id, entry.uid), {});
  Change::Told& told = change_->told(box_);
  told.added = true;
  told.uid_next = record.uid_next;
  return entry.uid;
}

void Edit::updated(const MessageEntry& before, MessageEntry* entry, bool tell) {
  CHECK(entry->uid == before.uid && entry->hidden == before.hidden);
  if (!entry->hidden) {
    if (tell || !(entry->visible == before.visible)) {
      entry->modseq = change_->modseq();
      see();
      // Flags that become known are no change to anybody: whoever asked for them is still waiting.
      if (tell || before.has(kHaveFlags)) change_->told(box_).flags.add(entry->uid);
    }
    count(before, -1);
    count(*entry, 1);
  }
  put_row(*entry);
}

void Edit::bind(MessageEntry* entry, imap::Uid upstream_uid) {
  if (entry->upstream_uid == upstream_uid) return;
  if (entry->upstream_uid.is_set()) box_->unbind(entry->upstream_uid);
  box_->bind(upstream_uid, entry->uid);
  entry->upstream_uid = upstream_uid;
  put_row(*entry);
}

std::vector<MessageEntry> Edit::cut(const imap::SequenceSet& uids) {
  std::vector<MessageEntry> taken = take_out(&box_->messages_, uids);
  if (taken.empty()) return taken;
  see();
  std::vector<imap::Uid> gone;
  gone.reserve(taken.size());
  for (const MessageEntry& entry : taken) {
    count(entry, -1);
    gone.push_back(entry.uid);
  }
  std::string vanished;
  Encoder encoder(&vanished);
  Change::Told& told = change_->told(box_);
  merge_into(&told.expunged, std::span<const imap::Uid>(gone));
  // One row per change: a second cut in the same change has the same key, and must hold both.
  encode_set(imap::SequenceSet::from_sorted(std::span<const imap::Uid>(told.expunged)), &encoder);
  change_->batch().put(Family::kChanges,
                       keys::change(change_->account().id(), box_->id(), change_->modseq()),
                       std::move(vanished));
  ++change_->account().folder(box_->id())->change_rows;
  merge_into(&box_->expunging_, std::span<const imap::Uid>(gone));
  for (MailboxView* view : box_->views_) view->on_expunging(gone);
  return taken;
}

std::vector<MessageEntry> Edit::cut_hidden(const imap::SequenceSet& uids) {
  return take_out(&box_->hidden_, uids);
}

void Edit::hide(std::vector<MessageEntry> entries) {
  if (entries.empty()) return;
  for (MessageEntry& entry : entries) {
    entry.hidden = true;
    put_row(entry);
  }
  const auto middle = static_cast<std::ptrdiff_t>(box_->hidden_.size());
  box_->hidden_.insert(box_->hidden_.end(), entries.begin(), entries.end());
  if (middle > 0 && box_->hidden_[static_cast<std::size_t>(middle) - 1].uid > entries.front().uid) {
    std::ranges::sort(box_->hidden_, {}, &MessageEntry::uid);
  }
}

void Edit::erase(std::span<const MessageEntry> entries) {
  std::vector<std::pair<imap::Uid, imap::Uid>> bound;
  for (const MessageEntry& entry : entries) {
    const AccountId account = change_->account().id();
    change_->batch().erase(Family::kIndex, keys::index(account, box_->id(), entry.uid));
    change_->batch().erase(Family::kMessages,
                           keys::reference(account, entry.message, box_->id(), entry.uid));
    change_->release(entry);
    if (entry.upstream_uid.is_set()) bound.emplace_back(entry.upstream_uid, entry.uid);
  }
  std::ranges::sort(bound);
  remove_from(&box_->by_upstream_, std::span<const std::pair<imap::Uid, imap::Uid>>(bound));
}

imap::Uid Edit::bring_back(const MessageEntry& hidden) {
  MessageEntry entry = hidden;
  // Two rows for a moment, the old one is erased next: the content must outlive that.
  entry.have |= kShared;
  box_->unbind(hidden.upstream_uid);
  MessageEntry old = hidden;
  old.upstream_uid = {};
  old.have |= kShared;
  const imap::Uid uid = add(entry);
  erase(std::span(&old, 1));
  return uid;
}

}  // namespace cache
