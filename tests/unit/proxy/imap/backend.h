// Backend: local accounts on a real store in a temporary folder, and sessions over them.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "cache/account.h"
#include "cache/store.h"
#include "config/config.h"
#include "net/connection.h"
#include "proxy/imap/failed_logins.h"
#include "proxy/users.h"
#include "tests/support/loop_fixture.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/proxy/imap/far_side.h"

namespace proxy {

/// How a connection of a test begins.
enum class Entry {
  kLoggedIn,  // as "me": the first line is the answer to the login
  kGreeting,
  kInsecureGreeting,  // from another machine, without TLS
};

/// User "me", password "secret", sees `accounts`: the first one at the root. They are local; where
/// `far_mailboxes` names some (INBOX among them), the first one has a remote side that lists these.
///
/// Lifetime: clients are closed before it is destroyed, which ends their sessions.
class Backend {
 public:
  explicit Backend(const std::vector<std::string>& accounts = {"home"},
                   const std::vector<std::string>& far_mailboxes = {});
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  LoopFixture& fixture() { return fixture_; }
  net::Loop* loop() { return fixture_.loop(); }
  config::Limits& limits() { return limits_; }
  cache::Account* account(std::size_t index = 0) { return accounts_[index].get(); }
  const std::shared_ptr<const Users>& users() const { return users_; }
  /// REQUIRES: there are far mailboxes.
  FarSide& far_side() { return *far_side_; }
  /// Sessions that have not ended.
  std::size_t sessions() const { return sessions_->running(); }
  /// What waits on the server's side for clients to read it.
  std::size_t unread_bytes() const;
  /// What ImapServer does at its end.
  void request_stop() { sessions_->request_stop(); }

  /// A client's end; a Login and then a Session serve the other one.
  net::Connection connect(Entry entry);

 private:
  Task<void> serve(net::Connection connection, Entry entry);

  support::TempDir directory_;
  LoopFixture fixture_;
  std::unique_ptr<cache::Store> store_;
  std::unique_ptr<FarSide> far_side_;  // outlives its account
  std::vector<std::unique_ptr<cache::Account>> accounts_;
  std::shared_ptr<const Users> users_;
  config::Limits limits_;
  FailedLogins failed_logins_;
  std::set<net::Connection*> served_;
  std::unique_ptr<TaskGroup> sessions_;
};

/// User "me" with the password "secret" who sees `accounts`, all of them on `loop`.
std::shared_ptr<const Users> make_users(
    net::Loop* loop, const std::vector<std::unique_ptr<cache::Account>>& accounts);

}  // namespace proxy
