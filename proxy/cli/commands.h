// The command line: waystation serve, demo, status, check-config, queue, cache.
#pragma once

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

}  // namespace proxy
