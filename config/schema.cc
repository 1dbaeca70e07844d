#include "config/schema.h"

namespace config {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kKilobyte = 1024;
constexpr std::uint64_t kMegabyte = 1024 * kKilobyte;
constexpr std::uint64_t kGigabyte = 1024 * kMegabyte;

Kind<Tls> tls() {
  return choice<Tls>(
      {{"implicit", Tls::kImplicit}, {"starttls", Tls::kStarttls}, {"none", Tls::kNone}});
}
Kind<Protocol> protocol() { return choice<Protocol>({{"imap", Protocol::kImap}}); }

const Schema<Listener>& listener_schema() {
  static const auto schema = std::move(
      Schema<Listener>("`listeners[]`", "One address that mail clients connect to.")
          .add("protocol", &Listener::protocol, protocol(), {.about = "what is spoken there"})
          .add("address", &Listener::address, ip_address(),
               {.about = "the local IP address; `0.0.0.0` and `::` are all of them, `localhost` "
                         "stands for `127.0.0.1`",
                .example = "\"0.0.0.0\""})
          .add("port", &Listener::port, integer<std::uint16_t>(1, 65535),
               {.about = "the local port",
                .example = "1143",
                .standard = "993 for implicit TLS, else 143"})
          .add("tls", &Listener::tls, tls(),
               {.about = "TLS from the first byte, after the client's STARTTLS, or never"})
          .add("certificate", &Listener::certificate, path(),
               {.about = "PEM file of the certificate chain; needed unless `tls` is `none`",
                .example = "\"/etc/waystation/tls.crt\""})
          .add("private_key", &Listener::private_key, path(),
               {.about = "PEM file of the key; needed unless `tls` is `none`",
                .example = "\"/etc/waystation/tls.key\""})
          .add("allow_plaintext", &Listener::allow_plaintext, boolean(),
               {.about = "lets clients log in without TLS from elsewhere than this machine; "
                         "anybody on the way can then read passwords and mail"}));
  return schema;
}

const Schema<Upstream>& upstream_schema() {
  static const auto schema = std::move(
      Schema<Upstream>("`accounts.NAME.upstream`", "The remote server that an account mirrors.")
          .add("protocol", &Upstream::protocol, protocol(), {.about = "what the server speaks"})
          .add("host", &Upstream::host, host_name(),
               {.about = "the name or the IP address of the server",
                .example = "\"imap.example.org\"",
                .required = true})
          .add(
              "port", &Upstream::port, integer<std::uint16_t>(1, 65535),
              {.about = "its port", .example = "993", .standard = "993 for implicit TLS, else 143"})
          .add("tls", &Upstream::tls, tls(),
               {.about = "TLS from the first byte, by STARTTLS, or none"})
          .add("user", &Upstream::user, text("text", 1, 1024),
               {.about = "the name to log in with",
                .example = "\"me@example.org\"",
                .required = true})
          .add("password", &Upstream::password, secret(),
               {.about = "the password; either this or `access_token`",
                .example = "{\"env\": \"WORK_PASSWORD\"}"})
          .add("access_token", &Upstream::access_token, secret(),
               {.about = "an OAuth 2.0 access token, read anew for each connection",
                .example = "{\"command\": \"oama access me@example.org\"}"})
          .add("sasl", &Upstream::sasl,
               choice<SaslChoice>({{"auto", SaslChoice::kAuto},
                                   {"scram-sha-256", SaslChoice::kScramSha256},
                                   {"scram-sha-1", SaslChoice::kScramSha1},
                                   {"plain", SaslChoice::kPlain},
                                   {"login", SaslChoice::kLogin},
                                   {"oauthbearer", SaslChoice::kOauthbearer},
                                   {"xoauth2", SaslChoice::kXoauth2}}),
               {.about = "how to log in; `auto` takes the strongest way that the server offers"})
          .add("ca_file", &Upstream::ca_file, path(),
               {.about = "PEM file of the authorities to trust in place of the system's",
                .example = "\"/etc/waystation/ca.pem\""})
          .add("certificate_fingerprint", &Upstream::certificate_fingerprint, fingerprint(),
               {.about = "trust exactly the certificate with this SHA-256 fingerprint, whoever "
                         "signed it",
                .example = "\"AB:CD:…\""})
          .add("allow_plaintext", &Upstream::allow_plaintext, boolean(),
               {.about = "lets `tls` be `none` for a server that is not this machine; anybody on "
                         "the way can then read the password and the mail"})
          .add("compress", &Upstream::compress, boolean(),
               {.about = "use COMPRESS=DEFLATE (RFC 4978) where the server offers it"})
          .add("max_connections", &Upstream::max_connections, integer<std::uint32_t>(1, 50),
               {.about = "connections to this server at a time; many servers refuse more than 10 "
                         "or 15 for all clients of a user together"})
          .add("connect_timeout", &Upstream::connect_timeout, duration(1s, 10min),
               {.about = "from looking up the name to the end of the TLS handshake"})
          .add("response_timeout", &Upstream::response_timeout, duration(1s, 1h),
               {.about = "silence while an answer is due, after which the connection counts as "
                         "dead"}));
  return schema;
}

const Schema<Sync>& sync_schema() {
  static const auto schema = std::move(
      Schema<Sync>("`sync` and `accounts.NAME.sync`",
                   "How an account is kept in step. The keys at the top hold for every account "
                   "that does not have them itself.")
          .add("poll_interval", &Sync::poll_interval, duration(10s, 24h),
               {.about = "how often the mailboxes that push does not cover are checked"})
          .add("idle_renewal", &Sync::idle_renewal, duration(10s, 29min),
               {.about = "how long one IDLE lasts (RFC 2177: below 30 minutes); a dead link is "
                         "noticed when it ends"})
          .add("flag_sweep_interval", &Sync::flag_sweep_interval, duration(1min, 240h),
               {.about = "how often all flags are compared at a server that cannot tell changes"})
          .add("reconnect_min", &Sync::reconnect_min, duration(100ms, 1h),
               {.about = "the first wait after a lost connection; each further one is longer"})
          .add("reconnect_max", &Sync::reconnect_max, duration(1s, 24h),
               {.about = "the longest wait between two attempts to connect"}));
  return schema;
}

const Schema<Account>& account_schema() {
  static const auto schema = std::move(
      Schema<Account>("`accounts.NAME`",
                      "A tree of mailboxes. The name has no `/`, does not begin with `.` and is "
                      "not `INBOX`. An account without `upstream` is local: its mail is kept here "
                      "and nowhere else.")
          .add("upstream", &Account::upstream, upstream_schema().kind(),
               {.about = "the remote server; without it the account is local"})
          .add("prefetch", &Account::prefetch, prefetch(),
               {.about = "which messages are fetched whole before anybody asks for them",
                .example = "\"recent:30d\""})
          .add("cache_limit", &Account::cache_limit_bytes,
               size(kMegabyte, kUnlimited - 1, /*may_be_unlimited=*/true),
               {.about = "how much is kept on disk; beyond it, messages that upstream has are "
                         "dropped here, least recently used first",
                .example = "\"5GB\""})
          .add("sync", &Account::sync, sync_schema().kind(),
               {.about = "overrides of the top-level `sync`"})
          .add("trace", &Account::trace, boolean(),
               {.about = "log the conversation with upstream, without secrets and message "
                         "contents"}));
  return schema;
}

const Schema<User>& user_schema() {
  static const auto schema = std::move(
      Schema<User>("`users.NAME`", "Somebody who may log in here, with the name as login name.")
          .add("password", &User::password, secret(/*may_be_verifier=*/true),
               {.about = "the password, or its `SCRAM-SHA-256$…` verifier (RFC 5803)",
                .example = "{\"file\": \"/run/secrets/me\"}",
                .required = true})
          .add("accounts", &User::accounts, list_of(text("account name", 1, 64)),
               {.about = "the accounts that the user sees: the first one at the root, each other "
                         "one below its name",
                .example = "[\"work\"]",
                .required = true}));
  return schema;
}

const Schema<LogSettings>& log_schema() {
  static const auto schema = std::move(
      Schema<LogSettings>("`log`", "What is written to standard error.")
          .add("level", &LogSettings::level,
               choice<LogLevel>({{"trace", LogLevel::kTrace},
                                 {"debug", LogLevel::kDebug},
                                 {"info", LogLevel::kInfo},
                                 {"warning", LogLevel::kWarning},
                                 {"error", LogLevel::kError}}),
               {.about = "the least important line that is written"})
          .add("format", &LogSettings::format,
               choice<LogFormat>({{"text", LogFormat::kText}, {"json", LogFormat::kJson}}),
               {.about = "one line of text or one JSON object per event"}));
  return schema;
}

const Schema<Limits>& limits_schema() {
  static const auto schema = std::move(
      Schema<Limits>("`limits`", "What one client may take.")
          .add("max_connections", &Limits::max_connections, integer<std::uint32_t>(1, 1'000'000),
               {.about = "clients at a time"})
          .add("max_connections_per_address", &Limits::max_connections_per_address,
               integer<std::uint32_t>(1, 1'000'000),
               {.about = "of them, from one IP address (a web mailer is one address)"})
          .add("login_timeout", &Limits::login_timeout, duration(1s, 1h),
               {.about = "the time from connecting to being logged in"})
          .add("idle_timeout", &Limits::idle_timeout, duration(1s, 240h),
               {.about = "silence after which a client is logged out (RFC 3501 5.4: at least "
                         "30 minutes)"})
          .add("failed_login_delay", &Limits::failed_login_delay, duration(0s, 1min),
               {.about = "the wait before a failed login is answered"})
          .add("max_failed_logins", &Limits::max_failed_logins, integer<std::uint32_t>(1, 1'000),
               {.about = "failed logins per connection; beyond, the address waits before each"})
          .add("max_line_bytes", &Limits::max_line_bytes, size(8 * kKilobyte, 16 * kMegabyte),
               {.about = "the longest command, without its literals"})
          .add("max_append_bytes", &Limits::max_append_bytes,
               size(kMegabyte, 4 * kGigabyte - kMegabyte),
               {.about = "the largest message that a client may store"})
          .add("max_output_bytes", &Limits::max_output_bytes, size(64 * kKilobyte, kGigabyte),
               {.about = "answers that wait for a client that does not read"})
          .add("write_timeout", &Limits::write_timeout, duration(1s, 1h),
               {.about = "after which a client that takes none of them is disconnected"}));
  return schema;
}

const Schema<Memory>& memory_schema() {
  static const auto schema = std::move(
      Schema<Memory>("`memory`", "The cache engine's share of memory.")
          .add("block_cache", &Memory::block_cache_bytes, size(kMegabyte, 1024 * kGigabyte),
               {.about = "recently read blocks of the cache"})
          .add("write_buffer", &Memory::write_buffer_bytes, size(kMegabyte, 16 * kGigabyte),
               {.about = "writes not yet sorted into files, of all column families together"}));
  return schema;
}

void read_accounts(Reader& reader, const Json& json, Config* config) {
  Account fresh;
  fresh.sync = config->sync;
  read_map(reader, json, account_schema(), fresh, check_account_name, &config->accounts);
}

void read_users(Reader& reader, const Json& json, Config* config) {
  read_map(reader, json, user_schema(), User{}, check_user_name, &config->users);
}

}  // namespace

const Schema<Config>& schema() {
  // `sync` comes before `accounts`, which start from it.
  static const auto schema = std::move(
      Schema<Config>("The file", "")
          .add("data_dir", &Config::data_dir, path(),
               {.about = "the directory of the cache; made, with mode 0700, if it is not there",
                .example = "\"/var/lib/waystation\"",
                .required = true})
          .add("listeners", &Config::listeners, list_of(listener_schema().kind()),
               {.about = "where clients connect", .required = true})
          .add("sync", &Config::sync, sync_schema().kind(),
               {.about = "how accounts are kept in step"})
          .add_row({.key = "accounts",
                    .type = "object of objects",
                    .standard = {},
                    .required = true,
                    .about = "the accounts by name",
                    .example = {},
                    .section = &account_schema().section()},
                   read_accounts)
          .add_row({.key = "users",
                    .type = "object of objects",
                    .standard = {},
                    .required = true,
                    .about = "the people who may log in, by login name",
                    .example = {},
                    .section = &user_schema().section()},
                   read_users)
          .add("log", &Config::log, log_schema().kind(), {.about = "what is logged"})
          .add("limits", &Config::limits, limits_schema().kind(),
               {.about = "what one client may take"})
          .add("memory", &Config::memory, memory_schema().kind(),
               {.about = "the cache engine's share of memory"})
          .add("threads", &Config::threads, integer<std::uint32_t>(0, 256),
               {.about = "threads that serve connections; 0 is one per core"}));
  return schema;
}

}  // namespace config
