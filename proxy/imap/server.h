// ImapServer: listens, authenticates, and runs a session for each client on its account's loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "config/config.h"
#include "net/loop_pool.h"
#include "proxy/users.h"

namespace proxy {

/// A session, for `waystation status` and the logs.
struct SessionInfo {
  std::uint64_t id = 0;
  std::string user;
  std::string peer;
  std::string mailbox;  // selected, or empty
  std::string client;   // what ID said, or empty
  bool tls = false;
  bool idle = false;  // in IDLE
  std::int64_t since = 0;
};

/// Thread:   made, started and stopped on the pool's loop 0; status() from there too.
/// Lifetime: borrows `pool` and the accounts in `users`, which outlive it.
class ImapServer {
 public:
  ImapServer(net::LoopPool* pool, std::shared_ptr<const Users> users, config::Limits limits);
  ~ImapServer();

  /// Listens. Errors: a port taken, a certificate that cannot be used; then nothing listens.
  Result<> start(std::vector<config::Listener> listeners);
  /// The ports in the order of the listeners: for port 0, the one given.
  std::vector<std::uint16_t> ports() const;
  /// Reads the certificates that `listeners`, the same ones as at the start, name now: new
  /// connections get them. Errors leave the old ones.
  Task<Result<>> reload_certificates(std::vector<config::Listener> listeners);
  /// New logins see `users`; sessions that run keep what they have.
  void set_users(std::shared_ptr<const Users> users);
  /// Says BYE to everybody, waits until the sessions have ended (at most some seconds).
  Task<void> stop();

  Task<std::vector<SessionInfo>> sessions();
  /// Logs the protocol of one session (0: of all from now on), without secrets and contents.
  /// Returns whether there is such a session.
  Task<bool> set_trace(std::uint64_t session, bool on);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace proxy
