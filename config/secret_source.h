// SecretSource: where a secret comes from, as the config says it; the secret itself is read later.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace config {

/// Where to read a password or a token. The config file holds the source, rarely the secret.
struct SecretSource {
  enum class Kind {
    kNone,         // not given
    kEnvironment,  // {"env": "NAME"}
    kFile,         // {"file": "/path"}
    kCommand,      // {"command": "pass show mail"}
    kPlain,        // "hunter2", which draws a warning
  };

  Kind kind = Kind::kNone;
  std::string location = {};  // the variable's name, the path or the command; empty for kPlain
  Secret plain = {};          // kPlain only

  bool empty() const { return kind == Kind::kNone; }
  bool operator==(const SecretSource&) const = default;
  /// For people: `environment variable "NAME"`, `file "/path"`; never the secret. The text of a
  /// command is left out too, as it may hold one.
  std::string describe() const;
};

/// Bounds on reading one secret.
struct ResolveLimits {
  std::chrono::milliseconds timeout{30'000};  // of a command
  std::size_t max_bytes = 64 * 1024;          // of a file or of what a command prints
};

/// Reads the secret: now, so that a rotated file or a fresh token counts from the next connection
/// on. One line end (LF or CRLF) is taken off the end of what a file or a command gives.
///
/// A command is run by `sh -c` with standard input from /dev/null and its own process group, which
/// is killed when it takes too long. Its standard error goes to that of this process.
///
/// Thread: any; blocks (file, command): call it through run_blocking.
/// Errors: kNotFound (no such variable or file, or no source), kPermission, kIo, kTimeout,
///         kLimit (too long), kInvalid (empty, or a NUL inside; a command that failed). The text
///         names the source and never holds what was read.
Result<Secret> resolve(const SecretSource& source, const ResolveLimits& limits = {});

}  // namespace config
