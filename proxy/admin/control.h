// Control: how the program that runs is asked about itself, over a Unix socket in its data
// directory.
//
// A request is one line, its words separated by tabs. The answer is "OK <bytes>\n" and that many
// bytes, or "NO <text>\n"; then the connection ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "base/task_group.h"
#include "net/listener.h"
#include "proxy/service.h"

namespace proxy {

/// Answers status, trace, queue and cache requests.
///
/// Thread:   loop 0.
/// Lifetime: borrows the service; stop() before it is destroyed.
class ControlServer {
 public:
  ControlServer(Service* service, std::int64_t started);

  /// Listens on `data_dir`/control.sock (mode 0600).
  Result<> start();
  Task<void> stop();

  static std::string socket_path(const std::string& data_dir) { return data_dir + "/control.sock"; }

 private:
  Task<void> accept(net::Listener listener);
  Task<void> serve(net::Connection connection);
  Task<Result<std::string>> answer(std::vector<std::string> words);
  Task<Result<std::string>> trace(std::vector<std::string> words);
  Task<Result<std::string>> cache(std::string verb);

  Service* service_;
  std::int64_t started_;
  TaskGroup tasks_;
};

/// For requests that take as long as they take; when the program ends, so does the wait.
inline constexpr std::chrono::hours kNoDeadline{24 * 365};

/// Asks the program that serves `data_dir`. Thread: one without a loop; blocks.
/// Errors: kUnavailable when none runs; kTimeout: no answer within `deadline`; else what it
///         answered.
Result<std::string> ask_control(const std::string& data_dir, const std::vector<std::string>& words,
                                std::chrono::milliseconds deadline = std::chrono::seconds(10));

}  // namespace proxy
