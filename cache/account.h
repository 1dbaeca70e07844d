// Account: one account's mailboxes, messages and journal, on one loop.
//
// A change is made in three steps, always in this order: memory is changed and the batch built in
// one turn of the loop; the batch is committed (in that same order, grouped with others, one
// fsync); when it is durable, views are told and the caller answers. When a commit fails (disk
// full), memory is read anew from the store, and whoever was in between gets the error.
#pragma once

#include <coroutine>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
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
#include "base/task_group.h"
#include "cache/content.h"
#include "cache/ids.h"
#include "cache/journal.h"
#include "cache/journal_index.h"
#include "cache/keywords.h"
#include "cache/mailbox.h"
#include "cache/records.h"
#include "cache/remote.h"
#include "cache/store.h"
#include "protocol/imap/flags.h"
#include "protocol/imap/sequence_set.h"

namespace cache {

class Change;
class LocalRemote;
struct LoadedRows;

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
  std::string mailbox_id;  // RFC 8474, or empty
  // As of LIST-STATUS, 0 for unknown: by these a mailbox is known again that was renamed upstream.
  imap::UidValidity uid_validity;
  std::uint32_t uid_next = 0;
  std::uint32_t messages = 0;
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
  /// Whether upstream's folder list was seen once; always for a local account.
  bool is_listed() const { return options_.local || record_.listed; }
  MessageReader reader() const { return MessageReader(store_, id_); }

  // ---- Mailboxes ----
  /// By name, in byte order. Records stay where they are until the mailbox is removed.
  const std::map<std::string, MailboxRecord*, std::less<>>& mailboxes() const { return by_name_; }
  const MailboxRecord* find_mailbox(std::string_view name) const;
  const MailboxRecord* find_mailbox(MailboxId id) const;
  /// Subscribed names, also those without a mailbox (RFC 3501 6.3.6).
  const std::map<std::string, bool, std::less<>>& subscriptions() const { return subscriptions_; }
  /// Notified when a mailbox was added, removed, renamed or its counts changed.
  Event& mailboxes_changed() { return mailboxes_changed_; }
  /// Reads it into memory, or shares what is there.
  Task<Result<MailboxRef>> open_mailbox(MailboxId id);
  /// Waits until what memory shows of the account is durable: before a count, UIDNEXT, MODSEQ or
  /// flags are told. Costs nothing while no commit is under way. What it waited for may have been
  /// taken back (disk full): memory then shows what is durable all the same.
  Task<Result<>> settled();
  bool is_settled() const { return outstanding_ == 0 && !recovering_; }
  /// UIDs that left `mailbox` after `modseq`, for QRESYNC (RFC 7162 3.2.6). Exact unless so old
  /// that it was pruned: then all UIDs below UIDNEXT that do not exist.
  Task<Result<imap::SequenceSet>> vanished_since(MailboxId mailbox, std::uint64_t modseq);

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
  /// REQUIRES: content->finish().
  Task<Result<AppendResult>> append(MailboxId mailbox, std::unique_ptr<ContentWriter> content,
                                    imap::FlagList flags, std::optional<std::int64_t> internal_date,
                                    std::int16_t date_zone);
  Task<Result<CopyResult>> copy(MailboxId from, imap::SequenceSet uids, MailboxId to);
  Task<Result<CopyResult>> move(MailboxId from, imap::SequenceSet uids, MailboxId to);
  /// Removes those of `uids` (none: all) that are \Deleted; with `whatever_flags` all of `uids`.
  /// Returns what was removed.
  Task<Result<imap::SequenceSet>> expunge(MailboxId mailbox, std::optional<imap::SequenceSet> uids,
                                          bool whatever_flags = false);
  Task<Result<MailboxId>> create_mailbox(std::string name, std::uint32_t special_use);
  Task<Result<>> delete_mailbox(std::string name);
  Task<Result<>> rename_mailbox(std::string from, std::string to);
  Task<Result<>> subscribe(std::string name, bool subscribed);
  /// A client read its body: evict() takes those first that nobody did for long.
  void touched(MessageId message);

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
  /// Flags that were told on another connection than the one that brings writes, which may be older
  /// than what that one was told. Merged are those that change nothing that clients see; returns
  /// whether that were all. The others, unknown messages, and all of another UIDVALIDITY, are for
  /// the next sync.
  Task<Result<bool>> confirm_flags(MailboxId mailbox, imap::UidValidity validity,
                                   std::vector<UpstreamMessage> messages);
  /// Removes what upstream no longer has.
  Task<Result<>> vanish_upstream(MailboxId mailbox, imap::SequenceSet upstream_uids);
  /// Upstream renumbered: pairs of (our UID, its new upstream UID). What is not among them was not
  /// found again and goes, but for what the journal has still to bring there. One commit: a cut in
  /// between would leave messages here that no later sync looks at.
  Task<Result<>> rebind_upstream(MailboxId mailbox, imap::UidValidity validity,
                                 std::vector<std::pair<imap::Uid, imap::Uid>> uids);
  /// Provisional summaries in upstream's words. Those whose body is here are left alone.
  Task<Result<>> put_summaries(MailboxId mailbox,
                               std::vector<std::pair<imap::Uid, Summary>> summaries);
  /// Begins the body of a known message (our UID). Its bytes go to the writer, then put_contents().
  /// Errors: kNotFound; kAlreadyExists: it is here, or another writer is at work on the same
  ///         content (which copies share): discard the bytes.
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
  /// They happened. Upstream's flags, bindings and hidden rows follow. `created`: of creating ones;
  /// a copy that it does not name is uploaded if its uid_validity is set; else it may be there.
  Task<Result<>> replayed(std::vector<JournalSeq> entries, std::optional<ReplayedUids> created);
  /// They did not, for now.
  Task<Result<>> retry_later(std::vector<JournalSeq> entries, std::string answer,
                             std::int64_t next_try);
  /// They never will: the local view keeps what the user did, "Recovered" what it would lose.
  /// `may_have_happened`: what is in flight stays noted, so that it is looked for at a retry.
  Task<Result<>> park(std::vector<JournalSeq> entries, std::string answer,
                      bool may_have_happened = false);
  /// The operator's `queue retry` and `queue drop`.
  Task<Result<>> unpark(std::vector<JournalSeq> entries);
  Task<Result<>> drop(std::vector<JournalSeq> entries);

 private:
  friend class Change;
  friend class Edit;

  struct Folder {
    std::shared_ptr<MailboxRecord> record;
    MailboxRef box;  // while it is in memory
    bool loading = false;
    std::uint64_t used = 0;         // for the least recently used
    imap::Uid uid_floor{1};         // UIDs below were given out, though perhaps never stored
    std::uint64_t change_rows = 0;  // rows in the changes family, known while in memory
    bool pruning = false;
  };
  struct Commit;
  struct Loaded;
  using Folders = std::map<MailboxId, Folder>;

  Account(Store* store, Executor* executor, AccountOptions options);

  // account_open.cc
  Task<Result<>> load();
  static Result<Loaded> read_account(Store* store, std::string name, std::vector<MailboxId> boxes,
                                     KeywordTable keywords);
  void adopt(Loaded loaded);
  void adopt_rows(Folder* folder, LoadedRows loaded, const KeywordTable& theirs);
  void trim_memory();

  // account.cc: the three steps
  /// Waits for a recovery under way: every change begins with it, after its last wait.
  Task<Result<>> ready();
  /// ready(), and these mailboxes are in memory, with all that hold copies of their messages which
  /// the journal has still to make: they change when a source goes. In the order of `mailboxes`.
  Task<Result<std::vector<MailboxRef>>> writable(std::vector<MailboxId> mailboxes);
  Task<Result<MailboxRef>> writable(MailboxId mailbox);
  Task<Result<>> submit(Change change);
  void on_committed(Commit* commit, Result<> result);
  void publish(Commit* commit);
  Task<void> recover();
  void collect_garbage_soon();
  Task<void> collect_garbage();

  Folder* folder(MailboxId id);
  Folder* folder(std::string_view name);
  bool journals(const MailboxRecord& record) const;
  static Result<> may_hold_messages(const MailboxRecord& record);
  MessageId next_message_id();
  imap::UidValidity next_uid_validity();
  MailboxId add_folder(Change* change, std::string name, std::uint32_t attributes);
  void rename_folder(Change* change, MailboxRecord* record, const std::string& name);
  void erase_folder(Change* change, MailboxId id);
  std::string free_name(std::string_view base) const;

  // local_folders.cc
  MailboxId create_in(Change* change, const std::string& name, std::uint32_t special_use);
  Result<> may_create(const std::string& name) const;
  bool drop_unsent_create(Change* change, MailboxId mailbox);
  void delete_in(Change* change, const MailboxRef& box, bool has_children);
  void close_name(Change* change, MailboxRecord* record, bool has_children, bool upstream_has_it);
  void rename_in(Change* change, MailboxRecord* record, const std::string& to);
  bool may_be_upstream(const MailboxRecord& record) const;
  bool is_older_than_a_free_name(MailboxId mailbox) const;
  Task<Result<>> rename_inbox(MailboxId inbox, std::string to);
  void set_subscription(Change* change, const std::string& name, bool subscribed);
  void journal_subscription(Change* change, const std::string& name, bool subscribed);

  // sync_folders.cc
  struct FolderPlan;
  FolderPlan plan_folders(const std::vector<UpstreamMailbox>& list) const;
  void apply_folders(Change* change, const std::vector<UpstreamMailbox>& list,
                     const FolderPlan& plan);
  std::set<MailboxId> renamed_here() const;
  bool is_being_created(MailboxId mailbox) const;
  std::uint32_t messages_under_way(MailboxId mailbox) const;

  // recovered.cc
  MailboxRef recovered(Change* change);
  void rescue(Change* change, std::span<const MessageEntry> entries, std::string_view why);
  void retire_in(Change* change, const MailboxRef& box);
  std::vector<MailboxId> related_to(MailboxId mailbox) const;
  void bring_back_in(Change* change, MailboxId mailbox, const imap::SequenceSet& uids);

  // evict.cc
  struct Evictable;
  Task<void> store_touched();
  struct Bodies;
  static Result<Bodies> find_bodies(Store* store, AccountId account, std::uint64_t limit,
                                    std::set<MessageId> just_used);
  Task<Result<std::uint64_t>> evict_some(std::vector<Evictable> bodies);

  // journal_writes.cc
  Task<Result<std::vector<JournalSeq>>> entries_ready(std::vector<JournalSeq> entries);
  void replayed_in(Change* change, JournalSeq seq, const ReplayedUids* created);
  void bind_created(Change* change, MailboxId mailbox, imap::Uid uid, const ReplayedUids* created);
  void erase_unmade(Change* change, const JournalCopy& copy);
  void erase_hidden(Change* change, MailboxId mailbox, const imap::SequenceSet& uids);
  void drop_in(Change* change, JournalSeq seq);
  void give_up(Change* change, JournalSeq seq);
  void settle_sources(Change* change, JournalSeq seq);
  void end_flags(Change* change, std::span<const JournalSeq> entries, bool happened);

  // changes.cc
  void prune_changes_soon(MailboxId mailbox);
  Task<void> prune_changes(MailboxId mailbox);

  // sync_messages.cc, sync_content.cc
  struct EmailIds;
  Task<Result<EmailIds>> look_up(std::vector<std::string> email_ids);
  void merge_one(Change* change, const MailboxRef& box, const UpstreamMessage& message,
                 EmailIds* ids);
  bool accepts(const MailboxRecord& record, std::uint16_t keyword) const;
  KeywordSet accepted(const MailboxRecord& record, KeywordSet wanted, KeywordSet had);
  void note_email_id(Change* change, const MailboxRef& box, imap::Uid uid,
                     const std::string& email_id, EmailIds* ids);
  Flags visible_of(const MailboxRecord& record, const MessageEntry& before, Flags upstream);
  void send_local_keywords(Change* change, const MailboxRef& box, const UpstreamState& before);
  void vanish_in(Change* change, const MailboxRef& box, const imap::SequenceSet& uids);
  imap::SequenceSet unbound(const Mailbox& box) const;
  struct Reference {
    MessageId message;
    MailboxId mailbox;
    imap::Uid uid;
  };
  Task<Result<std::vector<Reference>>> references(std::vector<MessageId> messages);
  Task<Result<std::vector<Reference>>> references_in_memory(std::vector<MessageId> shared,
                                                            std::vector<MailboxId> mailboxes);
  void mark(Change* change, const Reference& row, std::uint8_t add, std::uint8_t remove,
            std::optional<std::uint64_t> size);

  // local_append.cc
  std::unique_ptr<ContentWriter> make_writer(MessageId message);
  void end_writer(MessageId message);

  // local_flags.cc
  StoreResult store_flags_in(Change* change, const MailboxRef& box, const imap::SequenceSet& uids,
                             const FlagDelta* delta, const imap::FlagList* replacement,
                             std::optional<std::uint64_t> unchanged_since);
  Task<Result<StoreResult>> store_flags_impl(MailboxId mailbox, imap::SequenceSet uids,
                                             std::optional<FlagDelta> delta,
                                             std::optional<imap::FlagList> replacement,
                                             std::optional<std::uint64_t> unchanged_since,
                                             std::uint64_t by);

  // local_copy.cc, local_expunge.cc
  Task<Result<CopyResult>> transfer(MailboxId from, imap::SequenceSet uids, MailboxId to,
                                    bool moves);
  Result<> may_transfer(const Mailbox& from, const imap::SequenceSet& uids, const Mailbox& to);
  CopyResult transfer_in(Change* change, const MailboxRef& from, const imap::SequenceSet& uids,
                         const MailboxRef& to, bool moves);
  void remove_messages(Change* change, const MailboxRef& box, const imap::SequenceSet& uids);

  // journal_repair.cc: keeping entries and rows in step when rows go
  void cancel_creation(Change* change, const MailboxRef& box,
                       std::span<const MessageEntry> entries);
  void strip_flags(Change* change, MailboxId mailbox, const imap::SequenceSet& uids);
  void strip_expunges(Change* change, MailboxId mailbox, const imap::SequenceSet& uids);
  void sources_gone(Change* change, MailboxId mailbox, const imap::SequenceSet& uids);
  std::optional<std::pair<MailboxId, imap::Uid>> origin_of(MailboxId mailbox, imap::Uid uid,
                                                           const imap::SequenceSet& going) const;
  bool is_seen(MailboxId mailbox, imap::Uid uid) const;
  void reroute(Change* change, MailboxId from, MailboxId to,
               std::vector<std::pair<imap::Uid, imap::Uid>> uids);
  void upload_orphans(Change* change, MailboxId mailbox, const imap::SequenceSet& uids);
  void forget_rows(Change* change, MailboxId mailbox, const imap::SequenceSet& uids);

  AccountOptions options_;
  Store* store_;
  Executor* executor_;
  Log log_;
  AccountId id_;
  std::unique_ptr<LocalRemote> local_remote_;
  Remote* remote_ = nullptr;

  AccountRecord record_;
  bool record_dirty_ = false;
  std::uint64_t modseq_ = 1;  // the last one given
  std::uint64_t next_message_ = 1;
  std::uint64_t next_mailbox_ = 1;
  std::uint64_t next_journal_ = 1;
  KeywordTable keywords_;
  std::size_t stored_keywords_ = 0;
  Folders folders_;
  std::map<std::string, MailboxRecord*, std::less<>> by_name_;
  std::map<std::string, bool, std::less<>> subscriptions_;
  std::map<JournalSeq, JournalEntry> journal_;
  JournalIndex journal_index_;
  std::map<MessageId, std::uint64_t> garbage_;  // with the number of the change that said so
  std::map<MessageId, int> writers_;
  std::set<MessageId> touched_;    // read since this was stored last
  std::uint64_t shared_rows_ = 0;  // rows ever added that share their content
  std::uint64_t uses_ = 0;         // of mailboxes

  Event mailboxes_changed_;
  Event journal_changed_;
  Event loaded_;    // notified when a mailbox was read, or could not be
  Event progress_;  // notified when a commit ended, and after a recovery
  std::uint64_t submitted_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t outstanding_ = 0;
  std::uint64_t generation_ = 0;  // of memory: raised when it was read anew
  bool recovering_ = false;
  bool closing_ = false;
  bool collecting_ = false;
  std::vector<Commit*> failed_;
  AsyncMutex email_ids_;
  std::shared_ptr<Account*> self_;  // empty once it is gone, for writers that outlive it
  TaskGroup tasks_;                 // last: its tasks use all of the above
};

}  // namespace cache
