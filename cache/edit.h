// Edit: changes of one mailbox's messages, in memory and in a Change's batch alike.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "cache/change.h"

namespace cache {

/// Keeps what belongs together together: array, bindings, counts, rows, references, views.
///
/// Thread:   the account's loop, in one turn with its Change.
class Edit {
 public:
  Edit(Change* change, MailboxRef box) : change_(change), box_(std::move(box)) {}

  Mailbox& box() const { return *box_; }

  /// Adds a message at the end with the next UID. The entry's UID and MODSEQ are set here.
  imap::Uid add(MessageEntry entry);

  /// Lets `change` change an entry, and stores it. A client that sees another flag, or that is to
  /// be told for another reason (`tell`), gets a new MODSEQ with it.
  template <class F>
  void update(MessageEntry* entry, F change, bool tell = false) {
    const MessageEntry before = *entry;
    change(entry);
    updated(before, entry, tell);
  }
  void bind(MessageEntry* entry, imap::Uid upstream_uid);

  /// Takes messages out of the array for good, in one pass: clients see them vanish. What is to
  /// become of their rows the caller says with hide() or erase().
  std::vector<MessageEntry> cut(const imap::SequenceSet& uids);
  /// The same for hidden ones; nobody sees that.
  std::vector<MessageEntry> cut_hidden(const imap::SequenceSet& uids);
  /// Keeps rows that upstream, or the journal, still needs.
  void hide(std::vector<MessageEntry> entries);
  /// Removes rows, and their content when no other row refers to it.
  void erase(std::span<const MessageEntry> entries);
  /// Gives a message that left the array (it may be a row already) a new place at the end.
  imap::Uid bring_back(const MessageEntry& hidden);

  MessageEntry* find(imap::Uid uid);
  /// Index into Mailbox::messages().
  MessageEntry* at(std::size_t index) { return &box_->messages_[index]; }
  MessageEntry* find_any(imap::Uid uid) { return box_->row(uid); }

 private:
  void updated(const MessageEntry& before, MessageEntry* entry, bool tell);
  void put_row(const MessageEntry& entry);
  void count(const MessageEntry& entry, int sign);
  void see();  // clients see something: MODSEQ rises

  Change* change_;
  MailboxRef box_;
};

}  // namespace cache
