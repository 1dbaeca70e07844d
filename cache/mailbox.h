// Mailbox: one mailbox in memory, shared by all sessions that have it selected and by the sync.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/event.h"
#include "cache/ids.h"
#include "cache/message_entry.h"
#include "protocol/imap/ids.h"
#include "protocol/imap/sequence_set.h"

namespace cache {

/// What a mailbox is used for and how it may be used, as bits of MailboxRecord::attributes.
// DO NOT CHANGE: stored.
enum MailboxAttribute : std::uint32_t {
  kNoSelect = 1,  // a name in the hierarchy only
  kNoInferiors = 2,
  kNonExistent = 4,
  kSubscribed = 8,
  kLocalOnly = 16,  // kept here alone ("Recovered"): never synced, what is done in it not journaled
  kDeletedHere = 32,  // deleted by a client, upstream does not know yet: no client sees it
  kSpecialAll = 0x100,
  kSpecialArchive = 0x200,
  kSpecialDrafts = 0x400,
  kSpecialFlagged = 0x800,
  kSpecialJunk = 0x1000,
  kSpecialSent = 0x2000,
  kSpecialTrash = 0x4000,
  kSpecialImportant = 0x8000,
};

/// Where the sync of a mailbox stands: what upstream had when it was last known good.
struct UpstreamState {
  std::string name;    // raw, as upstream spells it; empty: not there (yet)
  char delimiter = 0;  // 0: flat
  imap::UidValidity uid_validity;
  std::uint32_t uid_next = 0;        // 0: unknown
  std::uint64_t highest_modseq = 0;  // 0: unknown, or the server has none
  std::uint32_t messages = 0;
  std::string mailbox_id;        // RFC 8474, or empty
  bool uids_known = false;       // every UID below uid_next was seen once: selectable
  bool flags_known = false;      // and flags, date and size of each
  bool accepts_keywords = true;  // PERMANENTFLAGS had \*
  std::vector<std::string> permanent_keywords;
  std::int64_t last_good_check = 0;  // seconds since 1970; 0: never
};

/// `last_good_check` of a mailbox that was renamed upstream by us: not since then.
inline constexpr std::int64_t kNotSinceRename = -1;

/// The stored record of a mailbox, always in memory for every mailbox of an open account.
struct MailboxRecord {
  MailboxId id;
  std::string name;  // UTF-8, "/"
  std::uint32_t attributes = 0;
  imap::UidValidity uid_validity;
  imap::Uid uid_next{1};
  std::uint64_t highest_modseq = 1;
  std::uint64_t changes_floor =
      1;                     // changes up to here were pruned: QRESYNC from before is partial
  imap::Uid recent_from{1};  // RFC 3501 2.3.2: \Recent for the next session that selects
  // What STATUS answers, kept with every change.
  std::uint32_t messages = 0;
  std::uint32_t recent = 0;  // messages from recent_from on
  std::uint32_t unseen = 0;
  std::uint32_t deleted = 0;
  std::uint64_t size = 0;
  std::uint32_t summaries = 0;
  std::uint32_t bodies = 0;
  UpstreamState upstream;
};

class MailboxView;

/// The messages of an open mailbox, ascending by UID, without the hidden ones.
///
/// What is here may be a moment ahead of what is durable. Views never are; who tells a client of
/// anything that it reads here (flags, MODSEQ, UIDNEXT, counts) awaits Account::settled() first.
///
/// Thread:   the account's loop.
/// Lifetime: held by MailboxRef; memory goes some time after the last one.
class Mailbox {
 public:
  Mailbox(Executor* executor, std::shared_ptr<MailboxRecord> record);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  const MailboxRecord& record() const { return *record_; }
  MailboxId id() const { return record_->id; }
  std::span<const MessageEntry> messages() const { return messages_; }
  std::span<const MessageEntry> hidden() const { return hidden_; }

  /// Index into messages() of `uid`, or of the first one after it.
  std::size_t lower_bound(imap::Uid uid) const;
  const MessageEntry* find(imap::Uid uid) const;
  /// Also finds hidden ones: what upstream calls `upstream_uid` is known under which entry.
  const MessageEntry* find_upstream(imap::Uid upstream_uid) const;
  /// Also finds hidden ones.
  const MessageEntry* find_any(imap::Uid uid) const;
  /// Messages, hidden ones too, by upstream UID: (upstream's, ours), ascending.
  std::span<const std::pair<imap::Uid, imap::Uid>> by_upstream() const { return by_upstream_; }

 private:
  friend class Account;  // every change goes through Account's commits
  friend class Edit;
  friend class MailboxView;

  MessageEntry* row(imap::Uid uid);  // as find_any()
  /// Takes stored rows in: at opening, and again when a commit has failed.
  void load(std::vector<MessageEntry> messages, std::vector<MessageEntry> hidden);
  void bind(imap::Uid upstream_uid, imap::Uid uid);
  void unbind(imap::Uid upstream_uid);

  Executor* executor_;
  std::shared_ptr<MailboxRecord> record_;
  std::vector<MessageEntry> messages_;
  std::vector<MessageEntry> hidden_;
  // (upstream UID, our UID), ascending: they are in the same order but for what was moved in here.
  std::vector<std::pair<imap::Uid, imap::Uid>> by_upstream_;
  // Removed from messages_ by commits that are under way: views count them until it is certain.
  std::vector<imap::Uid> expunging_;  // ascending
  imap::Uid durable_below_{1};        // messages from here on are not durable yet
  std::set<MailboxView*> views_;
  std::uint64_t next_view_ = 1;
};

/// What changed since a session last looked; RFC 3501 5.2, 7.4.1 say when it may be told.
struct ViewChanges {
  std::vector<imap::SequenceNumber> expunged;  // in the order in which to send them
  imap::SequenceSet vanished;                  // the same as UIDs, for QRESYNC
  std::optional<std::uint32_t> exists;         // when messages were added
  std::uint32_t recent = 0;
  imap::SequenceSet flags;  // UIDs whose flags or MODSEQ changed
  bool gone = false;        // the mailbox was deleted: the session must end it
};

/// One session's view of a mailbox: which sequence number is which message, and what it was not
/// told yet. Costs next to nothing while nothing happens: the array is the mailbox's.
///
/// Thread:   the account's loop.
/// Lifetime: `mailbox` outlives it: keep the MailboxRef beside it.
class MailboxView {
 public:
  /// Sees the mailbox as it is now, as far as it is durable. `claim_recent`: SELECT; EXAMINE leaves
  /// \Recent to others.
  MailboxView(Mailbox* mailbox, bool claim_recent);
  ~MailboxView();
  MailboxView(const MailboxView&) = delete;
  MailboxView& operator=(const MailboxView&) = delete;

  const Mailbox& mailbox() const { return *mailbox_; }
  /// Set while there is something to tell.
  Event& changed() { return changed_; }

  /// Messages that this session was told of.
  std::uint32_t exists() const;
  /// The number of `uid`, or none when the session does not know it.
  std::optional<imap::SequenceNumber> sequence_of(imap::Uid uid) const;
  /// The UID under a number, or none past the end. The message itself may be expunged already.
  std::optional<imap::Uid> uid_of(imap::SequenceNumber number) const;
  /// The largest UID that this session knows (what `*` stands for); none when empty.
  std::optional<imap::Uid> last_uid() const;
  /// Our UIDs that a set of numbers or UIDs names, only known and existing ones. `*` as in RFC
  /// 3501 9.
  imap::SequenceSet uids_of_numbers(const imap::SequenceSet& numbers) const;
  imap::SequenceSet uids_of_uids(const imap::SequenceSet& uids) const;
  /// Whether a message that the session still counts is gone (RFC 5530 EXPUNGEISSUED).
  bool has_unreported_expunges() const { return !expunged_.empty(); }
  bool is_recent(imap::Uid uid) const { return uid >= recent_from_; }
  /// UIDs from here on are \Recent in this view.
  imap::Uid recent_from() const { return recent_from_; }
  std::uint32_t recent() const;

  /// Takes what there is to tell. Without `may_expunge` the expunged ones wait (RFC 3501 7.4.1),
  /// and so do new messages behind them only in their numbers.
  ViewChanges take_changes(bool may_expunge);

  /// The session changed these itself and will tell (or, .SILENT, not tell) on its own.
  void forget_flag_changes(const imap::SequenceSet& uids);

 private:
  friend class Account;
  friend class Edit;
  // The mailbox has just lost these, their commit is under way.
  void on_expunging(std::span<const imap::Uid> uids);
  // The commit that made it true is durable.
  void on_added();
  void on_expunged();
  void on_flags(const imap::SequenceSet& uids);
  void on_gone();
  // The mailbox was read anew after a failed commit, `changed` may look different.
  void on_reloaded(const imap::SequenceSet& changed);

  void claim();
  std::size_t known_messages() const;  // of those in the array
  void learn();                        // of what was added meanwhile
  void note();

  std::shared_ptr<MailboxRecord> record_;
  Mailbox* mailbox_;
  std::uint64_t serial_;  // of this view among its mailbox's
  Event changed_;
  imap::Uid known_below_;            // the session knows UIDs below this
  std::vector<imap::Uid> expunged_;  // gone from the array, still counted here; ascending
  imap::SequenceSet flags_;
  imap::Uid recent_from_;
  bool claims_recent_;
  bool gone_ = false;
};

}  // namespace cache
