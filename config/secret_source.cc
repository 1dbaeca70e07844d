#include "config/secret_source.h"

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "config/command.h"
#include "config/file.h"
#include "config/units.h"

namespace config {
namespace {

// Editors and commands end a file with a line end, which is no part of the secret.
void strip_line_end(std::string* text) {
  if (text->ends_with('\n')) text->pop_back();
  if (text->ends_with('\r')) text->pop_back();
}

Result<std::string> read_source(const SecretSource& source, const ResolveLimits& limits) {
  const Deadline deadline = std::chrono::steady_clock::now() + limits.timeout;
  switch (source.kind) {
    case SecretSource::Kind::kNone:
      return fail(Errc::kNotFound, "not given");
    case SecretSource::Kind::kPlain:
      return std::string(source.plain.reveal());
    case SecretSource::Kind::kEnvironment: {
      const char* const value = std::getenv(source.location.c_str());
      if (value == nullptr) return fail(Errc::kNotFound, "not set");
      return std::string(value);
    }
    case SecretSource::Kind::kFile: {
      TRY(const OpenFile file, OpenFile::open(source.location));
      TRY(std::string text, file.read_all(limits.max_bytes, deadline));
      strip_line_end(&text);
      return text;
    }
    case SecretSource::Kind::kCommand: {
      TRY(std::string text, run_command(source.location, limits.max_bytes, deadline));
      strip_line_end(&text);
      return text;
    }
  }
  return fail(Errc::kBug, "an unknown kind of secret");
}

}  // namespace

std::string SecretSource::describe() const {
  switch (kind) {
    case Kind::kNone:
      return "no secret";
    case Kind::kEnvironment:
      return fmt::format("environment variable {}", in_quotes(location));
    case Kind::kFile:
      return fmt::format("file {}", in_quotes(location));
    case Kind::kCommand:
      return "the secret's command";
    case Kind::kPlain:
      return "the secret in the config";
  }
  return "no secret";
}

Result<Secret> resolve(const SecretSource& source, const ResolveLimits& limits) {
  Result<std::string> text = read_source(source, limits);
  if (!text) return fail(std::move(text).error().within(source.describe()));
  Secret secret(std::move(*text));
  if (secret.empty()) return fail(Errc::kInvalid, source.describe() + ": empty");
  if (secret.reveal().find('\0') != std::string_view::npos) {
    return fail(Errc::kInvalid, source.describe() + ": has a NUL byte");
  }
  return secret;
}

}  // namespace config
