// A mailbox with a new UIDVALIDITY: its messages are found again by what they are, so that clients
// keep their caches and nothing is fetched twice. Message-ID with the size tells them apart; where
// there is none, the internal date with the size.
#include <algorithm>
#include <map>

#include "base/log.h"
#include "protocol/imap/envelope.h"
#include "upstream/answers.h"
#include "upstream/mailbox_sync.h"
#include "upstream/messages.h"

namespace upstream {
namespace {

std::string trimmed(std::string_view id) {
  const std::size_t begin = id.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return std::string(id.substr(begin, id.find_last_not_of(" \t\r\n") - begin + 1));
}

std::string identity(std::string_view message_id, std::uint64_t size, std::int64_t date) {
  const std::string id = trimmed(message_id);
  return id.empty() ? fmt::format("{} {}", date, size) : fmt::format("{} {}", id, size);
}

}  // namespace

Task<Result<>> rebind_mailbox(Client* client, cache::Account* account, cache::MailboxRef mailbox,
                              imap::UidValidity validity) {
  struct Theirs {
    imap::Uid uid;
    std::string identity;
  };
  std::vector<Theirs> theirs;
  imap::FetchCommand command;
  command.uid = true;
  command.set = imap::SequenceSet::all();
  command.items = {{imap::FetchKind::kUid},
                   {imap::FetchKind::kRfc822Size},
                   {imap::FetchKind::kInternalDate},
                   {imap::FetchKind::kEnvelope}};
  Exchange exchange;
  exchange.on_response = [&theirs](imap::Response& response) {
    const auto* fetched = std::get_if<imap::FetchResponse>(&response);
    if (fetched == nullptr) return false;
    if (!fetched->uid) return true;
    const std::string id =
        fetched->envelope ? fetched->envelope->message_id.value_or(std::string()) : std::string();
    const std::int64_t date =
        fetched->internal_date ? fetched->internal_date->utc.time_since_epoch().count() : 0;
    theirs.push_back({*fetched->uid, identity(id, fetched->size_bytes.value_or(0), date)});
    return true;
  };
  CO_TRY(const Answer answer, co_await client->run(std::move(command), std::move(exchange)));
  // An empty mailbox may refuse "1:*".
  if (!answer.ok() && !theirs.empty()) co_return fail(error_of(answer, "FETCH"));
  std::ranges::sort(theirs, {}, &Theirs::uid);

  // Twins are told apart by their order, which renumbering keeps.
  std::map<std::string, std::vector<imap::Uid>> ours;
  {
    std::vector<cache::MessageEntry> entries;
    for (const auto& [old_uid, uid] : mailbox->by_upstream()) {
      if (const cache::MessageEntry* entry = std::as_const(*mailbox).find_any(uid))
        entries.push_back(*entry);
    }
    std::vector<std::string> ids(entries.size());
    const Result<> read = co_await run_blocking(
        account->executor(), [&entries, &ids, reader = account->reader()]() -> Result<> {
          std::vector<cache::MessageId> wanted;
          for (const cache::MessageEntry& entry : entries) wanted.push_back(entry.message);
          return reader.summaries(wanted, [&ids](std::size_t i, const cache::SummaryView& view) {
            const Result<imap::Envelope> envelope = imap::decode_envelope(view.envelope);
            if (envelope && envelope->message_id) ids[i] = *envelope->message_id;
            return true;
          });
        });
    if (!read) co_return read;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      ours[identity(ids[i], entries[i].size, entries[i].internal_date)].push_back(entries[i].uid);
      // One whose summary is not cached is known by date and size alone.
      if (!ids[i].empty()) continue;
    }
  }
  std::vector<std::pair<imap::Uid, imap::Uid>> pairs;
  std::map<std::string, std::size_t> used;
  for (const Theirs& one : theirs) {
    const auto found = ours.find(one.identity);
    if (found == ours.end()) continue;
    std::size_t& next = used[one.identity];
    if (next < found->second.size()) pairs.emplace_back(found->second[next++], one.uid);
  }
  std::ranges::sort(pairs);
  account->log().info("{} of {} messages found again", pairs.size(), theirs.size());
  CO_TRY_VOID(co_await account->rebind_upstream(mailbox->id(), validity, std::move(pairs)));
  co_return co_await account->vanish_unbound(mailbox->id());
}

}  // namespace upstream
