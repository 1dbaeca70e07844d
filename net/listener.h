// Listener: accepts connections on a TCP port or a Unix socket.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "net/connection.h"
#include "net/loop.h"

namespace net {

/// A listening socket. Running out of descriptors does not end it: it logs, waits a little and goes
/// on.
///
/// Thread:   the loop's.
/// Lifetime: destroyed when nobody awaits accept(); a Unix socket's file goes with it.
class Listener {
 public:
  /// Listens on a numeric `address` ("0.0.0.0" and "::" are all of them; "::" takes IPv6 alone).
  /// Port 0 takes a free one.
  /// Errors: kAlreadyExists when the port is taken, kPermission when it needs privileges, kInvalid
  ///         for an address that is none or not of this machine; the text says what to do.
  static Result<Listener> tcp(Loop* loop, std::string address, std::uint16_t port);
  /// Listens on a Unix socket that only this user may open (mode 0600). A file that a dead process
  /// left behind is replaced.
  /// Errors: kAlreadyExists when a living process answers there, or something else than a socket
  /// is.
  static Result<Listener> unix_socket(Loop* loop, std::string path);

  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) noexcept;
  ~Listener();

  /// The port, also when it was chosen by the system; 0 for a Unix socket.
  std::uint16_t port() const;
  /// "127.0.0.1:1143" or "unix:/path", for logs.
  const std::string& text() const;

  /// Waits for the next connection, on this loop. Others queue in the kernel meanwhile.
  /// Cancel: kCancelled.
  /// REQUIRES: no other accept is being awaited.
  Task<Result<Connection>> accept(std::stop_token stop = {});

 private:
  struct Impl;
  static Task<Result<Connection>> accept_on(Impl* impl, std::stop_token stop);
  explicit Listener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace net
