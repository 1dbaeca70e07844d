// Change: one change of an account while it is made: what goes to the store, and who is told.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cache/account.h"

namespace cache {

/// Made, filled and submitted in one turn of the loop: between its making and submit() there is no
/// co_await. Once memory was touched it must be submitted.
///
/// Lifetime: the account outlives it.
class Change {
 public:
  explicit Change(Account* account) : account_(account) {}
  Change(Change&&) = default;
  Change& operator=(Change&&) = delete;

  Account& account() const { return *account_; }
  Batch& batch() { return batch_; }
  /// This change's MODSEQ: one for all that it touches, above all before it (RFC 7162 3.1).
  std::uint64_t modseq();
  /// Only content that can be fetched again: no fsync is waited for.
  void ordered() { durability_ = Durability::kOrdered; }
  /// The session with this view tells its own client of the flags that this change sets.
  void quiet(std::uint64_t view_serial) { quiet_view_ = view_serial; }

  /// What a mailbox's views are told when the change is durable.
  struct Told {
    MailboxRef box;
    bool added = false;
    bool gone = false;
    imap::Uid uid_next;
    std::vector<imap::Uid> expunged;  // ascending
    imap::SequenceSet flags;
  };
  Told& told(const MailboxRef& box);
  /// `record` is stored at the end, once.
  void put_record(MailboxRecord* record);
  void forget_record(MailboxId id) { records_.erase(id); }
  void touch_mailboxes() { mailboxes_changed_ = true; }

  JournalSeq add_entry(JournalOp op);
  void remove_entry(JournalSeq seq);
  /// Stores an entry again after `edit` has changed it.
  template <class Edit>
  void edit_entry(JournalSeq seq, Edit edit) {
    JournalEntry& entry = account_->journal_.at(seq);
    account_->journal_index_.remove(entry);
    edit(&entry);
    account_->journal_index_.add(entry);
    put_entry(entry);
  }

  /// A message is added to a mailbox that is here alone.
  void keep_body(const MessageEntry& entry) { here_alone_.emplace_back(entry.message, entry.size); }

  /// A row goes. Its content goes with it, or when it is shared, once it is certain that no other
  /// row refers to it.
  void release(const MessageEntry& row);

  bool empty() const { return batch_.empty() && records_.empty() && released_.empty(); }

 private:
  friend class Account;
  void put_entry(const JournalEntry& entry);
  void erase_released();
  void keep_apart();
  // Adds what is stored once at the end.
  void finish();

  Account* account_;
  Batch batch_;
  Durability durability_ = Durability::kSynced;
  std::uint64_t modseq_ = 0;
  std::uint64_t quiet_view_ = 0;
  std::map<MailboxId, MailboxRecord*> records_;
  std::map<MailboxId, Told> told_;
  std::vector<std::pair<MessageId, bool>> released_;  // with whether its body is here
  std::vector<MessageId> garbage_;
  std::vector<JournalSeq> added_;
  std::vector<std::pair<MessageId, std::uint64_t>> here_alone_;  // with their bytes
  bool mailboxes_changed_ = false;
  bool journal_changed_ = false;
  bool touches_account_ = false;
};

}  // namespace cache
