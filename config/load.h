// load and parse: from the text of a config file to a Config, or to the list of all its mistakes.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace config {

/// One thing that is wrong with the file, or that deserves a warning. Never holds a secret.
struct Mistake {
  enum class Severity { kError, kWarning };

  Severity severity = Severity::kError;
  std::string path = {};      // "accounts.work.upstream.port", "listeners[0].tls"; empty: the file
  std::size_t line = 0;       // from 1; 0: not known (the file could not be read)
  std::size_t column = 0;     // syntax errors only; in bytes, from 1
  std::string found = {};     // "70000", "an unknown key"
  std::string expected = {};  // "a number from 1 to 65535"; may be empty
  std::string hint = {};      // "did you mean \"port\"?"; may be empty
};

using Mistakes = std::vector<Mistake>;

/// A config that can be used, with what deserves a warning.
struct Loaded {
  Config config;
  Mistakes warnings;
};

/// No file that people write is larger, and no bigger one is read.
inline constexpr std::size_t kMaxConfigBytes = 16 * 1024 * 1024;

/// Parses the text of a config file: JSON with // and /* */ comments. Looks at nothing but the
/// text, so no file that it names needs to exist.
/// Errors: every mistake of the file at once, warnings among them; at least one is a kError.
std::expected<Loaded, Mistakes> parse(std::string_view text);

/// Reads and parses the file at `path`; also warns about files with secrets (this one if it holds
/// any, password files, private keys) that others on this machine may read.
/// Thread: any; blocks.
std::expected<Loaded, Mistakes> load(const std::string& path);

/// Several lines for a terminal, one per mistake, lined up, in the order of the file:
///   waystation.json:7: error:   accounts.work.upstream.port: found 70000, expected …
/// `origin` is the name of the file. Ends in a line end unless there are none.
std::string describe(std::span<const Mistake> mistakes, std::string_view origin);

/// The reference of every key, as in docs/config.md.
std::string reference_markdown();

}  // namespace config
