#include "cache/change.h"

#include <algorithm>
#include <chrono>

#include "cache/kept.h"
#include "cache/keys.h"

namespace cache {
namespace {

// MODSEQ values and ids are reserved in blocks, so that few changes have to store the account
// record.
constexpr std::uint64_t kModSeqBlock = 1U << 16;
constexpr std::uint64_t kJournalBlock = 256;

std::int64_t seconds_since_1970() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

std::uint64_t Change::modseq() {
  if (modseq_ != 0) return modseq_;
  modseq_ = ++account_->modseq_;
  // The ceiling rises half a block ahead of use: a value that a session reads from memory before
  // its commit is durable is below a ceiling that is, so it is not given again after a crash.
  if (modseq_ + kModSeqBlock / 2 > account_->record_.modseq_ceiling) {
    account_->record_.modseq_ceiling = modseq_ + kModSeqBlock;
    account_->record_dirty_ = true;
  }
  return modseq_;
}

Change::Told& Change::told(const MailboxRef& box) {
  Told& told = told_[box->id()];
  told.box = box;
  return told;
}

void Change::put_record(MailboxRecord* record) {
  records_[record->id] = record;
  mailboxes_changed_ = true;
}

JournalSeq Change::add_entry(JournalOp op) {
  const JournalSeq seq(account_->next_journal_++);
  if (account_->next_journal_ > account_->record_.next_journal) {
    account_->record_.next_journal = account_->next_journal_ + kJournalBlock;
    account_->record_dirty_ = true;
  }
  JournalEntry entry;
  entry.seq = seq;
  entry.created = seconds_since_1970();
  entry.op = std::move(op);
  account_->journal_index_.add(entry);
  put_entry(entry);
  account_->journal_.emplace(seq, std::move(entry));
  added_.push_back(seq);
  return seq;
}

void Change::put_entry(const JournalEntry& entry) {
  batch_.put(Family::kJournal, keys::journal(account_->id_, entry.seq),
             encode_journal_entry(entry));
  journal_changed_ = true;
}

void Change::remove_entry(JournalSeq seq) {
  const auto found = account_->journal_.find(seq);
  if (found == account_->journal_.end()) return;
  account_->journal_index_.remove(found->second);
  account_->journal_.erase(found);
  batch_.erase(Family::kJournal, keys::journal(account_->id_, seq));
  journal_changed_ = true;
}

void Change::release(const MessageEntry& row) {
  if (row.has(kShared)) {
    garbage_.push_back(row.message);
  } else {
    released_.emplace_back(row.message, row.has(kHaveBody));
  }
}

// Messages that came together often go together: a run of ids is one range in the store, where each
// range that is erased costs later reads.
void Change::erase_released() {
  std::ranges::sort(released_);
  const AccountId account = account_->id_;
  for (std::size_t i = 0; i < released_.size();) {
    std::size_t end = i;
    bool has_body = false;
    for (; end < released_.size() &&
           released_[end].first.value() - released_[i].first.value() == end - i;
         ++end) {
      erase_listing(account, released_[end].first, &batch_);
      has_body = has_body || released_[end].second;
    }
    if (has_body) {
      const MessageId first = released_[i].first;
      const MessageId last = released_[end - 1].first;
      batch_.erase_range(Family::kBody, keys::body_of(account, first).from,
                         keys::body_of(account, last).to);
      batch_.erase_range(Family::kText, keys::text_of(account, keys::TextKind::kBody, first).from,
                         keys::text_of(account, keys::TextKind::kBody, last).to);
    }
    i = end;
  }
}

// What the journal file gets of it (cache/kept.h).
void Change::keep_apart() {
  mark_kept(&batch_, [this](MailboxId mailbox) {
    const Account::Folder* found = account_->folder(mailbox);
    const bool here_alone = found != nullptr && (found->record->attributes & kLocalOnly) != 0;
    return here_alone || !account_->journal_index_.concerning(mailbox).empty();
  });
  for (const JournalSeq seq : added_) {
    const auto entry = account_->journal_.find(seq);
    if (entry == account_->journal_.end()) continue;
    std::uint64_t bytes = 0;
    if (const auto* append = std::get_if<JournalAppend>(&entry->second.op)) {
      const Account::Folder* into = account_->folder(append->mailbox);
      const MessageEntry* row =
          into != nullptr && into->box ? std::as_const(*into->box).find_any(append->uid) : nullptr;
      if (row != nullptr) bytes = row->size;
    }
    keep_for(entry->second.op, account_->id_, bytes, &batch_);
  }
  for (const auto& [message, bytes] : here_alone_) {
    cache::keep_body(account_->id_, message, bytes, &batch_);
  }
}

void Change::finish() {
  erase_released();
  // Whether others refer to it is read from the store, when all before is there.
  for (const MessageId message : garbage_) {
    batch_.put(Family::kMessages, keys::garbage(account_->id_, message), {});
  }
  for (const auto& [id, record] : records_) {
    batch_.put(Family::kMeta, keys::mailbox(account_->id_, id), encode_mailbox_record(*record));
  }
  for (std::size_t& number = account_->stored_keywords_; number < account_->keywords_.size();
       ++number) {
    const auto stored = static_cast<std::uint16_t>(number);
    batch_.put(Family::kMeta, keys::keyword(account_->id_, stored),
               account_->keywords_.name_of(stored));
  }
  if (account_->record_dirty_) {
    batch_.put(Family::kMeta, keys::account(account_->options_.name),
               encode_account_record(account_->record_));
    account_->record_dirty_ = false;
  }
  keep_apart();
}

}  // namespace cache
