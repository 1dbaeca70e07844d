// JournalIndex: which entries of the journal concern a mailbox or a message.
#pragma once

#include <optional>
#include <set>
#include <unordered_map>

#include "cache/flag_change.h"
#include "cache/ids.h"
#include "cache/journal.h"

namespace cache {

/// Kept in step with an account's journal: add() and remove() with every entry.
///
/// Thread: the account's loop.
class JournalIndex {
 public:
  using Seqs = std::set<JournalSeq>;

  void add(const JournalEntry& entry);
  /// REQUIRES: `entry` as it was when it was added.
  void remove(const JournalEntry& entry);
  void clear() { mailboxes_.clear(); }

  /// Entries that change `mailbox` or copy from it.
  const Seqs& concerning(MailboxId mailbox) const { return of(mailbox).all; }
  /// JournalFlags of `mailbox`.
  const Seqs& flags(MailboxId mailbox) const { return of(mailbox).flags; }
  /// JournalCopy with messages of `mailbox` as their source.
  const Seqs& copies_from(MailboxId mailbox) const { return of(mailbox).copies_from; }
  const Seqs& expunges(MailboxId mailbox) const { return of(mailbox).expunges; }
  /// JournalAppend and JournalCopy into `mailbox`.
  const Seqs& creators(MailboxId mailbox) const { return of(mailbox).creators; }
  /// The entry that brings `uid` into `mailbox` upstream, if that is still to come.
  std::optional<JournalSeq> creator(MailboxId mailbox, imap::Uid uid) const;

  /// What waits for the flags of `mailbox`. Good until the journal changes.
  const PendingFlags& pending_flags(MailboxId mailbox,
                                    const std::map<JournalSeq, JournalEntry>& journal,
                                    KeywordTable* keywords);

 private:
  struct OfMailbox {
    Seqs all;
    Seqs flags;
    Seqs copies_from;
    Seqs expunges;
    Seqs creators;
    std::unordered_map<imap::Uid, JournalSeq> created;
    std::optional<PendingFlags> pending;  // made when it is asked for
  };
  const OfMailbox& of(MailboxId mailbox) const;

  std::unordered_map<MailboxId, OfMailbox> mailboxes_;
};

}  // namespace cache
