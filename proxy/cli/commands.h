// The command line: waystation serve, demo, status, check-config, queue, cache.
#pragma once

#include <string>
#include <vector>

#include "proxy/service.h"

namespace proxy {

/// Parses the arguments and runs the command. Returns the exit status: 0 fine, 1 the command
/// failed, 2 the arguments or the config are wrong.
int run_command_line(int argc, char** argv, MakeWorker make_worker);

/// `waystation serve`: until SIGINT or SIGTERM; SIGHUP reads the config again.
int serve(const std::string& config_path, MakeWorker make_worker);
/// `waystation check-config`
int check_config(const std::string& config_path, bool reference);
/// `waystation status`
int show_status(const std::string& data_dir, bool json, bool watch);
/// `waystation queue`: list, or a verb with an account and an entry's number.
int handle_queue(const std::string& data_dir, const std::vector<std::string>& words, bool json);
/// `waystation queue export`: to standard output, or a file for each message in `directory`.
int export_entry(const std::string& data_dir, const std::string& account, const std::string& entry,
                 const std::string& directory);
/// `waystation trace`: `what` is "account" or "session".
int set_trace(const std::string& data_dir, const std::string& what, const std::string& which,
              bool on);
/// `waystation cache`: verify, stats or compact. 1 also when verify finds something.
int handle_cache(const std::string& data_dir, const std::string& verb, bool json);
/// `waystation demo`: a far mailbox and a near one that caches it.
struct DemoOptions {
  bool once = false;  // end after the table
  std::size_t messages = 2'000;
};
int run_demo(const DemoOptions& options, MakeWorker make_worker);

}  // namespace proxy
