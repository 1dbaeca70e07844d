#include <algorithm>

#include "base/check.h"
#include "cache/mailbox.h"
#include "cache/sorted.h"

namespace cache {

MailboxView::MailboxView(Mailbox* mailbox, bool claim_recent)
    : record_(mailbox->record_),
      mailbox_(mailbox),
      serial_(mailbox->next_view_++),
      changed_(mailbox->executor_),
      known_below_(mailbox->durable_below_),
      recent_from_(mailbox->record_->recent_from),
      claims_recent_(claim_recent) {
  // What a commit under way removes is still there for all that anybody knows.
  for (const imap::Uid uid : mailbox->expunging_) {
    if (uid < known_below_) expunged_.push_back(uid);
  }
  claim();
  mailbox_->views_.insert(this);
}

MailboxView::~MailboxView() { mailbox_->views_.erase(this); }

std::size_t MailboxView::known_messages() const {
  const auto& messages = mailbox_->messages_;
  if (messages.empty() || messages.back().uid < known_below_) return messages.size();
  return mailbox_->lower_bound(known_below_);
}

std::uint32_t MailboxView::exists() const {
  return static_cast<std::uint32_t>(known_messages() + expunged_.size());
}

std::optional<imap::SequenceNumber> MailboxView::sequence_of(imap::Uid uid) const {
  if (uid >= known_below_) return std::nullopt;
  const auto& messages = mailbox_->messages_;
  const std::size_t at = mailbox_->lower_bound(uid);
  const auto gone = std::ranges::lower_bound(expunged_, uid);
  const bool is_there = at < messages.size() && messages[at].uid == uid;
  if (!is_there && (gone == expunged_.end() || *gone != uid)) return std::nullopt;
  const auto before = at + static_cast<std::size_t>(gone - expunged_.begin());
  return imap::SequenceNumber(static_cast<std::uint32_t>(before + 1));
}

std::optional<imap::Uid> MailboxView::uid_of(imap::SequenceNumber number) const {
  if (!number.is_set() || number.value() > exists()) return std::nullopt;
  const std::size_t wanted = number.value() - 1;
  // The j-th expunged one stands at position (messages below it) + j, which rises with j.
  std::size_t low = 0;
  std::size_t high = expunged_.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (mailbox_->lower_bound(expunged_[middle]) + middle < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low < expunged_.size() && mailbox_->lower_bound(expunged_[low]) + low == wanted) {
    return expunged_[low];
  }
  return mailbox_->messages_[wanted - low].uid;
}

std::optional<imap::Uid> MailboxView::last_uid() const {
  const std::uint32_t count = exists();
  if (count == 0) return std::nullopt;
  return uid_of(imap::SequenceNumber(count));
}

imap::SequenceSet MailboxView::uids_of_numbers(const imap::SequenceSet& numbers) const {
  const std::uint32_t count = exists();
  imap::SequenceSet uids;
  if (count == 0) return uids;
  imap::SequenceSet as_uids;
  const imap::SequenceSet resolved = numbers.resolve(count);
  for (const auto& range : resolved.ranges()) {
    if (range.first > count) break;
    const auto first = uid_of(imap::SequenceNumber(range.first));
    const auto last = uid_of(imap::SequenceNumber(std::min(range.last, count)));
    // Consecutive numbers are consecutive messages, so a range of numbers is a range of UIDs.
    as_uids.add({first->value(), last->value()});
  }
  return uids_of_uids(as_uids);
}

imap::SequenceSet MailboxView::uids_of_uids(const imap::SequenceSet& uids) const {
  imap::SequenceSet known;
  const auto last_known = last_uid();
  if (!last_known) return known;
  const std::size_t end = known_messages();
  const auto& messages = mailbox_->messages_;
  const imap::SequenceSet resolved = uids.resolve(last_known->value());
  for (const auto& range : resolved.ranges()) {
    for (std::size_t i = mailbox_->lower_bound(imap::Uid(range.first));
         i < end && messages[i].uid.value() <= range.last; ++i) {
      known.add(messages[i].uid);
    }
  }
  return known;
}

std::uint32_t MailboxView::recent() const {
  const std::size_t end = known_messages();
  const std::size_t from = mailbox_->lower_bound(recent_from_);
  const auto gone = expunged_.end() - std::ranges::lower_bound(expunged_, recent_from_);
  return static_cast<std::uint32_t>((end > from ? end - from : 0) + static_cast<std::size_t>(gone));
}

void MailboxView::learn() {
  const imap::Uid before = known_below_;
  known_below_ = mailbox_->durable_below_;
  for (const imap::Uid uid : mailbox_->expunging_) {
    if (uid >= before && uid < known_below_) expunged_.push_back(uid);
  }
  claim();
}

// RFC 3501 2.3.2: only one session is told that a message is recent. Stored with the next change of
// the mailbox: after a crash a message may be recent twice, which the RFC allows.
void MailboxView::claim() {
  if (!claims_recent_ || record_->recent_from >= known_below_) return;
  record_->recent_from = known_below_;
  record_->recent =
      static_cast<std::uint32_t>(mailbox_->messages_.size() - mailbox_->lower_bound(known_below_));
}

ViewChanges MailboxView::take_changes(bool may_expunge) {
  ViewChanges changes;
  changes.gone = gone_;
  if (may_expunge && !expunged_.empty()) {
    const auto& unsure = mailbox_->expunging_;
    std::vector<imap::Uid> kept;
    // From the last to the first, so that no number shifts another one.
    for (std::size_t j = expunged_.size(); j-- > 0;) {
      const imap::Uid uid = expunged_[j];
      if (std::ranges::binary_search(unsure, uid)) {
        kept.push_back(uid);
        continue;
      }
      const std::size_t before = mailbox_->lower_bound(uid) + j;
      changes.expunged.emplace_back(static_cast<std::uint32_t>(before + 1));
    }
    std::ranges::reverse(kept);
    for (const imap::Uid uid : expunged_) {
      if (!std::ranges::binary_search(kept, uid)) changes.vanished.add(uid);
    }
    expunged_ = std::move(kept);
  }
  if (known_below_ < mailbox_->durable_below_) {
    const std::uint32_t before = exists();
    learn();
    if (exists() != before) {
      changes.exists = exists();
      changes.recent = recent();
    }
  }
  // Those that are gone by now, or will be told with their first FETCH, need no word here.
  for (const auto& range : flags_.ranges()) {
    const std::size_t end = known_messages();
    for (std::size_t i = mailbox_->lower_bound(imap::Uid(range.first));
         i < end && mailbox_->messages_[i].uid.value() <= range.last; ++i) {
      changes.flags.add(mailbox_->messages_[i].uid);
    }
  }
  flags_.clear();
  changed_.reset();
  note();
  return changes;
}

void MailboxView::forget_flag_changes(const imap::SequenceSet& uids) {
  flags_ = flags_.minus(uids);
  changed_.reset();
  note();
}

// Sets `changed_` when there is something that can be told.
void MailboxView::note() {
  const bool has_expunged = std::ranges::any_of(expunged_, [this](imap::Uid uid) {
    return !std::ranges::binary_search(mailbox_->expunging_, uid);
  });
  if (has_expunged || gone_ || !flags_.empty() || known_below_ < mailbox_->durable_below_) {
    changed_.set();
  }
}

void MailboxView::on_expunging(std::span<const imap::Uid> uids) {
  const auto known = uids.first(
      static_cast<std::size_t>(std::ranges::lower_bound(uids, known_below_) - uids.begin()));
  merge_into(&expunged_, known);
}

void MailboxView::on_added() { changed_.set(); }

void MailboxView::on_expunged() { note(); }

void MailboxView::on_flags(const imap::SequenceSet& uids) {
  constexpr std::size_t kFew = 16;
  if (uids.ranges().size() > kFew) {
    flags_ = flags_.united(uids);
  } else {
    for (const auto& range : uids.ranges()) flags_.add(range);
  }
  if (!flags_.empty()) changed_.set();
}

void MailboxView::on_gone() {
  gone_ = true;
  changed_.set();
}

void MailboxView::on_reloaded(const imap::SequenceSet& changed) {
  // An expunge that did not happen: the message is back under the number that it never lost.
  std::erase_if(expunged_, [this](imap::Uid uid) { return mailbox_->find(uid) != nullptr; });
  if (!changed.empty()) on_flags(changed);
  note();
}

}  // namespace cache
