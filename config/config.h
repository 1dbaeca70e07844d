// Config: what the user wrote, with the defaults of what was left out. docs/config.md describes
// every key; it is generated from the same table that the parser uses (config/schema.cc).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "config/secret_source.h"

namespace config {

using Duration = std::chrono::milliseconds;

enum class Tls { kImplicit, kStarttls, kNone };
enum class Protocol { kImap };

/// One address that clients connect to.
struct Listener {
  Protocol protocol = Protocol::kImap;
  std::string address = "127.0.0.1";  // an IP address
  std::uint16_t port = 0;             // after parsing: the given one, or 143 (993 for implicit TLS)
  Tls tls = Tls::kNone;
  std::string certificate;  // PEM chain; not empty unless tls is none
  std::string private_key;  // PEM
  bool allow_plaintext = false;
  bool operator==(const Listener&) const = default;
};

enum class SaslChoice {
  kAuto,
  kPlain,
  kLogin,
  kScramSha1,
  kScramSha256,
  kXoauth2,
  kOauthbearer,
};

/// The remote server of an account.
struct Upstream {
  Protocol protocol = Protocol::kImap;
  std::string host;
  std::uint16_t port = 0;  // after parsing: the given one, or 993 (143 unless TLS is implicit)
  Tls tls = Tls::kImplicit;
  std::string user;
  SecretSource password;      // either this
  SecretSource access_token;  // or this, an OAuth 2.0 bearer token; resolved for each connection
  SaslChoice sasl = SaslChoice::kAuto;
  std::string ca_file;                  // PEM; empty: the system's
  std::string certificate_fingerprint;  // 64 lower-case hex digits of SHA-256; empty: not pinned
  bool allow_plaintext = false;
  bool compress = true;
  std::uint32_t max_connections = 5;
  Duration connect_timeout{30'000};
  Duration response_timeout{30'000};  // silence while a command is pending
  bool operator==(const Upstream&) const = default;
};

/// How hard an account is kept in step.
struct Sync {
  Duration poll_interval{5 * 60'000};
  Duration idle_renewal{2 * 60'000};
  Duration flag_sweep_interval{30 * 60'000};
  Duration reconnect_min{1'000};
  Duration reconnect_max{5 * 60'000};
  bool operator==(const Sync&) const = default;
};

/// Which bodies are fetched before anybody asks for them.
struct Prefetch {
  enum class Kind { kHeaders, kRecent, kAll };
  Kind kind = Kind::kAll;
  Duration recent{0};  // kRecent: bodies of messages younger than this
  bool operator==(const Prefetch&) const = default;
};

inline constexpr std::uint64_t kUnlimited = UINT64_MAX;

/// A mailbox tree: the cache of a remote one or, without upstream, the only place of its mail.
struct Account {
  std::optional<Upstream> upstream;
  Prefetch prefetch;
  std::uint64_t cache_limit_bytes = std::uint64_t{10} << 30;  // or kUnlimited
  Sync sync;                                                  // the top-level one, with overrides
  bool trace = false;                                         // log the protocol, without secrets
  bool operator==(const Account&) const = default;
};

/// Somebody who may log in here.
struct User {
  SecretSource password;              // resolves to a password or to a "SCRAM-SHA-256$…" verifier
  std::vector<std::string> accounts;  // the first one is at the root; never empty
};

struct LogSettings {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
};

/// What one stranger or one client may take.
struct Limits {
  std::uint32_t max_connections = 1'000;
  std::uint32_t max_connections_per_address = 250;
  Duration login_timeout{60'000};
  Duration idle_timeout{30 * 60'000};  // RFC 3501 5.4: at least 30 minutes
  Duration failed_login_delay{2'000};
  std::uint32_t max_failed_logins = 5;  // per connection
  std::uint64_t max_line_bytes = 64 * 1024;
  std::uint64_t max_append_bytes = 256 * 1024 * 1024;
  std::uint64_t max_output_bytes = 1024 * 1024;  // queued for a client that does not read
  Duration write_timeout{60'000};                // and nothing of it taken: the client is gone
  bool operator==(const Limits&) const = default;
};

struct Memory {
  std::uint64_t block_cache_bytes = 24 * 1024 * 1024;
  std::uint64_t write_buffer_bytes = 8 * 1024 * 1024;
  bool operator==(const Memory&) const = default;
};

struct Config {
  std::string data_dir;
  std::vector<Listener> listeners;
  std::map<std::string, Account> accounts;
  std::map<std::string, User> users;
  LogSettings log;
  Limits limits;
  Memory memory;
  Sync sync;
  std::uint32_t threads = 0;  // 0: one per core
};

/// The keys ("threads", "accounts.work") whose difference between two configs a program that runs
/// cannot follow: it has to be started again. It can follow users, certificates, log.level and the
/// traces of accounts.
std::vector<std::string> needs_restart(const Config& running, const Config& wanted);

/// Whether `host` is surely this machine: "localhost", 127.0.0.0/8 or ::1. Other names are not
/// looked up.
bool is_loopback(std::string_view host);

/// How the config file writes it: "starttls", "scram-sha-256", "recent:30d".
std::string_view name_of(Tls tls);
std::string_view name_of(SaslChoice choice);
std::string name_of(const Prefetch& prefetch);

}  // namespace config
