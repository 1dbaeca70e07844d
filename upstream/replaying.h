// Replaying: one run through the journal. Internal to the replay_*.cc files, a purpose each.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "upstream/replay.h"
#include "upstream/replay_flags.h"
#include "upstream/select.h"

namespace upstream {

inline constexpr std::size_t kMessagesOfCommand = 100'000;

class Replaying {
 public:
  Replaying(Client* client, cache::Account* account, ReplayOptions options)
      : client_(client), account_(account), options_(std::move(options)) {}

  Task<Result<ReplayOutcome>> run();

 private:
  using Seqs = std::vector<cache::JournalSeq>;

  // ---- replay.cc: the order of entries, and how they end ----
  const cache::JournalEntry* next_entry();
  // Before then it is not tried again; 0: no matter when.
  std::int64_t not_before(const cache::JournalEntry& entry) const;
  void note_next_try(std::int64_t when);
  static std::vector<cache::MailboxId> mailboxes_of(const cache::JournalOp& op);
  std::vector<std::string> names_of(const cache::JournalEntry& entry) const;
  std::string made_as(cache::JournalSeq seq, std::string name) const;
  Task<Result<>> dispatch(cache::JournalSeq seq);
  Task<Result<>> done(Seqs entries, std::optional<cache::ReplayedUids> created = std::nullopt);
  // A NO, or something on our side. A connection that is gone goes up instead.
  Task<Result<>> refused(Seqs entries, Error error);
  // Upstream has done it, or a part of it, and something came between: the note of what is in
  // flight stays, so that the next try looks for it before anything is sent again.
  Task<Result<>> unfinished(Seqs entries, Error error);
  // Selects the mailbox unless it is selected already. Its raw name is empty while it is not there.
  Task<Result<>> select(cache::MailboxId id);
  imap::FlagList permitted(const imap::FlagList& flags, const cache::MailboxRecord& record) const;
  Task<void> run_into(imap::Command command, std::optional<Result<Answer>>* answer,
                      Exchange exchange = {});
  Task<Result<>> expect_ok(imap::Command command);

  // ---- replay_gather.cc ----
  // `first` and those behind it, `most` at most, that `fits` takes and that may be done now,
  // together with it: what lies in between and is done later is about other messages. If `first`
  // was sent and its outcome is not known, those that were sent with it.
  Seqs gather(const cache::JournalEntry& first, std::size_t most,
              const std::function<bool(const cache::JournalEntry& entry)>& fits) const;
  // As refused(); but if they were several, and it is no passing trouble, they are tried alone.
  Task<Result<>> refused_together(Seqs entries, Error error);
  // Whether a client undid one of them: what is left is gathered anew.
  bool is_one_undone(const Seqs& entries) const;

  // ---- replay_doubt.cc ----
  using FlagsOf = std::map<std::uint32_t, imap::FlagList>;  // by upstream's UID
  // Whether what the server says is looked at once more.
  bool is_doubtful() const;
  // Selects the same mailbox anew: then it shows what has been kept.
  Task<Result<>> select_again();
  // Those of `set` that are there.
  Task<Result<FlagsOf>> look_at(imap::SequenceSet set);
  // Their UIDs; all of `set` where the server is not in doubt.
  Task<Result<imap::SequenceSet>> present(imap::SequenceSet set);
  // The error of a refusal; kNotFound where no reason was told and the mailbox is not there.
  Task<Error> with_reason(Error error, std::string raw_name);

  // ---- A file each: replay_store.cc, replay_append.cc, replay_copy.cc, ... ----
  Task<Result<>> perform(cache::JournalEntry entry, cache::JournalFlags first);
  Task<Result<>> perform(cache::JournalEntry entry, cache::JournalAppend op);
  Task<Result<>> perform(cache::JournalEntry entry, cache::JournalCopy op);
  Task<Result<>> perform(cache::JournalEntry entry, cache::JournalExpunge op);
  Task<Result<>> perform(cache::JournalEntry entry, cache::JournalCreate op);
  Task<Result<>> perform(cache::JournalEntry entry, cache::JournalDelete op);
  Task<Result<>> perform(cache::JournalEntry entry, cache::JournalRename op);
  Task<Result<>> perform(cache::JournalEntry entry, cache::JournalSubscribe op);

  // ---- replay_search.cc ----
  // What a creating entry looks for after a cut.
  struct Sought {
    imap::Uid uid;  // ours, in the destination
    cache::Digest digest;
  };
  // Notes durably where the messages will appear, before they are sent.
  Task<Result<>> note_in_flight(Seqs entries, cache::MailboxId mailbox);
  // Upstream has made exactly what was expected: the UIDNEXT that it has now needs not be asked
  // for.
  void note_made(cache::MailboxId mailbox, const cache::InFlight& note,
                 const cache::ReplayedUids& created);
  cache::InFlight note_of(cache::JournalSeq seq) const;
  // Whether APPENDUID or COPYUID may be believed: what was made now cannot have been there before.
  static bool is_plausible(const cache::InFlight& note, imap::UidValidity validity, imap::Uid uid) {
    const bool same = !note.uid_validity.is_set() || note.uid_validity == validity;
    return same && uid.value() >= note.uid_next.value();
  }
  using UidPairs = std::vector<std::pair<imap::Uid, imap::Uid>>;  // ours, upstream's
  // What is looked at, besides messages that are not ours yet.
  enum class Among {
    kNew,
    kSure,   // upstream has said that it has them: one that is new there is the one that is sought,
             // whatever the server has made of its header
    kSynced  // those that a sync may have found meanwhile
  };
  // Looks in the destination, from the noted UIDNEXT on, for messages that are not `told` of.
  Task<Result<cache::ReplayedUids>> find_created(cache::MailboxId to, cache::InFlight note,
                                                 std::vector<Sought> sought, UidPairs told = {},
                                                 Among among = Among::kNew);
  // The same for what was under way when a connection broke: looked for twice, as the server may
  // not have come to it yet. RFC 3501 has no way to ask whether it has.
  Task<Result<cache::ReplayedUids>> find_sent(cache::MailboxId to, cache::JournalEntry entry,
                                              std::vector<Sought> sought);
  // What to look for of these rows of ours, as far as their headers are cached.
  Task<Result<std::vector<Sought>>> sought_in(cache::MailboxRef mailbox,
                                              std::vector<imap::Uid> uids);
  // Of a message whose bytes are here.
  Task<Result<cache::Digest>> digest_of(cache::MessageId message);
  // Of one whose header is. Errors: kNotFound.
  Task<Result<cache::Digest>> digest_of_header(cache::MessageId message, std::uint64_t size);

  // ---- replay_store.cc ----
  // Changes flags of messages of the selected mailbox, named by upstream's UIDs.
  Task<Result<>> store_all(std::vector<CoalescedStore> stores);
  // Takes out what is not there, and what is as it should be.
  Task<Result<>> take_out_done(std::vector<CoalescedStore>* stores);

  // ---- replay_append.cc ----
  struct Appended {
    std::optional<Error> refusal;
    std::optional<imap::AppendUidCode> code;
    std::optional<Error> unreadable = std::nullopt;  // our own copy is damaged: upstream has none
  };
  // Sends one message from the cache.
  Task<Result<Appended>> send_message(cache::MailboxId to, cache::MessageId message,
                                      imap::FlagList flags, std::int64_t date, std::int16_t zone);
  // One of the messages that go out together.
  struct Upload {
    cache::JournalSeq seq;
    cache::JournalAppend op;
    cache::Digest digest;
    std::optional<Result<Appended>> sent = std::nullopt;
  };
  Task<Result<>> append_together(cache::MailboxId mailbox, std::deque<Upload> uploads);
  Task<Result<>> append_refused(cache::MailboxId mailbox, const Upload* upload, Error error);
  Task<void> send_upload(Upload* upload, std::int64_t date, std::int16_t zone);
  Task<Result<std::string>> read_message(cache::MessageId message, std::uint64_t offset,
                                         std::uint64_t length, std::optional<Error>* failed);

  // ---- replay_copy.cc ----
  // What the entries do now: a client may have taken messages out of those that were not sent.
  cache::JournalCopy united(const Seqs& entries) const;
  struct Transferred {
    bool any = false;  // on an error: something has been done already
    std::vector<imap::CopyUidCode> codes;
    imap::SequenceSet absent;  // upstream's, in the source: gone before they could be copied
  };
  // Without its header a copy is not found again after a cut.
  Task<Result<>> cache_headers(cache::MailboxRef source, std::vector<imap::Uid> uids);
  // COPY or MOVE of the selected mailbox's messages; the mapping where the server tells it.
  Task<Result<>> transfer(cache::JournalCopy op, std::vector<imap::Uid> uids,
                          Transferred* transferred);
  Task<Result<>> transfer_set(imap::SequenceSet set, imap::MailboxName to, bool move,
                              Transferred* transferred);

  // ---- replay_expunge.cc ----
  // Removes just these from the selected mailbox.
  Task<Result<>> remove(std::vector<imap::Uid> uids);
  Task<Result<>> remove_set(imap::SequenceSet set);
  // Without UIDPLUS.
  Task<Result<>> expunge_only(imap::SequenceSet set);

  // ---- replay_mailboxes.cc ----
  // It has this name there from now on, so that writes in it can follow; none when empty.
  Task<Result<>> bind(cache::MailboxId mailbox, std::string name, bool is_made_here = false);
  // RFC 3501 6.3.5: what lies below goes along; writes in it may follow before the list is read.
  Task<Result<>> bind_below(std::string from, std::string to);
  Task<Result<bool>> is_another_mailbox(cache::JournalDelete op);
  // Whether the mailbox is upstream under this raw name, as far as its counters tell.
  Task<Result<bool>> is_there_as(cache::MailboxId mailbox, std::string name);
  std::string name_of(const cache::JournalDelete& op) const;
  // Whether a mailbox below it is to be deleted too, later.
  bool waits_below(cache::JournalSeq seq, const cache::JournalDelete& op) const;
  // Courier refuses to delete the mailbox that the connection has open. CLOSE would expunge.
  Task<Result<>> leave_mailbox();

  Client* client_;
  cache::Account* account_;
  ReplayOptions options_;
  ReplayOutcome outcome_;
  cache::MailboxId selected_;
  cache::MailboxId stale_;  // the last one whose UIDs were found to mean other messages
  SelectedMailbox selected_state_;
  struct Next {
    cache::InFlight note;
    std::chrono::steady_clock::time_point when;
  };
  std::map<cache::MailboxId, Next> next_;  // as of the last write that was told to be done
  std::map<cache::JournalSeq, std::uint32_t> turns_;
  std::set<cache::JournalSeq> done_;    // not to be tried again in this run
  std::set<cache::JournalSeq> alone_;   // refused together with others
  std::set<cache::MailboxId> blocked_;  // by what failed in this run
};

}  // namespace upstream
