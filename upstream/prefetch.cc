#include "upstream/prefetch.h"

#include <algorithm>
#include <map>
#include <set>

#include "upstream/backoff.h"
#include "upstream/clock.h"
#include "upstream/messages.h"
#include "upstream/select.h"
#include "upstream/survey.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
using Kind = config::Prefetch::Kind;

// What the newest messages of a mailbox get before bodies are fetched: a first screen or two.
constexpr std::size_t kFirstSummaries = 200;
// So few bytes come as soon as summaries would, and tell the same: a round trip less.
constexpr std::uint64_t kQuickBytes = std::uint64_t{128} << 10;
constexpr std::size_t kBodyBatch = 500;
// On a line that others wait for a turn ends soon, however slow the link.
constexpr std::uint64_t kSharedBytes = std::uint64_t{256} << 10;
// A mailbox whose bodies could not be fetched is left alone for so long.
constexpr std::chrono::milliseconds kLater = 2min;

imap::SequenceSet newest_without(const cache::Mailbox& mailbox, cache::Have bit,
                                 std::size_t limit) {
  imap::SequenceSet found;
  std::size_t count = 0;
  const std::span<const cache::MessageEntry> entries = mailbox.messages();
  for (std::size_t i = entries.size(); i-- > 0 && count < limit;) {
    ++count;
    if (!entries[i].has(bit) && entries[i].upstream_uid.is_set()) found.add(entries[i].uid);
  }
  return found;
}

imap::SequenceSet without(const cache::Mailbox& mailbox, cache::Have bit,
                          const imap::SequenceSet& uids) {
  imap::SequenceSet found;
  for (const std::uint32_t uid : uids) {
    const cache::MessageEntry* entry = mailbox.find(imap::Uid(uid));
    if (entry != nullptr && !entry->has(bit)) found.add(uid);
  }
  return found;
}

std::uint64_t bytes_of(const cache::Mailbox& mailbox, const imap::SequenceSet& uids) {
  std::uint64_t bytes = 0;
  for (const std::uint32_t uid : uids) {
    if (const cache::MessageEntry* entry = mailbox.find(imap::Uid(uid))) bytes += entry->size;
  }
  return bytes;
}

std::chrono::seconds park_delay(std::uint32_t tries) {
  constexpr std::chrono::seconds kFirst = 2min;
  constexpr std::chrono::seconds kLast = 4h;
  return std::min(kLast, kFirst * (std::int64_t{1} << std::min(tries, 10U)));
}

// For people: thousands of numbers say no more than how many there are.
std::string brief(const imap::SequenceSet& uids) {
  constexpr std::size_t kMaxBytes = 60;
  std::string text = uids.encode();
  if (text.size() <= kMaxBytes) return text;
  text.resize(text.rfind(',', kMaxBytes));
  return fmt::format("{},... ({} in all)", text, uids.count());
}

}  // namespace

Prefetch::Prefetch(net::Loop* loop, cache::Account* account, const config::Account* settings,
                   Line* line, Hooks hooks)
    : loop_(loop),
      account_(account),
      settings_(settings),
      line_(line),
      hooks_(std::move(hooks)),
      log_(account->log()),
      wake_(loop) {}

Task<void> Prefetch::run(std::stop_token stop) {
  Backoff backoff(settings_->sync.reconnect_min, settings_->sync.reconnect_max, 1);
  while (!stop.stop_requested()) {
    wake_.reset();
    std::vector<cache::MailboxId> work;
    if (hooks_.is_online()) work = incomplete_mailboxes();
    if (work.empty()) {
      // A connection for bodies alone is given back while there are none to be had.
      if (!line_->is_shared()) {
        const Line::Turn turn = co_await line_->take(Role::kBodies);
        if (std::exchange(warm_up_, false)) {
          (void)co_await line_->ready();  // what is wrong is told when it is needed
        } else {
          co_await line_->close(true);
        }
      }
      (void)co_await wake_.wait_for(60s, stop);
      continue;
    }
    const Result<> done = co_await work_through(std::move(work));
    if (stop.stop_requested()) break;
    if (done) {
      backoff.reset();
      (void)co_await account_->evict();
    } else {
      log_.info("bodies: {}", done.error().text());
      (void)co_await sleep_for(loop_, backoff.next(), stop);
    }
  }
  const Line::Turn turn = co_await line_->take(Role::kBodies);
  if (!line_->is_shared()) co_await line_->close(true);
}

// Errors: our own disk, or the connection. Trouble of one mailbox leaves it for later.
Task<Result<>> Prefetch::work_through(std::vector<cache::MailboxId> mailboxes) {
  for (const cache::MailboxId mailbox : mailboxes) {
    const Line::Turn turn = co_await line_->take(Role::kBodies);
    CO_TRY(Client * client, co_await line_->ready());
    const Result<> done = co_await complete(client, mailbox);
    if (done) continue;
    if (done.error().code() == Errc::kLimit || !client->is_alive()) co_return done;
    log_.info("bodies: {}", done.error().text());
    later_[mailbox] = Clock::now() + kLater;
  }
  co_return Result<>();
}

bool Prefetch::is_complete(const cache::MailboxRecord& record) const {
  const auto found = completed_.find(record.id);
  return found != completed_.end() && found->second == record.uid_next;
}

bool Prefetch::may_try(cache::MailboxId mailbox, imap::Uid uid) const {
  const auto parked = parked_.find(mailbox);
  if (parked == parked_.end()) return true;
  const auto body = parked->second.find(uid);
  return body == parked->second.end() || body->second.next <= Clock::now();
}

std::vector<cache::MailboxId> Prefetch::incomplete_mailboxes() const {
  std::vector<cache::MailboxId> found;
  const bool headers = settings_->prefetch.kind == Kind::kHeaders;
  for (const auto& [name, record] : account_->mailboxes()) {
    if (!is_syncable(*record) || !record->upstream.flags_known) continue;
    const auto later = later_.find(record->id);
    if (later != later_.end() && Clock::now() < later->second) continue;
    std::size_t waiting = 0;
    bool is_due = false;
    if (const auto parked = parked_.find(record->id); parked != parked_.end()) {
      for (const auto& [uid, body] : parked->second) {
        (may_try(record->id, uid) ? void(is_due = true) : void(++waiting));
      }
    }
    const std::size_t have = headers ? record->summaries : record->bodies;
    if (have + waiting >= record->messages) continue;
    if (is_complete(*record) && !is_due) continue;
    name == "INBOX" ? void(found.insert(found.begin(), record->id)) : found.push_back(record->id);
  }
  return found;
}

Task<Result<>> Prefetch::complete(Client* client, cache::MailboxId id) {
  const cache::MailboxRecord* record = account_->find_mailbox(id);
  if (record == nullptr || record->upstream.name.empty()) co_return Result<>();
  const imap::UidValidity validity = record->upstream.uid_validity;
  const imap::Uid until = record->uid_next;
  CO_TRY(const SelectedMailbox selected,
         co_await select_mailbox(client, record->upstream.name, false, std::nullopt));
  if (validity.is_set() && selected.uid_validity.is_set() && selected.uid_validity != validity) {
    hooks_.look_at(id);
    co_return fail(Errc::kStale, "upstream gave the mailbox a new UIDVALIDITY");
  }
  CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(id));
  const bool all = settings_->prefetch.kind == Kind::kAll;
  imap::SequenceSet& unlisted = unlisted_[id];
  const imap::SequenceSet to_list =
      newest_without(*mailbox, cache::kHaveSummary, all ? kFirstSummaries : SIZE_MAX)
          .minus(unlisted);
  std::vector<imap::SequenceSet> parts;
  if (!all || bytes_of(*mailbox, to_list) > kQuickBytes) parts = split(to_list, kFirstSummaries);
  while (!parts.empty()) {
    const imap::SequenceSet part = std::move(parts.back());  // newest first
    parts.pop_back();
    CO_TRY_VOID(co_await fetch_summaries(client, account_, mailbox, part));
    // Else the server would be asked the same with every turn.
    const imap::SequenceSet untold = without(*mailbox, cache::kHaveSummary, part);
    if (!untold.empty()) {
      log_.info("{}: upstream tells no ENVELOPE of UID {}", mailbox->record().name,
                brief(upstream_uids(*mailbox, untold)));
      unlisted = unlisted.united(untold);
    }
    if (line_->is_wanted() && !parts.empty()) co_return Result<>();
  }
  if (settings_->prefetch.kind != Kind::kHeaders) {
    CO_TRY(const bool all_tried, co_await complete_bodies(client, mailbox, validity));
    if (!all_tried) co_return Result<>();
  }
  completed_[id] = until;
  co_return Result<>();
}

Task<Result<bool>> Prefetch::complete_bodies(Client* client, cache::MailboxRef mailbox,
                                             imap::UidValidity validity) {
  std::set<imap::Uid> tried;
  bool cut_short = false;
  NextBodies next = [this, &mailbox, &tried, &cut_short, validity] {
    // Renumbered meanwhile: the UIDs that we know now are not those of this connection.
    const bool is_stale = mailbox->record().upstream.uid_validity != validity;
    // Every turn brings something, however many wait.
    const bool is_over = line_->is_wanted() && !tried.empty();
    cut_short = is_stale || is_over;
    return cut_short ? imap::SequenceSet() : next_bodies(*mailbox, &tried);
  };
  CO_TRY(const FetchedBodies fetched,
         co_await fetch_bodies(client, account_, mailbox, std::move(next), line_->is_shared()));
  park(*mailbox, fetched.missing);
  co_return !cut_short;
}

imap::SequenceSet Prefetch::next_bodies(const cache::Mailbox& mailbox,
                                        std::set<imap::Uid>* tried) const {
  const cache::MailboxRecord& record = mailbox.record();
  const std::int64_t oldest = settings_->prefetch.kind == Kind::kRecent
                                  ? now_seconds() - settings_->prefetch.recent.count() / 1000
                                  : INT64_MIN;
  const std::uint64_t limit = line_->is_shared() ? kSharedBytes : UINT64_MAX;
  // What was looked through may have been evicted since: only what was parked is left to try.
  const auto parked = parked_.find(record.id);
  const bool parked_only = is_complete(record);
  imap::SequenceSet wanted;
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  const std::span<const cache::MessageEntry> entries = mailbox.messages();
  for (std::size_t i = entries.size(); i-- > 0 && count < kBodyBatch && bytes < limit;) {
    const cache::MessageEntry& entry = entries[i];
    if (entry.has(cache::kHaveBody) || !entry.upstream_uid.is_set()) continue;
    if (entry.internal_date < oldest || !may_try(record.id, entry.uid)) continue;
    if (parked_only && (parked == parked_.end() || !parked->second.contains(entry.uid))) continue;
    if (!tried->insert(entry.uid).second) continue;
    wanted.add(entry.uid);
    bytes += entry.size;
    ++count;
  }
  return wanted;
}

void Prefetch::park(const cache::Mailbox& mailbox, const MissingBodies& missing) {
  ParkedBodies& parked = parked_[mailbox.record().id];
  // Those that are here by now, or gone.
  std::erase_if(parked, [&mailbox](const auto& one) {
    const cache::MessageEntry* entry = mailbox.find(one.first);
    return entry == nullptr || entry->has(cache::kHaveBody);
  });
  // One line however many: a server in trouble gives thousands of them not.
  std::map<std::pair<std::string, std::chrono::seconds>, imap::SequenceSet> reasons;
  for (const auto& [uid, why] : missing) {
    const cache::MessageEntry* entry = mailbox.find(uid);
    if (entry == nullptr || entry->has(cache::kHaveBody)) continue;
    Parked& body = parked[uid];
    const std::chrono::seconds delay = park_delay(body.tries++);
    body.next = Clock::now() + delay;
    reasons[{why, delay}].add(entry->upstream_uid);
  }
  for (const auto& [reason, uids] : reasons) {
    std::string text =
        fmt::format("{}: no body of upstream's UID {}: {}; next try in {} s", mailbox.record().name,
                    brief(uids), reason.first, reason.second.count());
    log_.warning("{}", text);
    hooks_.report(std::move(text));
  }
}

}  // namespace upstream
