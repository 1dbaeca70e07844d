// What can only be seen with the whole config in hand.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <ranges>

#include "config/schema.h"

namespace config {
namespace {

// An address as bytes, so that "::1" and "0:0:0:0:0:0:0:1" are the same.
std::string address_bytes(const std::string& address) {
  std::array<char, sizeof(in6_addr)> bytes{};
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return {bytes.data(), 4};
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return {bytes.data(), 16};
  return address;
}

bool is_wildcard(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char c) { return c == '\0'; });
}

bool collide(const Listener& a, const Listener& b) {
  if (a.port != b.port) return false;
  const std::string x = address_bytes(a.address);
  const std::string y = address_bytes(b.address);
  return x == y || (x.size() == y.size() && (is_wildcard(x) || is_wildcard(y)));
}

void check_listener(Reader& reader, const Config& config, std::size_t index) {
  const Listener& listener = config.listeners[index];
  const std::string path = fmt::format("listeners[{}]", index);
  if (reader.has_error_below(path)) return;
  if (listener.tls == Tls::kNone) {
    if (!listener.certificate.empty() || !listener.private_key.empty()) {
      reader.warning_at(path, "a certificate or a key that is not used, as tls is \"none\"",
                        "\"implicit\" or \"starttls\"");
    }
    if (!is_loopback(listener.address) && !listener.allow_plaintext) {
      reader.error_at(path + ".tls",
                      fmt::format("\"none\" at {}, where others can listen", listener.address),
                      "\"implicit\", \"starttls\", a loopback address, or \"allow_plaintext\": "
                      "true");
    }
  } else {
    if (listener.certificate.empty()) {
      reader.error_at(path + ".certificate", "nothing", "a PEM file, as TLS is on");
    }
    if (listener.private_key.empty()) {
      reader.error_at(path + ".private_key", "nothing", "a PEM file, as TLS is on");
    }
  }
  for (std::size_t other = 0; other < index; ++other) {
    if (reader.has_error_below(fmt::format("listeners[{}]", other))) continue;
    if (!collide(listener, config.listeners[other])) continue;
    reader.error_at(path,
                    fmt::format("{} port {}, which listeners[{}] takes", listener.address,
                                listener.port, other),
                    "another address or port");
    break;
  }
}

bool is_token_mechanism(SaslChoice choice) {
  return choice == SaslChoice::kXoauth2 || choice == SaslChoice::kOauthbearer;
}

void check_upstream(Reader& reader, const std::string& path, const Upstream& upstream) {
  if (reader.has_error_below(path)) return;
  const bool has_password = !upstream.password.empty();
  const bool has_token = !upstream.access_token.empty();
  if (has_password == has_token) {
    reader.error_at(path, has_password ? "both of them" : "none of them",
                    "exactly one of password, access_token");
  } else if (upstream.sasl != SaslChoice::kAuto && is_token_mechanism(upstream.sasl) != has_token) {
    reader.error_at(path + ".sasl",
                    fmt::format("\"{}\" with {}", name_of(upstream.sasl),
                                has_token ? "an access_token" : "a password"),
                    has_token ? "\"auto\", \"oauthbearer\" or \"xoauth2\""
                              : "\"auto\", or a mechanism that takes a password");
  }
  if (upstream.tls != Tls::kNone) return;
  if (!is_loopback(upstream.host) && !upstream.allow_plaintext) {
    reader.error_at(path + ".tls",
                    fmt::format("\"none\" to {}, where others can listen", upstream.host),
                    "\"implicit\", \"starttls\", a server on this machine, or "
                    "\"allow_plaintext\": true");
  }
  if (!upstream.ca_file.empty() || !upstream.certificate_fingerprint.empty()) {
    reader.warning_at(path,
                      "a ca_file or a certificate_fingerprint that is not used, as tls is "
                      "\"none\"",
                      "\"implicit\" or \"starttls\"");
  }
}

void check_sync(Reader& reader, const std::string& path, const Sync& sync) {
  if (reader.has_error_below(path) || sync.reconnect_min <= sync.reconnect_max) return;
  reader.error_at(
      path + ".reconnect_min", in_quotes(format_duration(sync.reconnect_min)),
      fmt::format("at most reconnect_max, \"{}\"", format_duration(sync.reconnect_max)));
}

void check_user(Reader& reader, const Config& config, const std::string& path, const User& user) {
  for (std::size_t i = 0; i < user.accounts.size(); ++i) {
    const std::string& account = user.accounts[i];
    const std::string item = fmt::format("{}.accounts[{}]", path, i);
    if (reader.has_error_below(item)) continue;
    if (config.accounts.empty()) return;  // which is a mistake of its own
    if (!config.accounts.contains(account)) {
      const auto names = std::views::keys(config.accounts);
      const std::string near = nearest(account, names);
      reader.error_at(item, fmt::format("{}, which is not there", in_quotes(account)),
                      "a name in accounts",
                      near.empty() ? "" : fmt::format("did you mean {}?", in_quotes(near)));
    } else if (std::ranges::count(user.accounts, account) > 1 &&
               std::ranges::find(user.accounts, account) - user.accounts.begin() !=
                   static_cast<std::ptrdiff_t>(i)) {
      reader.error_at(item, fmt::format("{} again", in_quotes(account)), "each account once");
    }
  }
}

}  // namespace

std::string check_account_name(std::string_view name) {
  std::string upper;
  for (const char c : name) {
    upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    // A client that lists "work/%" must find the mailboxes of "work".
    const bool is_special = c == '/' || c == '%' || c == '*';
    if (is_special || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return "a name without \"/\", \"%\", \"*\" and control characters";
    }
  }
  if (name.empty() || name.size() > 64) return "a name of 1 to 64 bytes";
  if (upper == "INBOX") return "another name than INBOX, which is the inbox of the first account";
  if (name.starts_with('.') || name.starts_with(' ') || name.ends_with(' ')) {
    return "a name without \".\" or a space at the beginning, or a space at the end";
  }
  return {};
}

std::string check_user_name(std::string_view name) {
  if (name.empty() || name.size() > 255) return "a name of 1 to 255 bytes";
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return "a name without control characters";
    }
  }
  return {};
}

void check_whole(Reader& reader, const Config& config) {
  for (std::size_t i = 0; i < config.listeners.size(); ++i) check_listener(reader, config, i);
  check_sync(reader, "sync", config.sync);
  for (const auto& [name, account] : config.accounts) {
    const std::string path = "accounts." + path_part(name);
    if (account.upstream) check_upstream(reader, path + ".upstream", *account.upstream);
    if (reader.was_read(path + ".sync")) check_sync(reader, path + ".sync", account.sync);
    const bool is_seen = std::ranges::any_of(config.users, [&wanted = name](const auto& entry) {
      const auto& seen = entry.second.accounts;
      return std::ranges::find(seen, wanted) != seen.end();
    });
    if (!is_seen && !reader.has_error_below("users") && !reader.has_error_below(path)) {
      reader.warning_at(path, "an account that no user has",
                        "its name in some users.NAME.accounts");
    }
  }
  for (const auto& [name, user] : config.users) {
    check_user(reader, config, "users." + path_part(name), user);
  }
  if (config.limits.idle_timeout < std::chrono::minutes(30) &&
      !reader.has_error_below("limits.idle_timeout")) {
    reader.warning_at("limits.idle_timeout", in_quotes(format_duration(config.limits.idle_timeout)),
                      "at least \"30m\" (RFC 3501 5.4)");
  }
}

}  // namespace config
