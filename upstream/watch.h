// Watch: IDLE on INBOX and on what clients have selected.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>

#include "base/event.h"
#include "base/result.h"
#include "base/task.h"
#include "base/task_group.h"
#include "cache/account.h"
#include "config/config.h"
#include "upstream/lines.h"

namespace upstream {

/// Listens to one mailbox (SELECT unless it is selected, then one IDLE) until something happens
/// there, `limit` passes or the client is woken. kNews: the mailbox is not, or may not be, what the
/// cache knows. kRefused: the server does no IDLE.
/// Errors: as Client::run; as select_mailbox().
enum class Heard : std::uint8_t { kNothing, kNews, kRefused };
struct ListenOptions {
  cache::MailboxId mailbox;
  bool is_selected = false;
  std::chrono::milliseconds limit{};
  std::function<bool()> is_wanted;  // asked before IDLE is sent
};
Task<Result<Heard>> listen(Client* client, cache::Account* account, ListenOptions options,
                           std::stop_token stop);

/// Thread:   the account's loop.
/// Lifetime: close() before it is destroyed.
class Watch {
 public:
  struct Hooks {
    std::function<bool()> is_online;
    std::function<void(cache::MailboxId, bool urgent)> look_at;
  };
  Watch(net::Loop* loop, cache::Account* account, const config::Account* settings,
        std::vector<Line*> lines, Hooks hooks);

  Task<void> run(std::stop_token stop);

  void selected(cache::MailboxId mailbox);
  void unselected(cache::MailboxId mailbox);
  /// Whether clients have it selected.
  bool is_open(cache::MailboxId mailbox) const { return open_.contains(mailbox); }
  /// Whether a connection listens to it.
  bool listens_to(cache::MailboxId mailbox) const { return watched_.contains(mailbox); }
  /// Whether the server offers IDLE and does it.
  bool has_idle() const { return has_idle_; }
  void set_idle(bool on) { has_idle_ = on; }
  /// What the only connection that can listens to: what was selected last, else INBOX.
  cache::MailboxId favourite() const;
  /// Those that should be listened to and are not are looked at, unless that was just done.
  void poll_others(cache::MailboxId listened);
  void wake() { wake_.set(); }

 private:
  bool is_wanted(cache::MailboxId mailbox) const;
  void start(cache::MailboxId mailbox);
  Task<void> watch(Line* line, cache::MailboxId mailbox);
  Task<Result<>> watch_on(Line* line, cache::MailboxId mailbox);

  net::Loop* loop_;
  cache::Account* account_;
  const config::Account* settings_;
  std::vector<Line*> free_;
  Hooks hooks_;
  std::map<cache::MailboxId, std::uint32_t> open_;  // how many sessions have it selected
  cache::MailboxId last_selected_;
  std::map<cache::MailboxId, Line*> watched_;
  bool has_idle_ = true;
  Event wake_;
  TaskGroup tasks_;  // last: its tasks use the rest
};

}  // namespace upstream
