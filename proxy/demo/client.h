// DemoClient: a mail client of few words, to measure what one waits for.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "net/connection.h"
#include "net/loop.h"

namespace proxy {

/// Thread: the loop's.
class DemoClient {
 public:
  /// Connects and logs in as "demo".
  static Task<Result<DemoClient>> open(net::Loop* loop, std::uint16_t port);

  /// Runs a command and returns all that came, up to and with its tagged line. Errors: as the
  /// connection's; kInvalid when the answer is not OK.
  Task<Result<std::string>> run(std::string command);
  Task<Result<std::string>> append(std::string mailbox, std::string message);

 private:
  explicit DemoClient(net::Connection connection) : connection_(std::move(connection)) {}
  Task<Result<std::string>> read_until(std::string tag);

  net::Connection connection_;
  std::uint64_t last_tag_ = 0;
};

}  // namespace proxy
