// The limit on cached bodies: those that nobody has read for longest go first, and never one that
// upstream does not have.
#include <algorithm>
#include <chrono>
#include <set>

#include "cache/change.h"
#include "cache/codec.h"
#include "cache/edit.h"
#include "cache/keys.h"

namespace cache {
namespace {

// Touches are stored together; some are lost in a crash, which costs a fetch.
constexpr std::size_t kTouchedAtOnce = 200;
constexpr std::size_t kEvictedAtOnce = 200;

std::uint32_t hour_now() {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::hours>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace

struct Account::Evictable {
  MessageId message;
  std::uint32_t used_hour = 0;
  std::uint64_t size = 0;
};
struct Account::Bodies {
  std::uint64_t total = 0;             // bytes of all
  std::vector<Evictable> by_last_use;  // empty while the limit is kept
};

void Account::touched(MessageId message) {
  if (options_.cache_limit_bytes == 0) return;  // nothing is evicted, so nobody asks
  touched_.insert(message);
  if (touched_.size() >= kTouchedAtOnce && !closing_) tasks_.spawn(store_touched());
}

Task<void> Account::store_touched() {
  const std::set<MessageId> touched = std::exchange(touched_, {});
  if (!co_await ready()) co_return;
  Change change(this);
  change.ordered();
  for (const MessageId message : touched) {
    std::string hour;
    Encoder(&hour).number(hour_now());
    change.batch().put(Family::kMessages, keys::used(id_, message), std::move(hour));
  }
  const Result<> stored = co_await submit(std::move(change));
  if (!stored) log_.debug("when bodies were read could not be stored: {}", stored.error().text());
}

Result<Account::Bodies> Account::find_bodies(Store* store, AccountId account, std::uint64_t limit,
                                             std::set<MessageId> just_used) {
  std::vector<Evictable> bodies;
  std::uint64_t total = 0;
  const keys::Range messages = keys::messages_of(account);
  const auto cursor = store->scan(Family::kMessages, messages.from, messages.to, true);
  for (; cursor->valid(); cursor->next()) {
    TRY(const MessageId message, keys::message_in(cursor->key()));
    TRY(const MessageRecord record, decode_message_record(cursor->value()));
    if (!record.body) continue;
    total += record.digest.size;
    if (just_used.contains(message)) continue;
    bodies.push_back({message, record.used_hour, record.digest.size});
  }
  TRY_VOID(cursor->status());
  if (total <= limit) return Bodies{total, {}};

  const keys::Range used = keys::used_of(account);
  const auto uses = store->scan(Family::kMessages, used.from, used.to, true);
  for (; uses->valid(); uses->next()) {
    TRY(const MessageId message, keys::message_in(uses->key()));
    const auto body = std::ranges::lower_bound(bodies, message, {}, &Evictable::message);
    if (body == bodies.end() || body->message != message) continue;
    Decoder decoder(uses->value());
    body->used_hour = std::max(body->used_hour, decoder.number<std::uint32_t>());
  }
  TRY_VOID(uses->status());
  std::ranges::sort(bodies, {},
                    [](const Evictable& body) { return std::pair(body.used_hour, body.message); });
  return Bodies{total, std::move(bodies)};
}

Task<Result<>> Account::evict() {
  // A local account's mail is nowhere else.
  if (options_.local || options_.cache_limit_bytes == 0) co_return Result<>();
  CO_TRY_VOID(co_await settled());
  const auto find = [store = store_, account = id_, limit = options_.cache_limit_bytes,
                     used = touched_] { return find_bodies(store, account, limit, used); };
  CO_TRY(const Bodies found, co_await run_blocking(executor_, find));
  const std::vector<Evictable>& bodies = found.by_last_use;
  std::uint64_t total = found.total;
  // Nine tenths of the limit stay, so that not every new body evicts one.
  const std::uint64_t goal = options_.cache_limit_bytes / 10 * 9;
  std::size_t next = 0;
  while (total > goal && next < bodies.size()) {
    std::vector<Evictable> some;
    std::uint64_t chosen = 0;
    for (; next < bodies.size() && some.size() < kEvictedAtOnce && total - chosen > goal; ++next) {
      some.push_back(bodies[next]);
      chosen += bodies[next].size;
    }
    CO_TRY(const std::uint64_t freed, co_await evict_some(std::move(some)));
    total -= freed;
  }
  co_return Result<>();
}

Task<Result<std::uint64_t>> Account::evict_some(std::vector<Evictable> bodies) {
  std::vector<MessageId> messages;
  for (const Evictable& body : bodies) messages.push_back(body.message);
  const auto read = [store = store_, account = id_, messages]() {
    std::vector<std::string> keys;
    for (const MessageId message : messages) keys.push_back(keys::message(account, message));
    return store->multi_get(Family::kMessages, keys);
  };
  const std::uint64_t shared_before = shared_rows_;
  CO_TRY(const auto records, co_await run_blocking(executor_, read));
  CO_TRY(const std::vector<Reference> rows, co_await references_in_memory(std::move(messages), {}));
  // A copy was made meanwhile: its row is not among these. The next round sees it.
  if (shared_before != shared_rows_) co_return std::uint64_t{0};

  // Every row must be of a message that upstream has.
  std::map<MessageId, bool> evictable;
  for (const Reference& row : rows) {
    const Folder* found = folder(row.mailbox);
    const MessageEntry* entry =
        found != nullptr && found->box ? found->box->find_any(row.uid) : nullptr;
    const bool is_safe = entry != nullptr && entry->message == row.message &&
                         entry->upstream_uid.is_set() && journals(*found->record) &&
                         !writers_.contains(row.message);
    const auto [at, is_new] = evictable.try_emplace(row.message, true);
    at->second = at->second && is_safe;
  }
  Change change(this);
  change.ordered();
  std::uint64_t freed = 0;
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    const MessageId message = bodies[i].message;
    const auto found = evictable.find(message);
    if (found == evictable.end() || !found->second || !records[i]) continue;
    // What identifies the message stays: it may have to be found again when upstream renumbers.
    CO_TRY(MessageRecord record, decode_message_record(*records[i]));
    record.body = false;
    record.text = false;
    erase_body(id_, message, &change.batch());
    change.batch().put(Family::kMessages, keys::message(id_, message),
                       encode_message_record(record));
    change.batch().erase(Family::kMessages, keys::used(id_, message));
    freed += bodies[i].size;
  }
  for (const Reference& row : rows) {
    if (evictable.at(row.message)) mark(&change, row, 0, kHaveBody | kHaveText, std::nullopt);
  }
  CO_TRY_VOID(co_await submit(std::move(change)));
  co_return freed;
}

}  // namespace cache
