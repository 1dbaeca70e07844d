#include "upstream/messages.h"

#include <algorithm>

#include "protocol/imap/body_structure.h"
#include "upstream/answers.h"

namespace upstream {
namespace {

using imap::Capability;

constexpr std::size_t kFactsWindow = 2'000;  // messages of one FETCH for flags
constexpr std::size_t kSummaryWindow = 200;  // messages of one FETCH for envelopes
constexpr std::size_t kWindowsUnderWay = 4;

std::vector<imap::FetchItem> facts_items(const Client& client, const Facts& facts) {
  std::vector<imap::FetchItem> items = {{imap::FetchKind::kUid}};
  if (facts.flags) items.push_back({imap::FetchKind::kFlags});
  if (facts.date_and_size) {
    items.push_back({imap::FetchKind::kInternalDate});
    items.push_back({imap::FetchKind::kRfc822Size});
    if (client.has(Capability::kObjectId)) {
      items.push_back({imap::FetchKind::kEmailId});
    } else if (client.has(Capability::kGmail)) {
      items.push_back({imap::FetchKind::kGmailMessageId});
    }
  }
  return items;
}

imap::FetchCommand uid_fetch(imap::SequenceSet set, std::vector<imap::FetchItem> items) {
  imap::FetchCommand command;
  command.uid = true;
  command.set = std::move(set);
  command.items = std::move(items);
  return command;
}

// One window: fetched, then merged.
Task<void> fetch_window(Client* client, cache::Account* account, cache::MailboxId mailbox,
                        imap::SequenceSet uids, Facts facts, std::size_t* count, Result<>* result) {
  auto messages = co_await fetch_messages(client, std::move(uids), facts);
  if (!messages) {
    *result = fail(messages.error());
    co_return;
  }
  *count += messages->size();
  if (messages->empty()) co_return;
  if (Result<> merged = co_await account->merge_upstream(mailbox, std::move(*messages)); !merged) {
    *result = std::move(merged);
  }
}

}  // namespace

std::optional<cache::UpstreamMessage> to_message(const imap::FetchResponse& response) {
  if (!response.uid) return std::nullopt;
  cache::UpstreamMessage message;
  message.uid = *response.uid;
  message.flags = response.flags;
  if (response.internal_date) {
    message.internal_date = response.internal_date->utc.time_since_epoch().count();
    message.date_zone = static_cast<std::int16_t>(response.internal_date->zone.count());
  }
  message.size = response.size_bytes;
  if (response.email_id) {
    message.email_id = *response.email_id;
  } else if (response.gmail_message_id) {
    message.email_id = std::to_string(*response.gmail_message_id);
  }
  return message;
}

Task<Result<imap::SequenceSet>> all_uids(Client* client) {
  imap::SequenceSet uids;
  imap::SearchCommand command;
  command.uid = true;
  if (client->has(Capability::kEsearch)) command.result = imap::SearchReturn{.all = true};
  Exchange exchange;
  // A server may answer with SEARCH though ESEARCH was asked for (Cyrus 2.4): both are taken.
  exchange.on_response = [&uids](imap::Response& response) {
    if (auto* found = std::get_if<imap::EsearchResponse>(&response)) {
      if (found->all) uids = uids.united(*found->all);
      return true;
    }
    if (auto* found = std::get_if<imap::SearchResponse>(&response)) {
      std::ranges::sort(found->numbers);
      uids = uids.united(
          imap::SequenceSet::from_sorted(std::span<const std::uint32_t>(found->numbers)));
      return true;
    }
    return false;
  };
  CO_TRY(const Answer answer, co_await client->run(std::move(command), std::move(exchange)));
  if (!answer.ok()) co_return fail(error_of(answer, "SEARCH"));
  co_return uids;
}

std::vector<imap::SequenceSet> split(const imap::SequenceSet& set, std::size_t max_messages,
                                     std::size_t max_bytes) {
  constexpr std::size_t kRangeBytes = sizeof("4294967295:4294967295,") - 1;
  const std::size_t max_ranges = std::max<std::size_t>(1, max_bytes / kRangeBytes);
  std::vector<imap::SequenceSet> parts;
  imap::SequenceSet part;
  std::uint64_t count = 0;
  for (imap::SequenceSet::Range range : set.ranges()) {
    for (;;) {
      if (count == max_messages || part.ranges().size() == max_ranges) {
        parts.push_back(std::exchange(part, {}));
        count = 0;
      }
      const std::uint64_t room = max_messages - count;
      if (range.size() <= room) {
        part.add(range);
        count += range.size();
        break;
      }
      part.add({range.first, static_cast<std::uint32_t>(range.first + room - 1)});
      range.first = static_cast<std::uint32_t>(range.first + room);
      count = max_messages;
    }
  }
  if (!part.empty()) parts.push_back(std::move(part));
  return parts;
}

Task<Result<std::vector<cache::UpstreamMessage>>> fetch_messages(Client* client,
                                                                 imap::SequenceSet uids,
                                                                 Facts facts) {
  imap::FetchCommand command = uid_fetch(std::move(uids), facts_items(*client, facts));
  if (facts.changed_since) command.changed_since = imap::ModSeq(*facts.changed_since);
  std::vector<cache::UpstreamMessage> messages;
  Exchange exchange;
  exchange.on_response = [&messages](imap::Response& response) {
    const auto* fetched = std::get_if<imap::FetchResponse>(&response);
    if (fetched == nullptr) return false;
    if (std::optional<cache::UpstreamMessage> message = to_message(*fetched)) {
      messages.push_back(std::move(*message));
    }
    return true;
  };
  CO_TRY(const Answer answer, co_await client->run(std::move(command), std::move(exchange)));
  if (!answer.ok()) co_return fail(error_of(answer, "FETCH"));
  // Yahoo and others answer in any order; our UIDs follow theirs.
  std::ranges::sort(messages, {}, &cache::UpstreamMessage::uid);
  co_return messages;
}

Task<Result<std::size_t>> fetch_facts(Client* client, cache::Account* account,
                                      cache::MailboxId mailbox, imap::SequenceSet uids,
                                      Facts facts) {
  std::size_t count = 0;
  Result<> result;
  if (uids.has_star() || facts.changed_since) {
    co_await fetch_window(client, account, mailbox, std::move(uids), facts, &count, &result);
  } else {
    std::vector<imap::SequenceSet> windows = split(uids, kFactsWindow, client->profile().set_bytes);
    std::ranges::reverse(windows);  // newest first
    for (std::size_t at = 0; at < windows.size() && result; at += kWindowsUnderWay) {
      TaskGroup together(client->connection().loop());
      for (std::size_t i = at; i < std::min(windows.size(), at + kWindowsUnderWay); ++i) {
        together.spawn(
            fetch_window(client, account, mailbox, std::move(windows[i]), facts, &count, &result));
      }
      co_await together.close();
    }
  }
  if (!result) co_return fail(std::move(result).error());
  co_return count;
}

imap::SequenceSet upstream_uids(const cache::Mailbox& mailbox, const imap::SequenceSet& ours) {
  std::vector<imap::Uid> found;
  for (const std::uint32_t uid : ours) {
    const cache::MessageEntry* entry = mailbox.find_any(imap::Uid(uid));
    if (entry != nullptr && entry->upstream_uid.is_set()) found.push_back(entry->upstream_uid);
  }
  std::ranges::sort(found);
  return imap::SequenceSet::from_sorted(std::span<const imap::Uid>(found));
}

Task<Result<>> fetch_summaries(Client* client, cache::Account* account, cache::MailboxRef mailbox,
                               imap::SequenceSet our_uids) {
  std::vector<imap::FetchItem> items = facts_items(*client, {.date_and_size = true});
  // FETCH macros are avoided: Gmail gets them wrong.
  items.push_back({imap::FetchKind::kEnvelope});
  items.push_back({imap::FetchKind::kBodyStructure});
  // Many clients list a mailbox by header fields: those must not wait for bodies.
  imap::FetchItem header{imap::FetchKind::kBodySection};
  header.section.text = imap::SectionText::kHeader;
  header.peek = true;
  const imap::Section header_section = header.section;
  items.push_back(std::move(header));
  std::vector<imap::SequenceSet> windows =
      split(upstream_uids(*mailbox, our_uids), kSummaryWindow, client->profile().set_bytes);
  std::ranges::reverse(windows);
  for (imap::SequenceSet& window : windows) {
    std::vector<cache::UpstreamMessage> messages;
    std::vector<std::pair<imap::Uid, cache::Summary>> summaries;
    Exchange exchange;
    exchange.on_response = [&](imap::Response& response) {
      auto* fetched = std::get_if<imap::FetchResponse>(&response);
      if (fetched == nullptr) return false;
      std::optional<cache::UpstreamMessage> message = to_message(*fetched);
      if (!message) return true;
      const cache::MessageEntry* entry = mailbox->find_upstream(message->uid);
      if (entry != nullptr && fetched->envelope && fetched->body) {
        cache::Summary summary;
        imap::encode_envelope(*fetched->envelope, &summary.envelope);
        imap::encode_body(*fetched->body, &summary.body);
        imap::encode_body_structure(*fetched->body, &summary.body_structure);
        summary.fields = cache::encode_search_fields(*fetched->envelope);
        for (imap::FetchedData& data : fetched->data) {
          const bool whole = data.form == imap::FetchedData::Form::kInline && !data.origin;
          const bool is_header = whole && data.section == header_section;
          if (is_header && data.bytes.size() <= cache::kMaxHeaderBytes) {
            summary.header = std::move(data.bytes);
          }
        }
        summaries.emplace_back(entry->uid, std::move(summary));
      }
      // What came with news of a message that we do not know is for the next sync to find.
      if (entry != nullptr) messages.push_back(std::move(*message));
      return true;
    };
    CO_TRY(const Answer answer,
           co_await client->run(uid_fetch(std::move(window), items), std::move(exchange)));
    if (!answer.ok()) co_return fail(error_of(answer, "FETCH"));
    std::ranges::sort(messages, {}, &cache::UpstreamMessage::uid);
    if (!messages.empty()) {
      CO_TRY_VOID(co_await account->merge_upstream(mailbox->id(), std::move(messages)));
    }
    if (!summaries.empty()) {
      CO_TRY_VOID(co_await account->put_summaries(mailbox->id(), std::move(summaries)));
    }
  }
  co_return Result<>();
}

}  // namespace upstream
