// run_command: what a shell command prints, within bounds.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "config/file.h"

namespace config {

/// Runs `sh -c command` in a process group of its own and returns its standard output. At the
/// deadline, or when it prints too much, the group is killed. Its standard input is empty, its
/// standard error is ours.
///
/// Thread: any; blocks. The process must not ignore SIGCHLD.
/// Errors: kTimeout, kLimit, kIo; kInvalid when it ends with another status than 0. The text holds
///         neither the command nor its output.
Result<std::string> run_command(const std::string& command, std::size_t max_bytes,
                                Deadline deadline);

}  // namespace config
