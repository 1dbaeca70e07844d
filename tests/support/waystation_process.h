// WaystationProcess: the real program, started by a test with a config of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/support/process.h"
#include "tests/support/raw_imap.h"
#include "tests/support/temp_dir.h"

namespace support {

struct WaystationOptions {
  std::filesystem::path program = {};  // the executable under test
  bool local = false;                  // the account has no upstream
  std::uint16_t upstream_port = 0;     // on this machine: a server's, or a link's in front of it
  std::string upstream_user = {};
  std::string upstream_password = {};
  std::string upstream_tls = "none";
  std::filesystem::path upstream_ca_file = {};
  bool compress = true;
  std::string prefetch = "all";
  std::string log_level = "debug";
  std::string log_format = "text";
  std::string local_tls = "none";           // with a certificate of its own; see ca_file()
  std::string extra_upstream = {};          // JSON members to add: "\"compress\": false"
  std::string extra_account = {};           // the same, one level above
  std::string extra_config = {};            // and at the top
  std::vector<std::string> run_under = {};  // a command in front of the program: {"prlimit", ...}
};

/// What `waystation status --json` says, as far as tests ask.
struct WaystationStatus {
  std::string state;  // of the account: "online", "offline", ...
  std::string last_error;
  std::string tier;
  std::uint64_t pending = 0;
  std::uint64_t parked = 0;
  std::uint64_t reconnects_last_minute = 0;
  struct Mailbox {
    std::string name;
    std::uint64_t messages = 0;
    std::uint64_t summaries = 0;
    std::uint64_t bodies = 0;
    std::int64_t last_good_check = 0;
  };
  std::vector<Mailbox> mailboxes;
  /// Every mailbox was checked once and everything of it is here.
  bool complete() const;
};

/// One account ("work"), one user ("me"), one plain listener on a free port of 127.0.0.1.
///
/// Thread:   any; owned by one.
/// Lifetime: the folder and the process go with the object, also when the test crashes.
/// Errors:   kTimeout when it does not listen in time, with its log.
class WaystationProcess {
 public:
  static Result<std::unique_ptr<WaystationProcess>> start(WaystationOptions options);

  std::uint16_t port() const { return port_; }
  std::string user() const { return "me"; }
  std::string password() const { return "local secret"; }
  std::filesystem::path ca_file() const { return dir_ / "local.crt"; }
  std::filesystem::path config_file() const { return dir_ / "config.json"; }
  std::filesystem::path data_dir() const { return dir_ / "data"; }
  pid_t pid() const { return process_ ? process_->pid() : -1; }
  bool running() { return process_ && process_->running(); }
  void send_signal(int signal) const { process_->send_signal(signal); }
  std::string log() const;
  /// Resident memory. Errors: kNotFound when it does not run.
  Result<std::uint64_t> memory_bytes() const;

  Result<std::unique_ptr<RawImap>> login() const;

  /// SIGTERM, and its end. ExitStatus::signal is SIGKILL when it did not end in time.
  ExitStatus stop();
  void kill_hard();
  /// With `env` added to the environment, this time.
  Result<> start_again(std::map<std::string, std::string> env = {});

  /// Runs `waystation ARGUMENTS... --config FILE`.
  Result<Finished> command(std::vector<std::string> arguments) const;
  Result<WaystationStatus> status() const;
  /// Errors: kTimeout with what is missing.
  Result<> wait_until_complete(std::chrono::milliseconds limit = std::chrono::seconds(60)) const;
  /// Until nothing waits to be sent upstream. Errors: kTimeout.
  Result<> wait_until_sent(std::chrono::milliseconds limit = std::chrono::seconds(60)) const;

 private:
  explicit WaystationProcess(WaystationOptions options);
  Result<> write_config() const;

  TempDir dir_;
  WaystationOptions options_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Process> process_;
};

/// The pause of eventually().
void short_pause();

/// Calls `done` every 50 ms until it is true or `limit` has passed.
template <class F>
bool eventually(F done, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    if (done()) return true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    short_pause();
  }
}

}  // namespace support
