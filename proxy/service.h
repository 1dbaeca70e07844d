// Service: everything that a config describes, running: accounts, their workers, the listeners.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/allocator.h"
#include "base/result.h"
#include "base/task.h"
#include "base/task_group.h"
#include "cache/account.h"
#include "cache/database.h"
#include "config/config.h"
#include "net/loop_pool.h"
#include "proxy/imap/server.h"
#include "proxy/users.h"

namespace proxy {

/// Keeps an account in step with its remote. upstream::Worker is one; main.cc brings the two rooms
/// together.
///
/// Thread: the account's loop.
class AccountWorker {
 public:
  virtual ~AccountWorker() = default;
  virtual void start() = 0;
  virtual Task<void> stop() = 0;
  virtual void set_trace(bool on) = 0;
};
using MakeWorker = std::function<std::unique_ptr<AccountWorker>(net::Loop*, cache::Account*,
                                                                const config::Account&)>;

/// An account that runs.
struct RunningAccount {
  std::string name;
  net::Loop* loop = nullptr;
  std::unique_ptr<cache::Account> account;
  std::unique_ptr<AccountWorker> worker;  // none for a local account
};

/// Thread:   made, started and stopped on the pool's loop 0.
/// Lifetime: borrows `pool`; stop() before it is destroyed.
class Service {
 public:
  Service(net::LoopPool* pool, config::Config config, MakeWorker make_worker);
  ~Service();

  /// Opens the data directory and the accounts, starts the workers and listens.
  /// Errors: the first thing that fails, said so that an operator can act; what had begun has ended
  ///         again.
  Task<Result<>> start();
  /// BYE to clients, workers and commits ended, the store closed. A few seconds at most.
  Task<void> stop();

  /// Takes what can be changed while running: users, log level, traces, certificates. Returns the
  /// keys whose change needs a restart. Errors leave everything as it was.
  Task<Result<std::vector<std::string>>> reload(config::Config config);

  net::Loop* loop() const { return pool_->loop(0); }
  const config::Config& config() const { return config_; }
  cache::Database& database() { return *database_; }
  const std::vector<RunningAccount>& accounts() const { return accounts_; }
  ImapServer& imap() { return *imap_; }

 private:
  Task<Result<>> open_accounts();
  Task<Result<std::shared_ptr<const Users>>> make_users(config::Config config);
  Task<void> return_memory(std::stop_token stop);

  net::LoopPool* pool_;
  config::Config config_;
  MakeWorker make_worker_;
  std::unique_ptr<cache::Database> database_;
  std::vector<RunningAccount> accounts_;
  std::unique_ptr<ImapServer> imap_;
  MemoryReturner memory_;
  TaskGroup tasks_;  // last: its tasks use the rest
};

}  // namespace proxy
