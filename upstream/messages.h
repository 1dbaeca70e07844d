// Messages: what upstream has in the selected mailbox, brought into the cache.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "protocol/imap/fetch_response.h"
#include "protocol/imap/sequence_set.h"
#include "upstream/client.h"

namespace upstream {

/// Every UID of the selected mailbox: with ESEARCH a few bytes, even for a million messages.
Task<Result<imap::SequenceSet>> all_uids(Client* client);

/// What to fetch of messages besides their UID.
struct Facts {
  bool flags = true;
  bool date_and_size = false;
  std::optional<std::uint64_t> changed_since = std::nullopt;  // RFC 7162 3.1.4.1
};
/// Facts of `uids` in the selected mailbox, by UID. Errors: as Client::run; the server's NO.
Task<Result<std::vector<cache::UpstreamMessage>>> fetch_messages(Client* client,
                                                                 imap::SequenceSet uids,
                                                                 Facts facts);
/// Fetches facts of `uids` (upstream's; "*" allowed) in windows, newest first, pipelined, and
/// merges them into the cache as they come. Returns how many messages were told of.
Task<Result<std::size_t>> fetch_facts(Client* client, cache::Account* account,
                                      cache::MailboxId mailbox, imap::SequenceSet uids,
                                      Facts facts);

/// A response as the cache wants it; none without a UID.
std::optional<cache::UpstreamMessage> to_message(const imap::FetchResponse& response);

/// Fetches ENVELOPE and BODYSTRUCTURE (with flags, date and size where `facts`) of these messages
/// (our UIDs), and puts them into the cache.
Task<Result<>> fetch_summaries(Client* client, cache::Account* account, cache::MailboxRef mailbox,
                               imap::SequenceSet our_uids);

/// The upstream UIDs of our UIDs, those without one left out.
imap::SequenceSet upstream_uids(const cache::Mailbox& mailbox, const imap::SequenceSet& ours);

/// Splits a set so that no command gets longer than servers take (RFC 7162 4: 8,192 octets).
std::vector<imap::SequenceSet> split(const imap::SequenceSet& set, std::size_t max_messages,
                                     std::size_t max_bytes = Profile().set_bytes);

}  // namespace upstream
