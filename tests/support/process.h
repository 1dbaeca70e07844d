// Process: a child program of a test that never outlives it, whatever happens to the test.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace support {

struct ProcessOptions {
  std::vector<std::string> argv = {};           // argv[0] is looked up in PATH
  std::map<std::string, std::string> env = {};  // added to, or replacing, the environment
  std::filesystem::path directory = {};         // working directory; empty: unchanged
  std::filesystem::path output = {};  // where stdout and stderr are appended; empty: /dev/null
  bool unprivileged = false;          // as root: run as the user "nobody"
};

/// How a program ended.
struct ExitStatus {
  int code = 0;    // what it returned; meaningless when a signal ended it
  int signal = 0;  // the signal that ended it, or 0
  bool success() const { return code == 0 && signal == 0; }
};

/// A running child behind a small keeper process, which kills the child and everything that the
/// child started as soon as this object goes or this process dies, by SIGKILL included.
///
/// Thread: any; owned by one.
/// Errors: kNotFound when the program cannot be executed, kIo when the system refuses a process.
class Process {
 public:
  static Result<std::unique_ptr<Process>> start(ProcessOptions options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// The program's own process id, not the keeper's.
  pid_t pid() const { return pid_; }
  bool running();
  /// Sends `signal` to the program alone.
  void send_signal(int signal) const;
  /// Errors: kTimeout when it still runs after `limit`.
  Result<ExitStatus> wait(std::chrono::milliseconds limit);
  /// Ends it: SIGTERM, and SIGKILL for whatever is left after `limit`.
  ExitStatus stop(std::chrono::milliseconds limit = std::chrono::seconds(5));
  /// kill -9, at once, and everything that it started too.
  void kill_now();

 private:
  Process(pid_t keeper, int channel) : keeper_(keeper), channel_(channel) {}
  void reap_keeper();

  pid_t keeper_;
  int channel_;
  pid_t pid_ = -1;
  std::optional<ExitStatus> status_;
};

/// What a program that ran to its end printed.
struct Finished {
  ExitStatus status;
  std::string output;  // stdout and stderr together
};

/// Runs a program to its end.
/// Errors: as Process::start; kTimeout (the program is killed then).
Result<Finished> run(ProcessOptions options,
                     std::chrono::milliseconds limit = std::chrono::seconds(60));

/// A TCP port on 127.0.0.1 that nothing used a moment ago. Nobody is kept from taking it before
/// the caller does; who starts a server on it tries again with another one.
std::uint16_t free_port();

/// Waits until something accepts connections on 127.0.0.1:`port`.
/// Errors: kTimeout.
Result<> wait_for_port(std::uint16_t port, std::chrono::milliseconds limit);

}  // namespace support
