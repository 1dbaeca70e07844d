#include "proxy/admin/status.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/on_executor.h"
#include "proxy/version.h"

namespace proxy {
namespace {

using Json = nlohmann::json;
using State = cache::RemoteStatus::State;

AccountStatus status_of(const cache::Account& account) {
  AccountStatus status;
  status.name = account.name();
  status.local = account.is_local();
  status.remote = account.remote().status();
  std::map<cache::MailboxId, std::uint64_t> pending;
  for (const auto& [seq, entry] : account.journal()) {
    ++pending[cache::mailbox_of(entry.op)];
    if (entry.state == cache::JournalState::kParked) {
      ++status.parked;
      continue;
    }
    ++status.pending;
    if (status.oldest_pending == 0) status.oldest_pending = entry.created;
  }
  for (const auto& [name, record] : account.mailboxes()) {
    if ((record->attributes & cache::kNoSelect) != 0) continue;
    MailboxStatus mailbox;
    mailbox.name = name;
    mailbox.messages = record->messages;
    mailbox.summaries = record->summaries;
    mailbox.bodies = record->bodies;
    mailbox.last_good_check = record->upstream.last_good_check;
    const auto waiting = pending.find(record->id);
    if (waiting != pending.end()) mailbox.pending = waiting->second;
    status.mailboxes.push_back(std::move(mailbox));
  }
  return status;
}

struct StateName {
  State state;
  const char* name;
};
constexpr StateName kStates[] = {{State::kNone, "local"},
                                 {State::kConnecting, "connecting"},
                                 {State::kOnline, "online"},
                                 {State::kOffline, "offline"},
                                 {State::kRefused, "refused"}};

const char* name_of(State state) {
  for (const StateName& row : kStates) {
    if (row.state == state) return row.name;
  }
  return "unknown";
}

Json to_json(const MailboxStatus& mailbox) {
  return {{"name", mailbox.name},           {"messages", mailbox.messages},
          {"summaries", mailbox.summaries}, {"bodies", mailbox.bodies},
          {"pending", mailbox.pending},     {"last_good_check", mailbox.last_good_check}};
}

Json to_json(const AccountStatus& account) {
  Json json = {{"name", account.name},
               {"local", account.local},
               {"state", name_of(account.remote.state)},
               {"server", account.remote.server},
               {"last_error", account.remote.last_error},
               {"since", account.remote.since},
               {"next_try", account.remote.next_try},
               {"connections", account.remote.connections},
               {"reconnects_last_minute", account.remote.reconnects_last_minute},
               {"bytes_in", account.remote.bytes_in},
               {"bytes_out", account.remote.bytes_out},
               {"tier", account.remote.tier},
               {"pending", account.pending},
               {"parked", account.parked},
               {"oldest_pending", account.oldest_pending},
               {"mailboxes", Json::array()}};
  for (const MailboxStatus& mailbox : account.mailboxes) {
    json["mailboxes"].push_back(to_json(mailbox));
  }
  return json;
}

template <class T>
void read(const Json& json, const char* key, T* into) {
  const auto found = json.find(key);
  if (found != json.end()) found->get_to(*into);
}

MailboxStatus mailbox_from(const Json& json) {
  MailboxStatus mailbox;
  read(json, "name", &mailbox.name);
  read(json, "messages", &mailbox.messages);
  read(json, "summaries", &mailbox.summaries);
  read(json, "bodies", &mailbox.bodies);
  read(json, "pending", &mailbox.pending);
  read(json, "last_good_check", &mailbox.last_good_check);
  return mailbox;
}

AccountStatus account_from(const Json& json) {
  AccountStatus account;
  read(json, "name", &account.name);
  read(json, "local", &account.local);
  std::string state;
  read(json, "state", &state);
  for (const StateName& row : kStates) {
    if (state == row.name) account.remote.state = row.state;
  }
  read(json, "server", &account.remote.server);
  read(json, "last_error", &account.remote.last_error);
  read(json, "since", &account.remote.since);
  read(json, "next_try", &account.remote.next_try);
  read(json, "connections", &account.remote.connections);
  read(json, "reconnects_last_minute", &account.remote.reconnects_last_minute);
  read(json, "bytes_in", &account.remote.bytes_in);
  read(json, "bytes_out", &account.remote.bytes_out);
  read(json, "tier", &account.remote.tier);
  read(json, "pending", &account.pending);
  read(json, "parked", &account.parked);
  read(json, "oldest_pending", &account.oldest_pending);
  for (const Json& mailbox : json.value("mailboxes", Json::array())) {
    account.mailboxes.push_back(mailbox_from(mailbox));
  }
  return account;
}

}  // namespace

Task<StatusReport> gather_status(Service* service, std::int64_t started) {
  StatusReport report;
  report.version = kVersion;
  report.pid = ::getpid();
  report.started = started;
  report.now = std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
                   .count();
  Executor* home = service->loop();
  const cache::Store::Stats stats =
      co_await run_blocking(home, [service] { return service->database().store()->stats(); });
  report.disk_bytes = stats.disk_bytes;
  report.memory_bytes = stats.memory_bytes;
  for (const RunningAccount& running : service->accounts()) {
    std::move_only_function<Task<AccountStatus>()> look = [account = running.account.get()] {
      return [](cache::Account* on) -> Task<AccountStatus> { co_return status_of(*on); }(account);
    };
    report.accounts.push_back(co_await run_on<AccountStatus>(running.loop, home, std::move(look)));
  }
  report.sessions = co_await service->imap().sessions();
  co_return report;
}

std::string status_to_json(const StatusReport& report) {
  Json json = {{"version", report.version},       {"pid", report.pid},
               {"started", report.started},       {"now", report.now},
               {"disk_bytes", report.disk_bytes}, {"memory_bytes", report.memory_bytes},
               {"accounts", Json::array()},       {"sessions", Json::array()}};
  for (const AccountStatus& account : report.accounts) json["accounts"].push_back(to_json(account));
  for (const SessionInfo& session : report.sessions) {
    json["sessions"].push_back({{"id", session.id},
                                {"user", session.user},
                                {"peer", session.peer},
                                {"mailbox", session.mailbox},
                                {"client", session.client},
                                {"tls", session.tls},
                                {"idle", session.idle},
                                {"since", session.since}});
  }
  // Names come from servers and clients: bytes that are not UTF-8 must not end the program.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<StatusReport> status_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    StatusReport report;
    read(json, "version", &report.version);
    read(json, "pid", &report.pid);
    read(json, "started", &report.started);
    read(json, "now", &report.now);
    read(json, "disk_bytes", &report.disk_bytes);
    read(json, "memory_bytes", &report.memory_bytes);
    for (const Json& account : json.value("accounts", Json::array())) {
      report.accounts.push_back(account_from(account));
    }
    for (const Json& row : json.value("sessions", Json::array())) {
      SessionInfo session;
      read(row, "id", &session.id);
      read(row, "user", &session.user);
      read(row, "peer", &session.peer);
      read(row, "mailbox", &session.mailbox);
      read(row, "client", &session.client);
      read(row, "tls", &session.tls);
      read(row, "idle", &session.idle);
      read(row, "since", &session.since);
      report.sessions.push_back(std::move(session));
    }
    return report;
  } catch (const Json::exception& error) {
    return fail(Errc::kProtocol, fmt::format("the status is not understood: {}", error.what()));
  }
}

}  // namespace proxy
