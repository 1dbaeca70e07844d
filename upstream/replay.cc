#include "upstream/replay.h"

#include <algorithm>

#include "upstream/answers.h"
#include "upstream/clock.h"
#include "upstream/replaying.h"

namespace upstream {

using cache::JournalEntry;
using cache::JournalSeq;

namespace {

constexpr std::uint32_t kMaxAttempts = 20;      // of passing trouble, before the operator is asked
constexpr std::uint32_t kAttemptsUnlisted = 5;  // in a mailbox that is not there, by its old name
constexpr std::uint32_t kMaxTurns = 100;        // of one entry in one run
constexpr std::int64_t kMaxDelaySeconds = 3'600;
constexpr std::int64_t kUnfinishedSeconds = 30;

// Whether two names are the same, or one lies below the other.
bool meet(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return b.starts_with(a) && (a.size() == b.size() || b[a.size()] == '/');
}

}  // namespace

Task<Result<ReplayOutcome>> Replaying::run() {
  while (const JournalEntry* next = next_entry()) {
    CO_TRY_VOID(co_await dispatch(next->seq));
  }
  co_return outcome_;
}

// The first entry that may be done now. What a mailbox waits for blocks what comes behind it.
const cache::JournalEntry* Replaying::next_entry() {
  std::set<cache::MailboxId> blocked = blocked_;
  std::vector<std::string> blocked_names;
  std::vector<std::string> emptied;  // to be deleted once what is below them is
  const JournalEntry* first_emptied = nullptr;
  const std::int64_t now = now_seconds();
  for (const auto& [seq, entry] : account_->journal()) {
    if (entry.state == cache::JournalState::kParked) continue;
    const std::vector<cache::MailboxId> touched = mailboxes_of(entry.op);
    const std::int64_t when = not_before(entry);
    const auto* deleted = std::get_if<cache::JournalDelete>(&entry.op);
    const bool waits_for_others = deleted != nullptr && waits_below(seq, *deleted);
    const bool waits = when > now || done_.contains(seq) || waits_for_others;
    const std::vector<std::string> names = names_of(entry);
    const auto meets = [&names](const std::vector<std::string>& others) {
      return std::ranges::any_of(names, [&others](const std::string& name) {
        return std::ranges::any_of(others,
                                   [&name](const std::string& other) { return meet(name, other); });
      });
    };
    // What others wait for overtakes them, and what was made anew under their names.
    const bool goes_first = deleted != nullptr && !waits_for_others && meets(emptied);
    const bool behind =
        std::ranges::any_of(touched,
                            [&blocked](cache::MailboxId id) { return blocked.contains(id); }) ||
        (!goes_first && meets(blocked_names));
    if (waits || behind) {
      if (when > now && !done_.contains(seq)) note_next_try(when);
      if (waits_for_others && !behind) {
        emptied.insert(emptied.end(), names.begin(), names.end());
        if (first_emptied == nullptr && when <= now && !done_.contains(seq)) first_emptied = &entry;
      }
      blocked.insert(touched.begin(), touched.end());
      blocked_names.insert(blocked_names.end(), names.begin(), names.end());
      continue;
    }
    return &entry;
  }
  // What it waits for may itself wait for what comes behind it: many servers do not mind.
  return outcome_.next_try == 0 && done_.empty() ? first_emptied : nullptr;
}

std::int64_t Replaying::not_before(const JournalEntry& entry) const {
  const auto put_off = options_.put_off->find(entry.seq);
  return std::max(entry.next_try, put_off == options_.put_off->end() ? 0 : put_off->second);
}

void Replaying::note_next_try(std::int64_t when) {
  if (outcome_.next_try == 0 || when < outcome_.next_try) outcome_.next_try = when;
}

std::vector<cache::MailboxId> Replaying::mailboxes_of(const cache::JournalOp& op) {
  if (const auto* copy = std::get_if<cache::JournalCopy>(&op)) return {copy->from, copy->to};
  const cache::MailboxId id = cache::mailbox_of(op);
  return id ? std::vector{id} : std::vector<cache::MailboxId>{};
}

// The names that it makes or takes away: a mailbox that was deleted and one that was then made
// under its name are two, and what is done to one must not happen to the other.
std::vector<std::string> Replaying::names_of(const JournalEntry& entry) const {
  const auto ours = [this](const std::string& raw) {
    return our_name(options_.space, imap::MailboxName::from_server(raw, false),
                    options_.space.delimiter);
  };
  if (const auto* rename = std::get_if<cache::JournalRename>(&entry.op)) {
    return {rename->from, rename->to};
  }
  if (const auto* deleted = std::get_if<cache::JournalDelete>(&entry.op)) {
    return {ours(name_of(*deleted))};
  }
  if (const auto* created = std::get_if<cache::JournalCreate>(&entry.op)) {
    const cache::MailboxRecord* record = account_->find_mailbox(created->mailbox);
    if (record == nullptr) return {};
    const std::string& raw = record->upstream.name;
    return {raw.empty() ? made_as(entry.seq, record->name) : ours(raw)};
  }
  return {};
}

// What a mailbox of this name was called when `seq` was written: renames that come later in the
// journal take it along, and fail where it is made under its new name before them.
std::string Replaying::made_as(JournalSeq seq, std::string name) const {
  const auto& journal = account_->journal();
  for (auto at = journal.rbegin(); at != journal.rend() && at->first > seq; ++at) {
    const auto* rename = std::get_if<cache::JournalRename>(&at->second.op);
    if (rename == nullptr || name.size() < rename->to.size()) continue;
    if (meet(name, rename->to)) name.replace(0, rename->to.size(), rename->from);
  }
  return name;
}

Task<Result<>> Replaying::dispatch(JournalSeq seq) {
  // Memory may be ahead of the disk: what is not durable may still be taken back, and its bytes
  // cannot be read yet.
  CO_TRY_VOID(co_await account_->settled());
  const auto found = account_->journal().find(seq);
  if (found == account_->journal().end()) co_return Result<>();
  // Whatever the reason, the server is not asked the same thing without end.
  if (++turns_[seq] > kMaxTurns) {
    co_return co_await unfinished({seq}, Error(Errc::kProtocol, "it does not come to an end"));
  }
  const JournalEntry entry = found->second;  // a copy: it may go while we wait
  const auto visit = [&](const auto& op) { return perform(entry, op); };
  co_return co_await std::visit(visit, entry.op);
}

Task<Result<>> Replaying::done(std::vector<JournalSeq> entries,
                               std::optional<cache::ReplayedUids> created) {
  if (created) {
    const auto first = account_->journal().find(entries.front());
    if (first != account_->journal().end() && first->second.in_flight) {
      note_made(mailboxes_of(first->second.op).back(), *first->second.in_flight, *created);
    }
  }
  Result<> stored = co_await account_->replayed(entries, std::move(created));
  // A disk that is full now: upstream has it all the same, and the next try will find it there.
  if (!stored) {
    done_.insert(entries.begin(), entries.end());
    options_.log.error("the journal cannot be written: {}", stored.error().text());
  }
  co_return Result<>();
}

Task<Result<>> Replaying::refused(std::vector<JournalSeq> entries, Error error) {
  if (!client_->is_alive()) co_return fail(std::move(error));
  std::uint32_t attempts = 0;
  for (const JournalSeq seq : entries) {
    const auto found = account_->journal().find(seq);
    if (found == account_->journal().end()) continue;
    attempts = std::max(attempts, found->second.attempts);
    for (const cache::MailboxId id : mailboxes_of(found->second.op)) blocked_.insert(id);
  }
  const bool full = error.code() == Errc::kLimit;  // over quota: somebody will make room
  // Renamed upstream, perhaps, or deleted: the folder list tells where it is to go, if anywhere.
  if (error.code() == Errc::kNotFound && attempts < kAttemptsUnlisted) {
    outcome_.folders_changed = true;
    const std::int64_t when = now_seconds() + 1;
    note_next_try(when);
    (void)co_await account_->retry_later(entries, error.text(), when);
  } else if ((is_passing(error) || full) && attempts < kMaxAttempts) {
    std::int64_t delay =
        std::min<std::int64_t>(kMaxDelaySeconds, std::int64_t{5} << std::min(attempts, 12U));
    if (const auto throttle = throttle_of(error)) {
      delay = std::max<std::int64_t>(delay, throttle->count() / 1000);
    }
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

Task<Result<>> Replaying::unfinished(Seqs entries, Error error) {
  const bool is_stopped = error.code() == Errc::kCancelled;
  if (is_stopped || !client_->is_alive()) co_return fail(std::move(error));
  const bool too_often = std::ranges::any_of(entries, [this](JournalSeq seq) {
    const auto now = account_->journal().find(seq);
    return now != account_->journal().end() && now->second.attempts >= kMaxAttempts;
  });
  if (too_often) {
    options_.log.error("what became of a write cannot be found out: {}", error.text());
    (void)co_await account_->park(entries, error.text(), true);
    done_.insert(entries.begin(), entries.end());
    co_return Result<>();
  }
  const std::int64_t when = now_seconds() + kUnfinishedSeconds;
  options_.log.warning("a write is looked at again in {} s: {}", kUnfinishedSeconds, error.text());
  note_next_try(when);
  done_.insert(entries.begin(), entries.end());
  for (const JournalSeq seq : entries) {
    (*options_.put_off)[seq] = when;
    const auto now = account_->journal().find(seq);
    if (now == account_->journal().end()) continue;
    for (const cache::MailboxId id : mailboxes_of(now->second.op)) blocked_.insert(id);
    // Just the one: the other one of a copy, brought in step again and again, would leave it no
    // turn.
    if (error.code() == Errc::kStale && stale_) outcome_.renumbered.insert(stale_);
    // Counts the try, and keeps the note.
    if (!now->second.in_flight) continue;
    const cache::InFlight note = *now->second.in_flight;
    (void)co_await account_->mark_in_flight({seq}, note);
  }
  co_return Result<>();
}

Task<Result<>> Replaying::select(cache::MailboxId id) {
  if (selected_ == id) co_return Result<>();
  const cache::MailboxRecord* record = account_->find_mailbox(id);
  if (record == nullptr || record->upstream.name.empty()) {
    co_return fail(Errc::kNotFound, "the mailbox is not there upstream");
  }
  const imap::UidValidity known = record->upstream.uid_validity;
  std::string name = record->upstream.name;
  // Open already, since the last sync or replay: a round trip less. Not where EXPUNGE takes all
  // that are \Deleted: there it is looked at anew.
  const bool is_open = known.is_set() && client_->selected() == Client::Selected{name, known} &&
                       client_->has(imap::Capability::kUidPlus);
  if (is_open) {
    selected_ = id;
    co_return Result<>();
  }
  selected_ = {};
  CO_TRY(selected_state_, co_await select_mailbox(client_, name, false, std::nullopt));
  if (known.is_set() && selected_state_.uid_validity.is_set() &&
      known != selected_state_.uid_validity) {
    outcome_.folders_changed = true;  // a look at the counters finds what is to be done
    stale_ = id;
    // Its UIDs mean other messages now: nothing is done before they have been found again.
    co_return fail(Errc::kStale, "upstream gave the mailbox a new UIDVALIDITY");
  }
  CO_TRY(const cache::MailboxRef known_box, co_await account_->open_mailbox(id));
  const WentBack back = went_back(*known_box, selected_state_);
  if (back == WentBack::kModSeq || (back == WentBack::kUidNext && options_.trusts_uid_next)) {
    outcome_.folders_changed = true;
    stale_ = id;
    co_return fail(Errc::kStale, "the mailbox is an earlier one: its UIDs may mean other messages");
  }
  client_->set_selected(Client::Selected{std::move(name), selected_state_.uid_validity});
  selected_ = id;
  co_return Result<>();
}

imap::FlagList Replaying::permitted(const imap::FlagList& flags,
                                    const cache::MailboxRecord& record) const {
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

Task<void> Replaying::run_into(imap::Command command, std::optional<Result<Answer>>* answer,
                               Exchange exchange) {
  answer->emplace(co_await client_->run(std::move(command), std::move(exchange)));
}

Task<Result<>> Replaying::expect_ok(imap::Command command) {
  const std::string what(imap::info_of(command).name);
  CO_TRY(const Answer answer, co_await client_->run(std::move(command)));
  if (!answer.ok()) co_return fail(error_of(answer, what));
  co_return Result<>();
}

Task<Result<ReplayOutcome>> replay(Client* client, cache::Account* account, ReplayOptions options) {
  Replaying replaying(client, account, std::move(options));
  co_return co_await replaying.run();
}

}  // namespace upstream
