// A mailbox with a new UIDVALIDITY: its messages are found again by what they are, so that clients
// keep their caches and nothing is fetched twice. Message-ID with the size tells them apart; where
// there is none, the internal date with the size.
#include <algorithm>
#include <map>
#include <optional>

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

// Messages of ours under what they are known by; twins in their order, which renumbering keeps.
class Known {
 public:
  void add(const std::string& identity, imap::Uid uid) { rows_[identity].uids.push_back(uid); }
  std::optional<imap::Uid> take(const std::string& identity) {
    const auto found = rows_.find(identity);
    if (found == rows_.end() || found->second.taken == found->second.uids.size()) {
      return std::nullopt;
    }
    return found->second.uids[found->second.taken++];
  }

 private:
  struct Row {
    std::vector<imap::Uid> uids;
    std::size_t taken = 0;
  };
  std::map<std::string, Row> rows_;
};

// Rows that are not bound because what brings them there was cut off: it may have arrived.
std::vector<imap::Uid> sent_to(const cache::Account& account, const cache::Mailbox& mailbox) {
  std::vector<imap::Uid> uids;
  for (const auto& [seq, entry] : account.journal()) {
    if (!cache::was_sent(entry) || cache::mailbox_of(entry.op) != mailbox.id()) continue;
    if (const auto* append = std::get_if<cache::JournalAppend>(&entry.op)) {
      uids.push_back(append->uid);
    } else if (const auto* copy = std::get_if<cache::JournalCopy>(&entry.op)) {
      for (const auto& [from, into] : copy->uids) uids.push_back(into);
    }
  }
  std::erase_if(uids, [&mailbox](imap::Uid uid) {
    const cache::MessageEntry* entry = mailbox.find_any(uid);
    return entry == nullptr || entry->upstream_uid.is_set();
  });
  return uids;
}

}  // namespace

Task<Result<>> rebind_mailbox(Client* client, cache::Account* account, cache::MailboxRef mailbox,
                              imap::UidValidity validity, std::uint32_t exists, Brake brake) {
  struct Theirs {
    imap::Uid uid;
    std::string identity;
    std::string date_and_size;
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
    const std::uint64_t size = fetched->size_bytes.value_or(0);
    theirs.push_back({*fetched->uid, identity(id, size, date), identity({}, size, date)});
    return true;
  };
  // An empty mailbox may refuse "1:*".
  if (exists > 0) {
    CO_TRY(const Answer answer, co_await client->run(std::move(command), std::move(exchange)));
    if (!answer.ok()) co_return fail(error_of(answer, "FETCH"));
  }
  std::ranges::sort(theirs, {}, &Theirs::uid);
  const auto twice = std::ranges::unique(theirs, {}, &Theirs::uid);
  theirs.erase(twice.begin(), twice.end());
  // What is not told of would be taken for gone.
  if (theirs.size() < exists) {
    co_return fail(Errc::kProtocol,
                   fmt::format("the server tells of {} of its {} messages", theirs.size(), exists));
  }

  Known by_id;
  Known by_date;  // those whose summary is not cached
  std::size_t known = 0;
  {
    std::vector<cache::MessageEntry> entries;
    for (const auto& [old_uid, uid] : mailbox->by_upstream()) {
      if (const cache::MessageEntry* entry = std::as_const(*mailbox).find_any(uid))
        entries.push_back(*entry);
    }
    known = entries.size();
    // Behind the others: of twins, theirs is the last.
    for (const imap::Uid uid : sent_to(*account, *mailbox)) {
      entries.push_back(*std::as_const(*mailbox).find_any(uid));
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
      const cache::MessageEntry& entry = entries[i];
      (ids[i].empty() ? by_date : by_id)
          .add(identity(ids[i], entry.size, entry.internal_date), entry.uid);
    }
  }
  std::vector<std::pair<imap::Uid, imap::Uid>> pairs;
  for (const Theirs& one : theirs) {
    std::optional<imap::Uid> ours = by_id.take(one.identity);
    if (!ours) ours = by_date.take(one.date_and_size);
    if (ours) pairs.emplace_back(*ours, one.uid);
  }
  std::ranges::sort(pairs);
  const auto is_bound = [&mailbox](const auto& pair) {
    const cache::MessageEntry* entry = std::as_const(*mailbox).find_any(pair.first);
    return entry != nullptr && entry->upstream_uid.is_set();
  };
  const auto found = static_cast<std::size_t>(std::ranges::count_if(pairs, is_bound));
  const std::size_t gone = known - found;
  if (gone > 0 && brake && !brake(mailbox->id(), gone, known)) {
    co_return fail(Errc::kUnavailable,
                   fmt::format("{} of {} messages are not found under upstream's new UIDVALIDITY: "
                               "looking again before they are removed here",
                               gone, known));
  }
  account->log().info("{} of {} messages found again", pairs.size(), theirs.size());
  co_return co_await account->rebind_upstream(mailbox->id(), validity, std::move(pairs));
}

}  // namespace upstream
