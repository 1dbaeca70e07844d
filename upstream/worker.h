// Worker: keeps one account's cache in step with its remote IMAP server.
#pragma once

#include <memory>
#include <string>

#include "base/task.h"
#include "cache/account.h"
#include "cache/remote.h"
#include "config/config.h"
#include "net/loop.h"

namespace upstream {

/// Connects, synchronizes, watches and replays, from start() to stop(). It is the Remote that the
/// account's readers ask.
///
/// Thread:   the account's loop.
/// Lifetime: borrows `loop` and `account`, which outlive it; stop() before it is destroyed.
class Worker final : public cache::Remote {
 public:
  Worker(net::Loop* loop, cache::Account* account, config::Account settings);
  ~Worker() override;

  /// Attaches itself to the account and begins. Returns at once.
  void start();
  /// Ends all work and closes the connections, LOGOUT said where that is quick. Within 3 seconds.
  Task<void> stop();

  /// Logs the protocol from now on, without secrets and message contents.
  void set_trace(bool on);

  // cache::Remote
  bool reachable() const override;
  cache::RemoteStatus status() const override;
  Task<Result<>> ensure_listed(std::stop_token stop) override;
  Task<Result<>> ensure_selectable(cache::MailboxId mailbox, std::stop_token stop) override;
  Task<Result<>> fetch_summaries(cache::MailboxId mailbox, imap::SequenceSet uids,
                                 std::stop_token stop) override;
  Task<Result<>> fetch_bodies(cache::MailboxId mailbox, imap::SequenceSet uids,
                              std::stop_token stop) override;
  Task<Result<imap::SequenceSet>> search(cache::MailboxId mailbox, imap::SequenceSet uids,
                                         imap::SearchKey key, std::stop_token stop) override;
  void selected(cache::MailboxId mailbox) override;
  void unselected(cache::MailboxId mailbox) override;
  void poll(cache::MailboxId mailbox) override;
  void journal_grew() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace upstream
