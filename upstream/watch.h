// Watch: IDLE on INBOX and on what clients have selected.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <vector>

#include "base/event.h"
#include "base/result.h"
#include "base/task.h"
#include "base/task_group.h"
#include "cache/account.h"
#include "config/config.h"
#include "upstream/lines.h"

namespace upstream {

/// How long one IDLE may last: what is configured, or less where the server or the way to it
/// forgets.
std::chrono::milliseconds idle_limit(const Client& client, const config::Account& settings);

/// Thread:   the account's loop.
/// Lifetime: run() ends before it is destroyed.
class Watch {
 public:
  struct Hooks {
    std::function<bool()> is_online;
    std::function<void(cache::MailboxId, bool urgent)> look_at;
  };
  Watch(net::Loop* loop, cache::Account* account, const config::Account* settings,
        std::vector<Line*> lines, Hooks hooks);

  Task<void> run(std::stop_token stop);

  /// Listens to one mailbox until `limit` passes or the client is woken: SELECT, which tells what
  /// came before, then one IDLE. What is not as the cache knows it goes to `look_at`, and listening
  /// goes on. `is_wanted` is asked before IDLE is sent. Returns whether the server does IDLE.
  /// Errors: as Client::run; as select_mailbox().
  Task<Result<bool>> listen(Client* client, cache::MailboxId mailbox,
                            std::chrono::milliseconds limit, std::function<bool()> is_wanted,
                            std::stop_token stop);

  void selected(cache::MailboxId mailbox);
  void unselected(cache::MailboxId mailbox);
  /// Whether clients have it selected.
  bool is_open(cache::MailboxId mailbox) const { return open_.contains(mailbox); }
  /// Whether a connection listens to it.
  bool listens_to(cache::MailboxId mailbox) const { return watched_.contains(mailbox); }
  /// Whether the server offers IDLE and does it.
  bool has_idle() const { return has_idle_; }
  void set_idle(bool on) { has_idle_ = on; }
  /// What should be listened to next: what was selected last, others that clients have open, INBOX;
  /// none when each of them is.
  cache::MailboxId unheard() const;
  /// Those that should be listened to and are not are looked at, unless that was just done.
  void poll_others(cache::MailboxId listened);
  void wake() { wake_.set(); }

 private:
  // What SELECT told when it was last taken for news.
  struct Counters {
    std::uint32_t exists = 0;
    std::uint32_t uid_next = 0;
    std::uint64_t highest_modseq = 0;
    bool operator==(const Counters&) const = default;
  };

  // Flags that were told of one mailbox, until they are compared with what is known.
  struct Told {
    imap::UidValidity uid_validity;
    std::vector<cache::UpstreamMessage> messages;
  };

  void hear(cache::MailboxId mailbox, imap::UidValidity validity, const imap::Response& response);
  Task<void> weigh(cache::MailboxId mailbox);
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
  std::map<cache::MailboxId, Counters> reported_;
  std::map<cache::MailboxId, Told> told_;
  bool has_idle_ = true;
  Event wake_;
  TaskGroup tasks_;  // last: its tasks use the rest
};

}  // namespace upstream
