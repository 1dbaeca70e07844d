// Folders: what mailboxes upstream has, and their counters, in as few round trips as it allows.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "protocol/imap/status_response.h"
#include "upstream/client.h"
#include "upstream/names.h"

namespace upstream {

/// Everything that LIST and its extensions told.
struct FolderList {
  Namespace space;
  std::vector<cache::UpstreamMailbox> mailboxes;
  std::vector<std::string> subscribed;              // our names
  std::map<std::string, imap::StatusItems> status;  // our names; only with LIST-STATUS
};

/// Asks for the namespace (`known`: what it was, so that it need not be asked again) and the list;
/// subscriptions, special uses and counters come with it where the server can, in one round trip.
/// Errors: as Client::run; kProtocol when the list cannot be believed (empty: a brake).
Task<Result<FolderList>> list_folders(Client* client, std::optional<Namespace> known);

struct Counters {
  std::map<std::string, imap::StatusItems> items;  // upstream's raw names; without what is refused
  std::set<std::string> missing;                   // the server says that there is no such mailbox
};
/// The counters of these mailboxes (upstream's raw names), pipelined: one round trip for all.
Task<Result<Counters>> status_of(Client* client, std::vector<std::string> raw_names);

/// Whether LIST knows a mailbox of this name (upstream's raw name): for servers whose NO does not
/// say what it is about.
Task<Result<bool>> is_listed(Client* client, std::string raw_name);

}  // namespace upstream
