// Login: a connection from its greeting until somebody has proved who they are.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/log.h"
#include "base/task.h"
#include "config/config.h"
#include "net/connection.h"
#include "net/tls.h"
#include "proxy/imap/command_reader.h"
#include "proxy/imap/failed_logins.h"
#include "proxy/imap/reply.h"
#include "proxy/users.h"

namespace proxy {

/// Who logged in, and the tag of the command that is to be answered when the session begins.
struct LoggedIn {
  const User* user = nullptr;
  std::string tag;
  std::string client;  // what ID said
};

/// RFC 3501 3.1: CAPABILITY, NOOP, LOGOUT, ID, STARTTLS, AUTHENTICATE and LOGIN.
///
/// Thread:   the loop that accepted the connection.
/// Lifetime: borrows the connection and `failed`.
class Login {
 public:
  /// `tls`: for STARTTLS, where the listener offers it. `plaintext_allowed`: passwords may go over
  /// this connection as it is.
  Login(net::Connection* connection, std::shared_ptr<const Users> users,
        std::optional<net::ServerTls> tls, bool plaintext_allowed, config::Limits limits,
        FailedLogins* failed, Log log);

  /// Greets and serves until a login, LOGOUT, the end of the connection, too many failures or the
  /// time limit. Nothing: close the connection.
  Task<std::optional<LoggedIn>> run(std::stop_token stop);

 private:
  bool is_protected() const { return plaintext_allowed_ || connection_->is_tls(); }
  std::chrono::milliseconds time_left() const;
  std::vector<std::string> capabilities() const;
  void answer(const std::string& tag, const Reply& reply);
  void say_bye(std::string text);
  template <class Response>
  void write(const Response& response);

  Task<std::optional<LoggedIn>> execute(imap::TaggedCommand command);
  Task<void> start_tls(std::string tag);
  Task<std::optional<LoggedIn>> check_password(std::string tag, imap::LoginCommand command);
  Task<std::optional<LoggedIn>> authenticate(std::string tag, imap::AuthenticateCommand command);
  Task<Result<std::string>> exchange(imap::AuthenticateCommand command);
  std::optional<LoggedIn> admit(std::string tag, const std::string& user);
  Task<void> wait_for_turn();
  Task<void> refuse(std::string tag, std::string name, Error error);

  net::Connection* connection_;
  std::shared_ptr<const Users> users_;
  std::optional<net::ServerTls> tls_;
  bool plaintext_allowed_;
  config::Limits limits_;
  FailedLogins* failed_;
  Log log_;
  CommandReader reader_;
  std::stop_token stop_;
  std::chrono::steady_clock::time_point until_;
  std::uint32_t failures_ = 0;
  std::string client_;
  bool done_ = false;
};

}  // namespace proxy
