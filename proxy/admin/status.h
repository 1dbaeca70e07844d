// Status: what the running program says of itself, and how it is shown.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "cache/remote.h"
#include "proxy/imap/server.h"
#include "proxy/service.h"

namespace proxy {

struct MailboxStatus {
  std::string name;
  std::uint64_t messages = 0;
  std::uint64_t summaries = 0;       // can be listed without the network
  std::uint64_t bodies = 0;          // can be read without the network
  std::uint64_t pending = 0;         // journal entries
  std::int64_t last_good_check = 0;  // seconds since 1970; 0: never
};

struct AccountStatus {
  std::string name;
  bool local = false;
  cache::RemoteStatus remote;
  std::uint64_t pending = 0;
  std::uint64_t parked = 0;
  std::int64_t oldest_pending = 0;  // seconds since 1970
  std::vector<MailboxStatus> mailboxes;
};

struct StatusReport {
  std::string version;
  std::int64_t pid = 0;
  std::int64_t started = 0;
  std::int64_t now = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t memory_bytes = 0;
  std::vector<AccountStatus> accounts;
  std::vector<SessionInfo> sessions;
};

/// Asks every account on its loop. Thread: loop 0.
Task<StatusReport> gather_status(Service* service, std::int64_t started);

std::string status_to_json(const StatusReport& report);
Result<StatusReport> status_from_json(std::string_view json);

/// A table of accounts and mailboxes for a terminal `columns` wide, with progress bars while there
/// is something to fetch. Without `color` plain text, as for a pipe.
std::string render_status(const StatusReport& report, std::size_t columns, bool color);

}  // namespace proxy
