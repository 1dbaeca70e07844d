// connect: from a host name to a connection, every address tried (Happy Eyeballs).
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "net/address.h"
#include "net/connection.h"
#include "net/loop.h"

namespace net {

struct ConnectOptions {
  std::string host;  // a name or a numeric address
  std::uint16_t port = 0;
  std::chrono::milliseconds deadline = std::chrono::seconds(30);  // look-up and all attempts
};

/// Connects to the first address of the host that answers: families in turn, a new attempt every
/// 250 ms or as soon as one fails (RFC 8305). TCP_NODELAY and keepalive are on.
///
/// Errors: kUnavailable when no address answers, kTimeout; the text lists what was tried and what
///         each attempt said. kCancelled.
Task<Result<Connection>> connect(Loop* loop, ConnectOptions options, std::stop_token stop = {});

/// The same for addresses that are already known.
Task<Result<Connection>> connect(Loop* loop, std::vector<Address> addresses,
                                 std::chrono::milliseconds deadline, std::stop_token stop = {});

/// Connects to a Unix socket. Errors: kUnavailable when nobody listens there.
Task<Result<Connection>> connect_unix(Loop* loop, std::string path,
                                      std::chrono::milliseconds deadline,
                                      std::stop_token stop = {});

}  // namespace net
