// Content that may have lost its last row: looked up and erased behind the clients' backs.
#include <set>

#include "cache/change.h"
#include "cache/keys.h"

namespace cache {

void Account::collect_garbage_soon() {
  if (collecting_ || closing_) return;
  collecting_ = true;
  tasks_.spawn(collect_garbage());
}

// A row of a shared content went, and a mark was stored with that. New references come only from
// rows that have one, which the store then knows, and from merge_upstream() by EMAILID, which waits
// for the same lock.
Task<void> Account::collect_garbage() {
  constexpr std::size_t kAtOnce = 500;
  while (!garbage_.empty() && !closing_) {
    const AsyncMutex::Lock lock = co_await email_ids_.lock();
    std::map<MessageId, std::uint64_t> marked;
    std::vector<MessageId> messages;
    for (const auto& [message, since] : garbage_) {
      if (messages.size() == kAtOnce) break;
      marked.emplace(message, since);
      messages.push_back(message);
    }
    const Result<std::vector<Reference>> rows = co_await references(std::move(messages));
    if (!rows || !co_await ready()) break;
    std::set<MessageId> wanted;
    for (const Reference& row : *rows) wanted.insert(row.message);
    Change change(this);
    change.ordered();
    for (const auto& [message, since] : marked) {
      // Marked again while the store was read: the next round sees what became of it.
      const auto found = garbage_.find(message);
      if (found == garbage_.end() || found->second != since) continue;
      if (!wanted.contains(message)) erase_content(id_, message, &change.batch());
      change.batch().erase(Family::kMessages, keys::garbage(id_, message));
      garbage_.erase(found);
    }
    if (!co_await submit(std::move(change))) break;  // the marks are still in the store
  }
  collecting_ = false;
}

}  // namespace cache
