#include "upstream/replay.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

#include "upstream/answers.h"
#include "upstream/messages.h"
#include "upstream/replay_flags.h"
#include "upstream/select.h"

namespace upstream {
namespace {

using cache::JournalEntry;
using cache::JournalSeq;
using imap::Capability;

constexpr std::size_t kFlagEntries = 10'000;  // coalesced into one go
constexpr std::uint32_t kMaxAttempts = 20;    // of passing trouble, before the operator is asked
constexpr std::int64_t kMaxDelaySeconds = 3'600;
constexpr std::int64_t kUnfinishedSeconds = 30;
constexpr std::size_t kMessagesOfCommand = 100'000;

std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// What a creating entry looks for after a cut.
struct Sought {
  imap::Uid uid;  // ours, in the destination
  cache::Digest digest;
};

class Replaying {
 public:
  Replaying(Client* client, cache::Account* account, ReplayOptions options)
      : client_(client), account_(account), options_(std::move(options)) {}

  Task<Result<ReplayOutcome>> run() {
    while (const JournalEntry* next = next_entry()) {
      CO_TRY_VOID(co_await dispatch(next->seq));
    }
    co_return outcome_;
  }

 private:
  // The first entry that may be done now. What a mailbox waits for blocks what comes behind it.
  const JournalEntry* next_entry() {
    std::set<cache::MailboxId> blocked = blocked_;
    const std::int64_t now = now_seconds();
    for (const auto& [seq, entry] : account_->journal()) {
      if (entry.state == cache::JournalState::kParked) continue;
      const std::vector<cache::MailboxId> touched = mailboxes_of(entry.op);
      const bool waits = entry.next_try > now || done_.contains(seq);
      const bool behind = std::ranges::any_of(
          touched, [&blocked](cache::MailboxId id) { return blocked.contains(id); });
      if (waits || behind) {
        if (waits && !done_.contains(seq)) note_next_try(entry.next_try);
        blocked.insert(touched.begin(), touched.end());
        continue;
      }
      return &entry;
    }
    return nullptr;
  }

  void note_next_try(std::int64_t when) {
    if (outcome_.next_try == 0 || when < outcome_.next_try) outcome_.next_try = when;
  }

  static std::vector<cache::MailboxId> mailboxes_of(const cache::JournalOp& op) {
    if (const auto* copy = std::get_if<cache::JournalCopy>(&op)) return {copy->from, copy->to};
    const cache::MailboxId id = cache::mailbox_of(op);
    return id ? std::vector{id} : std::vector<cache::MailboxId>{};
  }

  Task<Result<>> dispatch(JournalSeq seq) {
    const JournalEntry entry = account_->journal().at(seq);  // a copy: it may go while we wait
    const auto visit = [&](const auto& op) { return perform(entry, op); };
    co_return co_await std::visit(visit, entry.op);
  }

  // ---- How an entry ends ----

  Task<Result<>> done(std::vector<JournalSeq> entries,
                      std::optional<cache::ReplayedUids> created = std::nullopt) {
    Result<> stored = co_await account_->replayed(entries, std::move(created));
    // A disk that is full now: upstream has it all the same, and the next try will find it there.
    if (!stored) {
      done_.insert(entries.begin(), entries.end());
      options_.log.error("the journal cannot be written: {}", stored.error().text());
    }
    co_return Result<>();
  }

  // A NO, or something on our side. A connection that is gone goes up instead.
  Task<Result<>> refused(std::vector<JournalSeq> entries, Error error) {
    if (!client_->is_alive()) co_return fail(std::move(error));
    std::uint32_t attempts = 0;
    for (const JournalSeq seq : entries) {
      const auto found = account_->journal().find(seq);
      if (found == account_->journal().end()) continue;
      attempts = std::max(attempts, found->second.attempts);
      for (const cache::MailboxId id : mailboxes_of(found->second.op)) blocked_.insert(id);
    }
    const bool full = error.code() == Errc::kLimit;  // over quota: somebody will make room
    if ((is_passing(error) || full) && attempts < kMaxAttempts) {
      const std::int64_t delay =
          std::min<std::int64_t>(kMaxDelaySeconds, std::int64_t{5} << std::min(attempts, 12U));
      options_.log.warning("a write is retried in {} s: {}", delay, error.text());
      const std::int64_t when = now_seconds() + delay;
      note_next_try(when);
      (void)co_await account_->retry_later(entries, error.text(), when);
    } else {
      options_.log.error("a write was refused for good: {}", error.text());
      (void)co_await account_->park(entries, error.text());
    }
    for (const JournalSeq seq : entries) done_.insert(seq);
    co_return Result<>();
  }

  // Upstream has done it, or a part of it, and something came between: the note of what is in
  // flight stays, so that the next try looks for it before anything is sent again.
  Task<Result<>> unfinished(JournalEntry entry, Error error) {
    if (!client_->is_alive()) co_return fail(std::move(error));
    const auto now = account_->journal().find(entry.seq);
    const bool too_often = now != account_->journal().end() && now->second.attempts >= kMaxAttempts;
    // After a renumbering the note says nothing, and the mailbox cannot be brought in step while
    // something is in flight: sent twice is better than lost.
    if (too_often || error.code() == Errc::kStale) {
      co_return co_await refused({entry.seq}, std::move(error));
    }
    // Counts the try, and keeps the note.
    if (now != account_->journal().end() && now->second.in_flight) {
      const cache::InFlight note = *now->second.in_flight;
      (void)co_await account_->mark_in_flight({entry.seq}, note);
    }
    options_.log.warning("a write is looked at again in {} s: {}", kUnfinishedSeconds,
                         error.text());
    note_next_try(now_seconds() + kUnfinishedSeconds);
    for (const cache::MailboxId id : mailboxes_of(entry.op)) blocked_.insert(id);
    done_.insert(entry.seq);
    co_return Result<>();
  }

  cache::InFlight note_of(JournalSeq seq) const {
    const auto found = account_->journal().find(seq);
    if (found == account_->journal().end()) return {};
    return found->second.in_flight.value_or(cache::InFlight());
  }

  // Selects the mailbox unless it is selected already. Its raw name is empty while it is not there.
  Task<Result<>> select(cache::MailboxId id) {
    if (selected_ == id) co_return Result<>();
    const cache::MailboxRecord* record = account_->find_mailbox(id);
    if (record == nullptr || record->upstream.name.empty()) {
      co_return fail(Errc::kNotFound, "the mailbox is not there upstream");
    }
    selected_ = {};
    const imap::UidValidity known = record->upstream.uid_validity;
    CO_TRY(selected_state_,
           co_await select_mailbox(client_, record->upstream.name,
                                   client_->has(Capability::kCondstore), std::nullopt));
    if (known.is_set() && selected_state_.uid_validity.is_set() &&
        known != selected_state_.uid_validity) {
      outcome_.folders_changed = true;  // a look at the counters finds what is to be done
      // Its UIDs mean other messages now: nothing is done before they have been found again.
      co_return fail(Errc::kStale, "upstream gave the mailbox a new UIDVALIDITY");
    }
    selected_ = id;
    co_return Result<>();
  }

  imap::FlagList permitted(const imap::FlagList& flags, const cache::MailboxRecord& record) const {
    imap::FlagList kept;
    kept.system = flags.system;
    for (const std::string& keyword : flags.keywords) {
      const auto& permanent = record.upstream.permanent_keywords;
      if (record.upstream.accepts_keywords ||
          std::ranges::find(permanent, keyword) != permanent.end()) {
        kept.add_keyword(keyword);
      }
    }
    return kept;
  }

  // ---- Flags ----

  Task<Result<>> perform(JournalEntry entry, cache::JournalFlags first) {
    std::vector<JournalSeq> entries;
    std::vector<cache::JournalFlags> changes;
    for (const auto& [seq, other] : account_->journal()) {
      if (seq < entry.seq || other.state == cache::JournalState::kParked) continue;
      if (entries.size() == kFlagEntries) break;
      const auto* flags = std::get_if<cache::JournalFlags>(&other.op);
      if (flags != nullptr && flags->mailbox == first.mailbox && !done_.contains(seq)) {
        entries.push_back(seq);
        changes.push_back(*flags);
        continue;
      }
      // Anything else on this mailbox keeps the order.
      const std::vector<cache::MailboxId> touched = mailboxes_of(other.op);
      if (std::ranges::find(touched, first.mailbox) != touched.end()) break;
    }
    if (const Result<> ready = co_await select(first.mailbox); !ready) {
      co_return co_await refused(std::move(entries), ready.error());
    }
    CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(first.mailbox));
    std::vector<const cache::JournalFlags*> pointers;
    for (const cache::JournalFlags& change : changes) pointers.push_back(&change);
    std::deque<std::optional<Result<Answer>>> answers;
    TaskGroup together(client_->connection().loop());
    for (const CoalescedStore& store : coalesce_flags(pointers)) {
      imap::StoreCommand command;
      command.uid = true;
      command.mode = store.add ? imap::StoreCommand::Mode::kAdd : imap::StoreCommand::Mode::kRemove;
      command.silent = true;
      command.flags = permitted(store.flags, mailbox->record());
      if (command.flags.empty()) continue;
      for (imap::SequenceSet& part : split(upstream_uids(*mailbox, store.uids), 100'000)) {
        command.set = std::move(part);
        together.spawn(run_into(command, &answers.emplace_back()));
      }
    }
    co_await together.close();
    for (const auto& answer : answers) {
      if (!*answer) co_return fail(answer->error());
      if (!(*answer)->ok()) {
        co_return co_await refused(std::move(entries), error_of(**answer, "STORE"));
      }
    }
    co_return co_await done(std::move(entries));
  }

  Task<void> run_into(imap::Command command, std::optional<Result<Answer>>* answer) {
    answer->emplace(co_await client_->run(std::move(command)));
  }

  // ---- Messages that come to be upstream ----

  // Notes durably where the messages will appear, before they are sent.
  Task<Result<>> note_in_flight(JournalSeq seq, cache::MailboxId mailbox) {
    const cache::MailboxRecord* to = account_->find_mailbox(mailbox);
    if (to == nullptr || to->upstream.name.empty()) {
      co_return fail(Errc::kNotFound, "the destination is not there upstream");
    }
    const imap::Uid known_next(std::max(1U, to->upstream.uid_next));
    const imap::UidValidity known_validity = to->upstream.uid_validity;
    imap::StatusCommand command;
    command.mailbox = imap::MailboxName::from_server(to->upstream.name, false);
    command.items = {imap::StatusItem::kUidNext, imap::StatusItem::kUidValidity};
    cache::InFlight note;
    Exchange exchange;
    exchange.on_response = [&note](imap::Response& response) {
      const auto* status = std::get_if<imap::StatusResponse>(&response);
      if (status == nullptr) return false;
      if (status->items.uid_next) note.uid_next = *status->items.uid_next;
      if (status->items.uid_validity) note.uid_validity = *status->items.uid_validity;
      return true;
    };
    CO_TRY(const Answer answer, co_await client_->run(std::move(command), std::move(exchange)));
    if (!answer.ok()) co_return fail(error_of(answer, "STATUS"));
    if (!note.uid_next.is_set()) note.uid_next = known_next;
    if (!note.uid_validity.is_set()) note.uid_validity = known_validity;
    co_return co_await account_->mark_in_flight({seq}, note);
  }

  // Looks in the destination, from the noted UIDNEXT on, for messages that are not ours yet.
  Task<Result<cache::ReplayedUids>> find_created(cache::MailboxId to, cache::InFlight note,
                                                 std::vector<Sought> sought) {
    selected_ = {};  // what is new there must be seen
    CO_TRY_VOID(co_await select(to));
    cache::ReplayedUids found;
    found.uid_validity = selected_state_.uid_validity;
    if (note.uid_validity.is_set() && note.uid_validity != selected_state_.uid_validity) {
      co_return found;
    }
    CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(to));
    imap::FetchCommand command;
    command.uid = true;
    command.set = imap::SequenceSet::from(std::max(1U, note.uid_next.value()));
    command.items = {{imap::FetchKind::kUid}, {imap::FetchKind::kRfc822Size}};
    imap::Section header;
    header.text = imap::SectionText::kHeader;
    command.items.push_back(imap::FetchItem::body(header, true));
    struct Candidate {
      imap::Uid uid;
      cache::Digest digest;
    };
    std::vector<Candidate> candidates;
    Exchange exchange;
    exchange.on_response = [&](imap::Response& response) {
      auto* fetched = std::get_if<imap::FetchResponse>(&response);
      if (fetched == nullptr) return false;
      if (!fetched->uid || fetched->uid->value() < note.uid_next.value()) return true;
      if (mailbox->find_upstream(*fetched->uid) != nullptr) return true;
      for (const imap::FetchedData& data : fetched->data) {
        candidates.push_back(
            {*fetched->uid, cache::digest_of(data.bytes, fetched->size_bytes.value_or(0))});
      }
      return true;
    };
    if (selected_state_.exists > 0) {
      CO_TRY(const Answer answer, co_await client_->run(std::move(command), std::move(exchange)));
      if (!answer.ok()) co_return fail(error_of(answer, "FETCH"));
    }
    std::ranges::sort(candidates, {}, &Candidate::uid);
    std::set<imap::Uid> taken;
    for (const Sought& one : sought) {
      for (const Candidate& candidate : candidates) {
        const bool same = candidate.digest.message_id == one.digest.message_id &&
                          std::ranges::equal(candidate.digest.header_hash, one.digest.header_hash);
        if (!same || taken.contains(candidate.uid)) continue;
        taken.insert(candidate.uid);
        found.uids.emplace_back(one.uid, candidate.uid);
        break;
      }
    }
    co_return found;
  }

  Task<Result<cache::Digest>> digest_of(cache::MessageId message) {
    co_return co_await run_blocking(account_->executor(), [reader = account_->reader(), message] {
      return reader.digest(message);
    });
  }

  struct Appended {
    std::optional<Error> refusal;
    std::optional<imap::AppendUidCode> code;
    std::optional<Error> unreadable = std::nullopt;  // our own copy is damaged: upstream has none
  };
  // Sends one message from the cache.
  Task<Result<Appended>> send_message(cache::MailboxId to, cache::MessageId message,
                                      imap::FlagList flags, std::int64_t date, std::int16_t zone) {
    const Result<cache::Digest> digest = co_await digest_of(message);
    if (!digest) co_return Appended{digest.error(), std::nullopt};
    const cache::MailboxRecord* record = account_->find_mailbox(to);
    if (record == nullptr || record->upstream.name.empty()) {
      co_return Appended{Error(Errc::kNotFound, "the mailbox is gone"), std::nullopt};
    }
    imap::AppendCommand command;
    command.mailbox = imap::MailboxName::from_server(record->upstream.name, false);
    imap::AppendMessage one;
    one.flags = permitted(flags, *record);
    one.internal_date = imap::DateTime{std::chrono::sys_seconds(std::chrono::seconds(date)),
                                       std::chrono::minutes(zone)};
    one.size_bytes = digest->size;
    one.streamed = 0;
    command.messages.push_back(std::move(one));
    std::optional<Error> unreadable;
    Exchange exchange;
    exchange.message = [this, message, &unreadable](std::uint64_t offset, std::uint64_t length) {
      return read_message(message, offset, length, &unreadable);
    };
    const Result<Answer> answer = co_await client_->run(std::move(command), std::move(exchange));
    if (!answer) co_return Appended{answer.error(), std::nullopt, std::move(unreadable)};
    if (!answer->ok()) co_return Appended{error_of(*answer, "APPEND"), std::nullopt};
    Appended appended;
    if (const auto* code = answer->text.find<imap::AppendUidCode>()) appended.code = *code;
    co_return appended;
  }
  Task<Result<std::string>> read_message(cache::MessageId message, std::uint64_t offset,
                                         std::uint64_t length, std::optional<Error>* failed) {
    Result<std::string> read = co_await run_blocking(
        account_->executor(),
        [reader = account_->reader(), message, offset, length]() -> Result<std::string> {
          std::string bytes;
          TRY_VOID(reader.body(message, offset, length, &bytes));
          if (bytes.empty()) return fail(Errc::kCorruption, "the cached message is cut short");
          return bytes;
        });
    if (!read) *failed = read.error();
    co_return read;
  }

  Task<Result<>> perform(JournalEntry entry, cache::JournalAppend op) {
    const cache::MailboxRecord* record = account_->find_mailbox(op.mailbox);
    if (record == nullptr || record->upstream.name.empty()) {
      co_return co_await refused({entry.seq},
                                 Error(Errc::kNotFound, "the mailbox is not there upstream"));
    }
    const Result<cache::Digest> digest = co_await digest_of(op.message);
    if (!digest) co_return co_await refused({entry.seq}, digest.error());
    const std::vector<Sought> sought = {{op.uid, *digest}};
    if (entry.state == cache::JournalState::kInFlight && entry.in_flight) {
      Result<cache::ReplayedUids> found =
          co_await find_created(op.mailbox, *entry.in_flight, sought);
      if (!found) co_return co_await unfinished(std::move(entry), found.error());
      if (!found->uids.empty()) {
        options_.log.info("a message that was under way is there: it is not sent again");
        co_return co_await done({entry.seq}, std::move(*found));
      }
    }
    if (const Result<> noted = co_await note_in_flight(entry.seq, op.mailbox); !noted) {
      co_return co_await refused({entry.seq}, noted.error());
    }
    std::int64_t date = entry.created;
    std::int16_t zone = 0;
    {
      CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(op.mailbox));
      if (const cache::MessageEntry* row = std::as_const(*mailbox).find_any(op.uid)) {
        date = row->internal_date;
        zone = row->date_zone;
      }
    }
    CO_TRY(const Appended appended,
           co_await send_message(op.mailbox, op.message, op.flags, date, zone));
    if (appended.unreadable) {
      // The connection went with it, as there is no other way to take half a literal back; without
      // this it would do so again and again.
      options_.log.error("a message cannot be sent: {}", appended.unreadable->text());
      if (appended.unreadable->code() != Errc::kIo) {
        (void)co_await account_->park({entry.seq}, appended.unreadable->text());
      }
    }
    if (appended.refusal) co_return co_await refused({entry.seq}, *appended.refusal);
    cache::ReplayedUids created;
    if (appended.code && !appended.code->uids.empty()) {
      created.uid_validity = appended.code->uid_validity;
      created.uids.emplace_back(op.uid, imap::Uid(*appended.code->uids.begin()));
      co_return co_await done({entry.seq}, std::move(created));
    }
    // Without UIDPLUS: looked up in the destination.
    Result<cache::ReplayedUids> found =
        co_await find_created(op.mailbox, note_of(entry.seq), sought);
    if (!found) co_return co_await unfinished(std::move(entry), found.error());
    co_return co_await done({entry.seq}, std::move(*found));
  }

  Task<Result<>> perform(JournalEntry entry, cache::JournalCopy op) {
    const cache::MailboxRecord* to = account_->find_mailbox(op.to);
    if (to == nullptr || to->upstream.name.empty()) {
      co_return co_await refused({entry.seq},
                                 Error(Errc::kNotFound, "the destination is not there upstream"));
    }
    CO_TRY(const cache::MailboxRef source, co_await account_->open_mailbox(op.from));
    CO_TRY(const cache::MailboxRef destination, co_await account_->open_mailbox(op.to));

    // What was under way when a connection broke may have arrived.
    std::map<imap::Uid, imap::Uid> arrived;  // ours, upstream's
    cache::ReplayedUids created;
    if (entry.state == cache::JournalState::kInFlight && entry.in_flight) {
      std::vector<Sought> sought;
      for (const auto& [from, into] : op.uids) {
        const cache::MessageEntry* row = std::as_const(*destination).find_any(into);
        if (row == nullptr) continue;
        const Result<cache::Digest> digest = co_await digest_of(row->message);
        if (digest) sought.push_back({into, *digest});
      }
      Result<cache::ReplayedUids> found =
          co_await find_created(op.to, *entry.in_flight, std::move(sought));
      if (!found) co_return co_await unfinished(std::move(entry), found.error());
      created = std::move(*found);
      arrived.insert(created.uids.begin(), created.uids.end());
    }

    std::vector<imap::Uid> wanted;           // upstream's, in the source
    std::map<imap::Uid, imap::Uid> into_of;  // upstream's in the source, ours in the destination
    std::vector<imap::Uid> moved_already;    // upstream's in the source: to be removed there
    std::vector<imap::Uid> without_source;   // ours in the destination
    for (const auto& [from, into] : op.uids) {
      const cache::MessageEntry* row = std::as_const(*source).find_any(from);
      const bool has_source = row != nullptr && row->upstream_uid.is_set();
      if (arrived.contains(into)) {
        if (has_source) moved_already.push_back(row->upstream_uid);
      } else if (has_source) {
        wanted.push_back(row->upstream_uid);
        into_of[row->upstream_uid] = into;
      } else {
        without_source.push_back(into);
      }
    }
    if (arrived.empty()) {
      if (const Result<> noted = co_await note_in_flight(entry.seq, op.to); !noted) {
        co_return co_await refused({entry.seq}, noted.error());
      }
    } else if (entry.in_flight) {
      // What has arrived is to be found again should this be cut as well: the first note counts.
      const Result<> noted = co_await account_->mark_in_flight({entry.seq}, *entry.in_flight);
      if (!noted) co_return co_await unfinished(std::move(entry), noted.error());
    }
    if (!wanted.empty()) {
      if (const Result<> ready = co_await select(op.from); !ready) {
        co_return co_await (arrived.empty() ? refused({entry.seq}, ready.error())
                                            : unfinished(std::move(entry), ready.error()));
      }
      std::ranges::sort(wanted);
      Transferred transferred;
      const Result<> sent = co_await transfer(op, wanted, &transferred);
      if (!sent) {
        const bool untouched = arrived.empty() && !transferred.any;
        co_return co_await (untouched ? refused({entry.seq}, sent.error())
                                      : unfinished(std::move(entry), sent.error()));
      }
      for (const imap::CopyUidCode& code : transferred.codes) {
        const auto pairs = code.pairs();
        if (!pairs) {
          transferred.told_all = false;
          continue;
        }
        created.uid_validity = code.uid_validity;
        for (const auto& [theirs, there] : *pairs) {
          const auto into = into_of.find(theirs);
          if (into == into_of.end()) continue;
          created.uids.emplace_back(into->second, there);
          into_of.erase(into);
        }
      }
      if (transferred.told_all) {
        // Gone upstream before they could be copied.
        for (const auto& [theirs, into] : into_of) without_source.push_back(into);
      } else {
        std::vector<Sought> sought;
        for (const auto& [theirs, into] : into_of) {
          const cache::MessageEntry* row = std::as_const(*destination).find_any(into);
          if (row == nullptr) continue;
          const Result<cache::Digest> digest = co_await digest_of(row->message);
          if (digest) sought.push_back({into, *digest});
        }
        Result<cache::ReplayedUids> found =
            co_await find_created(op.to, note_of(entry.seq), std::move(sought));
        if (!found) co_return co_await unfinished(std::move(entry), found.error());
        created.uid_validity = found->uid_validity;
        created.uids.insert(created.uids.end(), found->uids.begin(), found->uids.end());
      }
    }
    if (op.move && !moved_already.empty()) {
      Result<> removed = co_await select(op.from);
      if (removed) removed = co_await remove(std::move(moved_already));
      if (!removed) co_return co_await unfinished(std::move(entry), removed.error());
    }
    // Those whose source is gone are sent from the cache, if their bytes are here.
    for (const imap::Uid into : without_source) {
      const cache::MessageEntry* row = std::as_const(*destination).find_any(into);
      if (row == nullptr || !row->has(cache::kHaveBody)) continue;
      imap::FlagList flags;
      flags.system = row->visible.system;
      CO_TRY(const Appended appended, co_await send_message(op.to, row->message, std::move(flags),
                                                            row->internal_date, row->date_zone));
      // Sent so that nothing is lost: one that cannot be stays here, in the destination.
      if (!client_->is_alive()) co_return fail(Errc::kClosed, "the connection is gone");
      if (appended.refusal) {
        options_.log.error("a message whose source is gone is kept here alone: {}",
                           appended.refusal->text());
      }
      if (appended.code && !appended.code->uids.empty()) {
        created.uid_validity = appended.code->uid_validity;
        created.uids.emplace_back(into, imap::Uid(*appended.code->uids.begin()));
      }
    }
    std::ranges::sort(created.uids);
    co_return co_await done({entry.seq}, std::move(created));
  }

  // COPY or MOVE of the selected mailbox's messages; the mapping where the server tells it. On an
  // error `transferred` says whether something has been done already.
  struct Transferred {
    bool any = false;
    bool told_all = true;
    std::vector<imap::CopyUidCode> codes;
  };
  Task<Result<>> transfer(cache::JournalCopy op, std::vector<imap::Uid> uids,
                          Transferred* transferred) {
    const cache::MailboxRecord* to = account_->find_mailbox(op.to);
    if (to == nullptr || to->upstream.name.empty()) {
      co_return fail(Errc::kNotFound, "the destination is not there upstream");
    }
    const imap::MailboxName name = imap::MailboxName::from_server(to->upstream.name, false);
    const bool move = op.move && client_->has(Capability::kMove);
    for (const imap::SequenceSet& set :
         split(imap::SequenceSet::from_sorted(std::span<const imap::Uid>(uids)),
               kMessagesOfCommand)) {
      std::optional<imap::CopyUidCode> code;
      Exchange exchange;
      exchange.on_response = [&code](imap::Response& response) {
        // MOVE tells in an untagged OK (RFC 6851 4.3); some servers do so for COPY too.
        const auto* condition = std::get_if<imap::ConditionResponse>(&response);
        if (condition == nullptr) return false;
        if (const auto* told = condition->text.find<imap::CopyUidCode>()) code = *told;
        return true;
      };
      imap::Command command = move ? imap::Command(imap::MoveCommand{true, set, name})
                                   : imap::Command(imap::CopyCommand{true, set, name});
      CO_TRY(const Answer answer, co_await client_->run(std::move(command), std::move(exchange)));
      if (!answer.ok()) co_return fail(error_of(answer, move ? "MOVE" : "COPY"));
      transferred->any = true;
      if (const auto* told = answer.text.find<imap::CopyUidCode>()) code = *told;
      if (code) {
        transferred->codes.push_back(*code);
      } else {
        transferred->told_all = false;
      }
    }
    if (op.move && !move) CO_TRY_VOID(co_await remove(std::move(uids)));
    co_return Result<>();
  }

  // Removes just these from the selected mailbox.
  Task<Result<>> remove(std::vector<imap::Uid> uids) {
    std::ranges::sort(uids);
    for (imap::SequenceSet& part :
         split(imap::SequenceSet::from_sorted(std::span<const imap::Uid>(uids)),
               kMessagesOfCommand)) {
      CO_TRY_VOID(co_await remove_set(std::move(part)));
    }
    co_return Result<>();
  }
  Task<Result<>> remove_set(imap::SequenceSet set) {
    imap::FlagList deleted;
    deleted.system.add(imap::SystemFlag::kDeleted);
    const auto store = [&deleted](imap::SequenceSet which, bool add) {
      imap::StoreCommand command;
      command.uid = true;
      command.set = std::move(which);
      command.mode = add ? imap::StoreCommand::Mode::kAdd : imap::StoreCommand::Mode::kRemove;
      command.silent = true;
      command.flags = deleted;
      return command;
    };
    if (client_->has(Capability::kUidPlus)) {
      std::optional<Result<Answer>> stored;
      std::optional<Result<Answer>> expunged;
      TaskGroup together(client_->connection().loop());
      together.spawn(run_into(store(set, true), &stored));
      together.spawn(run_into(imap::ExpungeCommand{set}, &expunged));
      co_await together.close();
      if (!*stored) co_return fail(stored->error());
      if (!*expunged) co_return fail(expunged->error());
      if (!(*stored)->ok()) co_return fail(error_of(**stored, "STORE"));
      if (!(*expunged)->ok()) co_return fail(error_of(**expunged, "EXPUNGE"));
      co_return Result<>();
    }
    // EXPUNGE takes all that are \Deleted: those of others lose the flag for as long as it runs.
    imap::SearchCommand search;
    search.uid = true;
    search.key.kind = imap::SearchKind::kDeleted;
    imap::SequenceSet others;
    Exchange exchange;
    exchange.on_response = [&others](imap::Response& response) {
      const auto* found = std::get_if<imap::SearchResponse>(&response);
      if (found == nullptr) return false;
      for (const std::uint32_t uid : found->numbers) others.add(uid);
      return true;
    };
    CO_TRY(const Answer searched, co_await client_->run(std::move(search), std::move(exchange)));
    if (!searched.ok()) co_return fail(error_of(searched, "SEARCH"));
    others = others.minus(set);
    const std::vector<imap::SequenceSet> spared = split(others, kMessagesOfCommand);
    Result<> removed;
    for (const imap::SequenceSet& part : spared) {
      if (removed) removed = co_await expect_ok(store(part, false));
    }
    if (removed) removed = co_await expect_ok(store(set, true));
    if (removed) removed = co_await expect_ok(imap::ExpungeCommand{});
    // Whatever came of it, they get back what others gave them.
    for (const imap::SequenceSet& part : spared) {
      const Result<> restored = co_await expect_ok(store(part, true));
      if (removed && !restored) removed = restored;
    }
    co_return removed;
  }

  Task<Result<>> expect_ok(imap::Command command) {
    const std::string what(imap::info_of(command).name);
    CO_TRY(const Answer answer, co_await client_->run(std::move(command)));
    if (!answer.ok()) co_return fail(error_of(answer, what));
    co_return Result<>();
  }

  Task<Result<>> perform(JournalEntry entry, cache::JournalExpunge op) {
    const cache::MailboxRecord* record = account_->find_mailbox(op.mailbox);
    if (record == nullptr || record->upstream.name.empty()) co_return co_await done({entry.seq});
    if (const Result<> ready = co_await select(op.mailbox); !ready) {
      if (ready.error().code() == Errc::kNotFound) co_return co_await done({entry.seq});
      co_return co_await refused({entry.seq}, ready.error());
    }
    CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(op.mailbox));
    std::vector<imap::Uid> uids;
    for (const std::uint32_t uid : upstream_uids(*mailbox, op.uids)) uids.emplace_back(uid);
    if (!uids.empty()) {
      if (const Result<> removed = co_await remove(std::move(uids)); !removed) {
        co_return co_await refused({entry.seq}, removed.error());
      }
    }
    co_return co_await done({entry.seq});
  }

  // ---- Mailboxes ----

  Task<Result<>> perform(JournalEntry entry, cache::JournalCreate op) {
    const cache::MailboxRecord* record = account_->find_mailbox(op.mailbox);
    if (record == nullptr) co_return co_await done({entry.seq});
    const Result<imap::MailboxName> name = their_name(options_.space, record->name);
    if (!name) co_return co_await refused({entry.seq}, name.error());
    imap::CreateCommand command{*name};
    if (!op.special_use.empty() && client_->has(Capability::kCreateSpecialUse)) {
      command.special_use.push_back(op.special_use);
    }
    const Result<> created = co_await expect_ok(std::move(command));
    // Both sides made the same one: it is one mailbox.
    if (!created && created.error().code() != Errc::kAlreadyExists) {
      co_return co_await refused({entry.seq}, created.error());
    }
    outcome_.folders_changed = true;
    CO_TRY_VOID(co_await bind(op.mailbox, *name));
    co_return co_await done({entry.seq});
  }

  // What was just made there has its name there from now on, so that writes in it can follow.
  Task<Result<>> bind(cache::MailboxId mailbox, imap::MailboxName name) {
    const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
    if (record == nullptr) co_return Result<>();
    cache::UpstreamState state = record->upstream;
    state.name = name.wire(false);
    state.delimiter = options_.space.delimiter;
    co_return co_await account_->set_upstream_state(mailbox, std::move(state));
  }

  // Courier refuses to delete the mailbox that the connection has open. CLOSE would expunge.
  Task<Result<>> leave_mailbox() {
    selected_ = {};
    imap::Command leave = imap::SelectCommand{imap::MailboxName::inbox()};
    if (client_->has(Capability::kUnselect)) leave = imap::UnselectCommand{};
    // A NO or BAD says that nothing was open.
    CO_TRY_VOID(co_await client_->run(std::move(leave)));
    co_return Result<>();
  }

  Task<Result<>> perform(JournalEntry entry, cache::JournalDelete op) {
    if (op.upstream_name.empty()) co_return co_await done({entry.seq});
    CO_TRY_VOID(co_await leave_mailbox());
    const Result<> deleted = co_await expect_ok(
        imap::DeleteCommand{imap::MailboxName::from_server(op.upstream_name, false)});
    if (!deleted && deleted.error().code() != Errc::kNotFound) {
      co_return co_await refused({entry.seq}, deleted.error());
    }
    outcome_.folders_changed = true;
    co_return co_await done({entry.seq});
  }

  Task<Result<>> perform(JournalEntry entry, cache::JournalRename op) {
    const Result<imap::MailboxName> from = their_name(options_.space, op.from);
    const Result<imap::MailboxName> to = their_name(options_.space, op.to);
    if (!from) co_return co_await refused({entry.seq}, from.error());
    if (!to) co_return co_await refused({entry.seq}, to.error());
    CO_TRY_VOID(co_await leave_mailbox());
    const Result<> renamed = co_await expect_ok(imap::RenameCommand{*from, *to});
    // It may have happened before a cut: then the old name is gone, and the list will tell.
    if (!renamed && renamed.error().code() != Errc::kNotFound) {
      co_return co_await refused({entry.seq}, renamed.error());
    }
    outcome_.folders_changed = true;
    CO_TRY_VOID(co_await bind(op.mailbox, *to));
    CO_TRY_VOID(co_await bind_below(from->wire(false), to->wire(false)));
    co_return co_await done({entry.seq});
  }

  // RFC 3501 6.3.5: what lies below goes along; writes in it may follow before the list is read.
  Task<Result<>> bind_below(std::string from, std::string to) {
    if (options_.space.delimiter == 0) co_return Result<>();
    from += options_.space.delimiter;
    to += options_.space.delimiter;
    std::vector<std::pair<cache::MailboxId, cache::UpstreamState>> below;
    for (const auto& [name, record] : account_->mailboxes()) {
      if (!record->upstream.name.starts_with(from)) continue;
      cache::UpstreamState state = record->upstream;
      state.name.replace(0, from.size(), to);
      below.emplace_back(record->id, std::move(state));
    }
    for (auto& [mailbox, state] : below) {
      if (account_->find_mailbox(mailbox) == nullptr) continue;
      CO_TRY_VOID(co_await account_->set_upstream_state(mailbox, std::move(state)));
    }
    co_return Result<>();
  }

  Task<Result<>> perform(JournalEntry entry, cache::JournalSubscribe op) {
    const Result<imap::MailboxName> name = their_name(options_.space, op.name);
    if (!name) co_return co_await refused({entry.seq}, name.error());
    imap::Command command = op.subscribed ? imap::Command(imap::SubscribeCommand{*name})
                                          : imap::Command(imap::UnsubscribeCommand{*name});
    const Result<> changed = co_await expect_ok(std::move(command));
    if (!changed && is_passing(changed.error())) {
      co_return co_await refused({entry.seq}, changed.error());
    }
    // A server that keeps no such subscription loses nothing by it.
    co_return co_await done({entry.seq});
  }

  Client* client_;
  cache::Account* account_;
  ReplayOptions options_;
  ReplayOutcome outcome_;
  cache::MailboxId selected_;
  SelectedMailbox selected_state_;
  std::set<JournalSeq> done_;           // not to be tried again in this run
  std::set<cache::MailboxId> blocked_;  // by what failed in this run
};

}  // namespace

Task<Result<ReplayOutcome>> replay(Client* client, cache::Account* account, ReplayOptions options) {
  Replaying replaying(client, account, std::move(options));
  co_return co_await replaying.run();
}

}  // namespace upstream
