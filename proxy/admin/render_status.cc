#include <algorithm>

#include "base/log.h"
#include "proxy/admin/status.h"
#include "proxy/admin/text_table.h"

namespace proxy {
namespace {

using State = cache::RemoteStatus::State;

std::string paint(std::string text, const char* code, bool color) {
  return color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

std::string state_line(const AccountStatus& account, std::int64_t now, bool color) {
  const cache::RemoteStatus& remote = account.remote;
  const std::string age = remote.since == 0 ? "" : " for " + human_age(now - remote.since);
  switch (remote.state) {
    case State::kNone:
      return paint("local", "36", color);
    case State::kConnecting:
      return paint("connecting" + age, "33", color);
    case State::kOnline:
      return paint("online" + age, "32", color);
    case State::kOffline:
      return paint(fmt::format("offline{}, next try in {}", age,
                               human_age(std::max<std::int64_t>(0, remote.next_try - now))),
                   "33", color);
    case State::kRefused:
      return paint("refused" + age, "31", color);
  }
  return "unknown";
}

std::string checked(std::int64_t when, std::int64_t now) {
  return when <= 0 ? "never" : human_age(now - when) + " ago";
}

void append_account(const AccountStatus& account, std::int64_t now, std::size_t columns, bool color,
                    std::string* out) {
  *out += paint(account.name, "1", color) + "  " + state_line(account, now, color);
  if (!account.remote.server.empty()) *out += "  " + account.remote.server;
  if (!account.remote.tier.empty()) *out += "  " + account.remote.tier;
  *out += '\n';
  if (account.remote.state != State::kOnline && !account.remote.last_error.empty()) {
    *out += "  last error: " + account.remote.last_error + '\n';
  }
  if (account.remote.reconnects_last_minute > 1) {
    *out += fmt::format("  {} connections begun in the last minute\n",
                        account.remote.reconnects_last_minute);
  }
  std::uint64_t messages = 0;
  std::uint64_t bodies = 0;
  for (const MailboxStatus& mailbox : account.mailboxes) {
    messages += mailbox.messages;
    bodies += mailbox.bodies;
  }
  if (bodies < messages) {
    *out += fmt::format("  {} {} of {} messages here\n", progress_bar(bodies, messages, 30), bodies,
                        messages);
  }
  if (account.pending > 0) {
    *out += fmt::format("  {} for upstream, the oldest for {}\n",
                        account.pending == 1 ? std::string("1 write waits")
                                             : fmt::format("{} writes wait", account.pending),
                        human_age(now - account.oldest_pending));
  }
  if (account.parked > 0) {
    *out += paint(fmt::format("  {} refused: see waystation queue list\n",
                              account.parked == 1 ? std::string("1 write was")
                                                  : fmt::format("{} writes were", account.parked)),
                  "31", color);
  }
  using enum TextTable::Align;
  TextTable table({{"mailbox", kLeft},
                   {"messages", kRight},
                   {"listed", kRight},
                   {"bodies", kRight},
                   {"pending", kRight},
                   {"checked", kRight}});
  for (const MailboxStatus& mailbox : account.mailboxes) {
    table.add({mailbox.name, std::to_string(mailbox.messages), std::to_string(mailbox.summaries),
               std::to_string(mailbox.bodies), std::to_string(mailbox.pending),
               account.local ? "-" : checked(mailbox.last_good_check, now)});
  }
  *out += table.render(columns);
}

}  // namespace

std::string render_status(const StatusReport& report, std::size_t columns, bool color) {
  std::string out = fmt::format("waystation {}, process {}, up {}, {} on disk, {} in caches\n",
                                report.version, report.pid, human_age(report.now - report.started),
                                human_bytes(report.disk_bytes), human_bytes(report.memory_bytes));
  for (const AccountStatus& account : report.accounts) {
    out += '\n';
    append_account(account, report.now, columns, color, &out);
  }
  if (!report.sessions.empty()) {
    using enum TextTable::Align;
    TextTable table({{"user", kLeft},
                     {"session", kRight},
                     {"from", kLeft},
                     {"mailbox", kLeft},
                     {"client", kLeft},
                     {"since", kRight}});
    for (const SessionInfo& session : report.sessions) {
      table.add({session.user.empty() ? "(not logged in)" : session.user,
                 std::to_string(session.id), session.peer + (session.tls ? " TLS" : ""),
                 session.mailbox + (session.idle ? " (idle)" : ""), session.client,
                 human_age(report.now - session.since)});
    }
    out += '\n' + table.render(columns);
  }
  return out;
}

}  // namespace proxy
