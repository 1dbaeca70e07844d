// Survey: the folder list with counters, and which mailboxes are not what they were.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "upstream/client.h"
#include "upstream/folders.h"

namespace upstream {

/// Whether upstream has it and lets it be opened.
bool is_syncable(const cache::MailboxRecord& record);

struct SurveyOptions {
  std::optional<Namespace> space;  // what it was, so that it need not be asked again
  bool condstore = false;          // HIGHESTMODSEQ tells of flags
  /// Without it: whether nobody has to look at the mailbox's flags now.
  std::function<bool(const cache::MailboxRecord&)> flags_are_fresh;
  /// Asked before the list is believed; its error ends the survey.
  std::function<Result<>(const FolderList&)> check;
  /// Called when the list is in the cache.
  std::function<void()> on_listed;
  /// Awaited before counters are compared: what is being synced meanwhile.
  std::function<Task<void>()> beside;
  /// Called for each mailbox to be synced, with how many messages the server says that it has.
  std::function<void(const cache::MailboxRecord&, std::optional<std::uint64_t>)> on_changed;
};

/// One round trip where the server has LIST-STATUS, two elsewhere. Mailboxes whose counters are
/// what they were are known good as of now.
/// Errors: as list_folders(); as `check`.
Task<Result<>> survey(Client* client, cache::Account* account, SurveyOptions options);

}  // namespace upstream
