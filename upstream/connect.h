// connect: from settings to a connection that has logged in.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "base/task.h"
#include "config/config.h"
#include "net/loop.h"
#include "upstream/client.h"

namespace upstream {

struct ConnectRequest {
  config::Upstream settings;
  bool compress = false;  // COMPRESS=DEFLATE when offered: one round trip more
  bool qresync = true;    // ENABLE QRESYNC when offered; else CONDSTORE
  bool trace = false;
  Log log;
};

/// A connection that is ready for work.
struct Connected {
  std::unique_ptr<Client> client;
  std::string server;    // what it says it is: ID, else the greeting
  bool qresync = false;  // ENABLE QRESYNC was confirmed
};

/// Connects, verifies, authenticates, says who we are (ID) and enables what is there: five round
/// trips at worst besides TLS, three where the server tells its capabilities unasked.
///
/// Errors: kPermission: the credentials, or the server's certificate, are not accepted: retry in
///         minutes, not seconds. kUnavailable, kTimeout, kClosed, kIo: retry. kProtocol. kNotFound:
///         the secret cannot be read.
Task<Result<Connected>> connect(net::Loop* loop, ConnectRequest request, std::stop_token stop);

}  // namespace upstream
