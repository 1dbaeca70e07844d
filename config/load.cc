#include "config/load.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "config/file.h"
#include "config/json.h"
#include "config/reader.h"
#include "config/schema.h"

namespace config {
namespace {

constexpr std::chrono::seconds kReadTimeout{30};  // of a config that comes from a pipe

// Ports follow from the protocol and TLS unless they are given.
void fill_ports(Config* config) {
  const auto standard = [](Tls tls) -> std::uint16_t { return tls == Tls::kImplicit ? 993 : 143; };
  for (Listener& listener : config->listeners) {
    if (listener.port == 0) listener.port = standard(listener.tls);
  }
  for (auto& [name, account] : config->accounts) {
    if (account.upstream && account.upstream->port == 0) {
      account.upstream->port = standard(account.upstream->tls);
    }
  }
}

Config read_config(Reader& reader, const Json& json) {
  Config config;
  schema().read(reader, json, &config);
  fill_ports(&config);
  if (json.type == Json::Type::kObject) check_whole(reader, config);
  return config;
}

bool holds_secret(const Config& config) {
  const auto is_plain = [](const SecretSource& source) {
    return source.kind == SecretSource::Kind::kPlain;
  };
  return std::ranges::any_of(config.users,
                             [&](const auto& user) { return is_plain(user.second.password); }) ||
         std::ranges::any_of(config.accounts, [&](const auto& account) {
           const auto& upstream = account.second.upstream;
           return upstream && (is_plain(upstream->password) || is_plain(upstream->access_token));
         });
}

// Warns when the file cannot be read now, or when others can read it as well. `tolerated` are the
// permissions that are usual for it.
void check_file(Reader& reader, const std::string& path, const std::string& file,
                mode_t forbidden) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) {
    reader.warning_at(path, fmt::format("{}: {}", in_quotes(file), errno_text(errno)),
                      "a file that can be read");
    return;
  }
  if (!S_ISREG(status.st_mode)) return;  // a pipe or a device is read once, by whom it is for
  if ((status.st_mode & forbidden) != 0) {
    reader.warning_at(path,
                      fmt::format("{} with mode {:04o}, which lets others read it", in_quotes(file),
                                  status.st_mode & 07777U),
                      "mode 0600");
  } else if (::access(file.c_str(), R_OK) != 0) {
    reader.warning_at(path, fmt::format("{}: {}", in_quotes(file), errno_text(errno)),
                      "a file that can be read");
  }
}

void check_files(Reader& reader, const Config& config) {
  constexpr mode_t kNobodyElse = S_IRWXG | S_IRWXO;
  constexpr mode_t kNotTheWorld = S_IRWXO;  // keys are often shared by a group such as ssl-cert
  const auto check_secret = [&](const std::string& path, const SecretSource& source) {
    if (source.kind == SecretSource::Kind::kFile) {
      check_file(reader, path, source.location, kNobodyElse);
    }
  };
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    const std::string path = fmt::format("listeners[{}]", i);
    if (listener.tls == Tls::kNone) continue;
    if (!listener.certificate.empty()) {
      check_file(reader, path + ".certificate", listener.certificate, 0);
    }
    if (!listener.private_key.empty()) {
      check_file(reader, path + ".private_key", listener.private_key, kNotTheWorld);
    }
  }
  for (const auto& [name, account] : config.accounts) {
    if (!account.upstream) continue;
    const std::string path = "accounts." + path_part(name) + ".upstream";
    check_secret(path + ".password", account.upstream->password);
    check_secret(path + ".access_token", account.upstream->access_token);
    if (!account.upstream->ca_file.empty()) {
      check_file(reader, path + ".ca_file", account.upstream->ca_file, 0);
    }
  }
  for (const auto& [name, user] : config.users) {
    check_secret("users." + path_part(name) + ".password", user.password);
  }
}

std::expected<Loaded, Mistakes> answer(Reader& reader, Config config) {
  const bool is_usable = !reader.has_errors();
  Mistakes mistakes = reader.take_mistakes();
  if (!is_usable) return std::unexpected(std::move(mistakes));
  return Loaded{.config = std::move(config), .warnings = std::move(mistakes)};
}

std::unexpected<Mistakes> only(Mistake mistake) {
  Mistakes mistakes;
  mistakes.push_back(std::move(mistake));
  return std::unexpected(std::move(mistakes));
}

}  // namespace

std::expected<Loaded, Mistakes> parse(std::string_view text) {
  auto json = parse_json(text);
  if (!json) return only(std::move(json).error());
  Reader reader;
  Config config = read_config(reader, *json);
  return answer(reader, std::move(config));
}

std::expected<Loaded, Mistakes> load(const std::string& path) {
  const Result<OpenFile> file = OpenFile::open(path);
  if (!file) return only({.found = file.error().text(), .expected = "a file that can be read"});
  auto text = file->read_all(kMaxConfigBytes, std::chrono::steady_clock::now() + kReadTimeout);
  if (!text) {
    return only({.found = text.error().text(),
                 .expected = fmt::format("a file of at most {}", format_size(kMaxConfigBytes))});
  }
  auto json = parse_json(*text);
  if (!json) return only(std::move(json).error());
  Reader reader;
  Config config = read_config(reader, *json);
  check_files(reader, config);
  if (holds_secret(config) && (file->mode() & (S_IRWXG | S_IRWXO)) != 0) {
    reader.warning_at("",
                      fmt::format("mode {:04o} of a file with a secret in it, which lets others "
                                  "read it",
                                  file->mode() & 07777U),
                      "mode 0600");
  }
  return answer(reader, std::move(config));
}

}  // namespace config
