#include "upstream/first_look.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "base/task_group.h"
#include "upstream/messages.h"

namespace upstream {
namespace {

struct Asked {
  FirstLook look;
  std::optional<Result<SelectedMailbox>> selected;
  std::optional<Result<std::vector<cache::UpstreamMessage>>> told;
};

Task<void> select_into(Client* client, std::string name, bool condstore, Asked* asked) {
  asked->selected.emplace(
      co_await select_mailbox(client, std::move(name), condstore, std::nullopt));
}
Task<void> fetch_into(Client* client, Asked* asked) {
  asked->told.emplace(
      co_await fetch_messages(client, imap::SequenceSet::all(), {.date_and_size = true}));
}

bool is_complete(const Asked& asked) {
  if (!*asked.selected) return false;
  // RFC 3501 leaves it open what FETCH 1:* means where there is nothing: some say NO.
  if (!*asked.told) return (*asked.selected)->exists == 0;
  const std::vector<cache::UpstreamMessage>& messages = **asked.told;
  const auto is_told = [](const cache::UpstreamMessage& message) {
    return message.flags && message.internal_date && message.size;
  };
  const auto twice = std::ranges::adjacent_find(messages, {}, &cache::UpstreamMessage::uid);
  return messages.size() == (*asked.selected)->exists && twice == messages.end() &&
         std::ranges::all_of(messages, is_told);
}

}  // namespace

Task<Result<std::vector<FirstLook>>> first_looks(Client* client, const cache::Account* account,
                                                 std::vector<cache::MailboxId> mailboxes,
                                                 bool condstore) {
  std::deque<Asked> all;
  TaskGroup together(client->connection().loop());
  for (const cache::MailboxId id : mailboxes) {
    const cache::MailboxRecord* record = account->find_mailbox(id);
    if (record == nullptr) continue;
    Asked& asked = all.emplace_back();
    asked.look.mailbox = id;
    // In this order: spawn() sends before it returns, or waits its turn to send.
    together.spawn(select_into(client, record->upstream.name, condstore, &asked));
    together.spawn(fetch_into(client, &asked));
  }
  co_await together.close();
  client->set_selected({});
  std::vector<FirstLook> complete;
  for (Asked& asked : all) {
    if (!client->is_alive()) {
      co_return fail(*asked.selected ? Error(Errc::kClosed, "the connection is gone")
                                     : asked.selected->error());
    }
    if (!is_complete(asked)) continue;
    asked.look.selected = std::move(**asked.selected);
    if (*asked.told) asked.look.messages = std::move(**asked.told);
    complete.push_back(std::move(asked.look));
  }
  co_return complete;
}

}  // namespace upstream
