// Replay: what clients wrote here, done upstream.
#pragma once

#include <map>
#include <set>
#include <stop_token>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "upstream/client.h"
#include "upstream/names.h"

namespace upstream {

struct ReplayOptions {
  Namespace space;
  // How long a server may still be at what a connection told it that is broken since.
  std::chrono::milliseconds settle{0};
  bool trusts_uid_next = true;  // a mailbox with messages above it is an earlier one
  // What is to be looked at again, and not before when, in seconds since 1970. Never null.
  std::map<cache::JournalSeq, std::int64_t>* put_off = nullptr;
  Log log;
  std::stop_token stop = {};  // ends its pauses; commands end with the connection
};

struct ReplayOutcome {
  bool folders_changed = false;  // the folder list has to be read again
  // Mailboxes with other UIDs than before: what was under way there is to be found among them, by
  // sync_mailbox() with `finds_sent`, before it can be told whether it has arrived.
  std::set<cache::MailboxId> renumbered = {};
  // Mailboxes where flags may not be what is known of them: to be looked at.
  std::set<cache::MailboxId> doubtful = {};
  std::int64_t next_try = 0;  // seconds since 1970: when something that failed wants another try
};

/// Works through the journal in order, for as long as there is something that can be done now.
/// Entries on mailboxes that an earlier entry could not change wait for it; others do not.
/// A write that is not idempotent is noted durably before it is sent; one that was under way when a
/// connection broke is looked for before it is sent again.
/// Errors: as Client::run: the connection is gone. What the server refuses is no error: it is
///         retried or parked.
Task<Result<ReplayOutcome>> replay(Client* client, cache::Account* account, ReplayOptions options);

}  // namespace upstream
