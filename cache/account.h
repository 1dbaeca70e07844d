// Account: one account's mailboxes, messages and journal, on one loop.
//
// A change is made in three steps, always in this order: memory is changed and the batch built in
// one turn of the loop; the batch is committed (in that same order, grouped with others, one
// fsync); when it is durable, views are told and the caller answers. When a commit fails (disk
// full), memory is read anew from the store, and whoever was in between gets the error.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/event.h"
#include "base/log.h"
#include "base/result.h"
#include "base/task.h"
#include "cache/content.h"
#include "cache/ids.h"
#include "cache/journal.h"
#include "cache/keywords.h"
#include "cache/mailbox.h"
#include "cache/remote.h"
#include "cache/store.h"
#include "protocol/imap/flags.h"
#include "protocol/imap/sequence_set.h"

namespace cache {

using MailboxRef = std::shared_ptr<Mailbox>;

struct AccountOptions {
  std::string name;
  bool local = false;                   // no upstream: nothing is journaled
  std::uint64_t cache_limit_bytes = 0;  // bodies; 0: no limit
};

// ---- Answers to clients' writes ----
struct StoreResult {
  imap::SequenceSet changed;   // existed and now have the wanted flags
  imap::SequenceSet modified;  // failed UNCHANGEDSINCE (RFC 7162 3.1.3)
};
struct AppendResult {
  imap::UidValidity uid_validity;
  imap::Uid uid;
};
struct CopyResult {
  imap::UidValidity uid_validity;                     // of the destination
  std::vector<std::pair<imap::Uid, imap::Uid>> uids;  // source, destination; ascending
};

// ---- What the sync reports ----
struct UpstreamMailbox {
  std::string name;           // ours: UTF-8, "/"; INBOX in capitals
  std::string upstream_name;  // raw
  char delimiter = 0;
  std::uint32_t attributes = 0;
  std::string mailbox_id;
};
struct UpstreamFlags {
  imap::FlagList list;
};
struct UpstreamMessage {
  imap::Uid uid;  // upstream's
  std::optional<imap::FlagList> flags;
  std::optional<std::int64_t> internal_date;
  std::int16_t date_zone = 0;
  std::optional<std::uint64_t> size;
  std::string email_id;  // EMAILID or X-GM-MSGID: the same one is the same content; or empty
};
/// How an entry of the journal ended upstream.
struct ReplayedUids {
  imap::UidValidity uid_validity;                     // upstream's, of the destination
  std::vector<std::pair<imap::Uid, imap::Uid>> uids;  // our UID in the destination, upstream's
};

/// Thread:   the loop it was opened on; see the awaited steps above. Any two calls may overlap.
/// Lifetime: outlives its sessions and its worker; close() first.
/// Errors:   of every write: kLimit (disk full), kIo, kStale (another write's commit failed, memory
///           was read anew: try again), kNotFound, kAlreadyExists, kInvalid, kPermission.
class Account {
 public:
  /// Opens or creates it. `store` and `executor` outlive it.
  static Task<Result<std::unique_ptr<Account>>> open(Store* store, Executor* executor,
                                                     AccountOptions options);
  ~Account();
  /// Waits for the commits under way.
  Task<void> close();

  const std::string& name() const { return options_.name; }
  bool is_local() const { return options_.local; }
  AccountId id() const { return id_; }
  Executor* executor() const { return executor_; }
  Store* store() const { return store_; }
  const Log& log() const { return log_; }
  Remote& remote() const { return *remote_; }
  /// A local account keeps the one it has from the start, which answers everything at once.
  void attach(Remote* remote) { remote_ = remote; }
  KeywordTable& keywords() { return keywords_; }
  MessageReader reader() const { return MessageReader(store_, id_); }

  // ---- Mailboxes ----
  /// By name, in byte order. Records stay where they are until the mailbox is removed.
  const std::map<std::string, MailboxRecord*, std::less<>>& mailboxes() const { return by_name_; }
  const MailboxRecord* find_mailbox(std::string_view name) const;
  const MailboxRecord* find_mailbox(MailboxId id) const;
  /// Subscribed names, also those without a mailbox (RFC 3501 6.3.6).
  const std::map<std::string, bool, std::less<>>& subscriptions() const { return subscriptions_; }
  /// Set when a mailbox was added, removed, renamed or its counts changed.
  Event& mailboxes_changed() { return mailboxes_changed_; }
  /// Reads it into memory, or shares what is there.
  Task<Result<MailboxRef>> open_mailbox(MailboxId id);
  /// Waits until what memory shows of the account is durable: before a count or UIDNEXT is told.
  Task<Result<>> settled();

  // ---- Clients' writes (local_writes.cc): each one commit, with its journal entries ----
  Task<Result<StoreResult>> store_flags(MailboxId mailbox, imap::SequenceSet uids, FlagDelta delta,
                                        std::optional<std::uint64_t> unchanged_since,
                                        MailboxView* by);
  /// `replace`: STORE FLAGS; becomes additions and removals per message.
  Task<Result<StoreResult>> replace_flags(MailboxId mailbox, imap::SequenceSet uids,
                                          imap::FlagList flags,
                                          std::optional<std::uint64_t> unchanged_since,
                                          MailboxView* by);
  /// Begins a message: give its bytes to the writer, then append(). Dropped writers clean up.
  std::unique_ptr<ContentWriter> begin_message();
  Task<Result<AppendResult>> append(MailboxId mailbox, std::unique_ptr<ContentWriter> content,
                                    imap::FlagList flags, std::optional<std::int64_t> internal_date,
                                    std::int16_t date_zone);
  Task<Result<CopyResult>> copy(MailboxId from, imap::SequenceSet uids, MailboxId to);
  Task<Result<CopyResult>> move(MailboxId from, imap::SequenceSet uids, MailboxId to);
  /// Removes those of `uids` (none: all) that are \Deleted; with `whatever_flags` all of `uids`.
  /// Returns what was removed.
  Task<Result<imap::SequenceSet>> expunge(MailboxId mailbox, std::optional<imap::SequenceSet> uids);
  Task<Result<MailboxId>> create_mailbox(std::string name, std::uint32_t special_use);
  Task<Result<>> delete_mailbox(std::string name);
  Task<Result<>> rename_mailbox(std::string from, std::string to);
  Task<Result<>> subscribe(std::string name, bool subscribed);

  // ---- Reports of the sync (sync_writes.cc): each one commit ----
  /// Makes the folder list equal to upstream's but for what the journal still has to do. Those gone
  /// upstream are removed here, local-only messages in them go to "Recovered": brakes come before.
  Task<Result<>> set_upstream_mailboxes(std::vector<UpstreamMailbox> list);
  Task<Result<>> set_upstream_subscriptions(std::vector<std::string> names);
  Task<Result<>> set_upstream_state(MailboxId mailbox, UpstreamState state);
  /// Adds those not known yet, with UIDs of ours in the order given (ascending upstream UID), and
  /// updates those known. Pending changes of flags stay on top of what upstream reports.
  /// REQUIRES: no creating journal entry of `mailbox` is in flight, unless all UIDs are below its
  /// uid_next or were told apart by replayed().
  Task<Result<>> merge_upstream(MailboxId mailbox, std::vector<UpstreamMessage> messages);
  /// Removes what upstream no longer has.
  Task<Result<>> vanish_upstream(MailboxId mailbox, imap::SequenceSet upstream_uids);
  /// Upstream renumbered: pairs of (our UID, its new upstream UID); all others lose their binding
  /// (0) until merge_upstream or vanish_unbound says more.
  Task<Result<>> rebind_upstream(MailboxId mailbox, imap::UidValidity validity,
                                 std::vector<std::pair<imap::Uid, imap::Uid>> uids);
  /// Provisional summaries in upstream's words.
  Task<Result<>> put_summaries(MailboxId mailbox,
                               std::vector<std::pair<imap::Uid, Summary>> summaries);
  /// Begins the body of a known message (our UID). Its bytes go to the writer, then put_content().
  Result<std::unique_ptr<ContentWriter>> begin_body(MailboxId mailbox, imap::Uid uid);
  Task<Result<>> put_contents(
      MailboxId mailbox, std::vector<std::pair<imap::Uid, std::unique_ptr<ContentWriter>>> bodies);
  /// Drops least recently used bodies that upstream has, until the limit is kept.
  Task<Result<>> evict();

  // ---- Journal ----
  const std::map<JournalSeq, JournalEntry>& journal() const { return journal_; }
  /// Notified when an entry was added, ended or changed.
  Event& journal_changed() { return journal_changed_; }
  /// Whether a creating entry (APPEND, COPY, MOVE) into `mailbox` is in flight.
  bool creation_in_flight(MailboxId mailbox) const;
  Task<Result<>> mark_in_flight(std::vector<JournalSeq> entries, InFlight note);
  /// They happened. Upstream's flags, bindings and hidden rows follow. `created`: of creating ones.
  Task<Result<>> replayed(std::vector<JournalSeq> entries, std::optional<ReplayedUids> created);
  /// They did not, for now.
  Task<Result<>> retry_later(std::vector<JournalSeq> entries, std::string answer,
                             std::int64_t next_try);
  /// They never will: the local view keeps what the user did, "Recovered" what it would lose.
  Task<Result<>> park(std::vector<JournalSeq> entries, std::string answer);
  /// The operator's `queue retry` and `queue drop`.
  Task<Result<>> unpark(std::vector<JournalSeq> entries);
  Task<Result<>> drop(std::vector<JournalSeq> entries);

 private:
  struct State;
  // The implementer of this room decides what is here.
};

}  // namespace cache
