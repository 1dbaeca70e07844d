#include "config/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <set>

#include "config/units.h"

namespace config {

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  if (host.find('\0') != host.npos) return false;  // inet_pton would stop there
  const std::string text(host);
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return bytes[0] == 127;
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return false;
  in6_addr address{};
  std::copy(bytes.begin(), bytes.end(), std::begin(address.s6_addr));
  const bool is_mapped_127 = IN6_IS_ADDR_V4MAPPED(&address) && bytes[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&address) || is_mapped_127;
}

std::string_view name_of(Tls tls) {
  switch (tls) {
    case Tls::kImplicit:
      return "implicit";
    case Tls::kStarttls:
      return "starttls";
    case Tls::kNone:
      return "none";
  }
  return "";
}

std::string_view name_of(SaslChoice choice) {
  switch (choice) {
    case SaslChoice::kAuto:
      return "auto";
    case SaslChoice::kPlain:
      return "plain";
    case SaslChoice::kLogin:
      return "login";
    case SaslChoice::kScramSha1:
      return "scram-sha-1";
    case SaslChoice::kScramSha256:
      return "scram-sha-256";
    case SaslChoice::kXoauth2:
      return "xoauth2";
    case SaslChoice::kOauthbearer:
      return "oauthbearer";
  }
  return "";
}

std::string name_of(const Prefetch& prefetch) {
  switch (prefetch.kind) {
    case Prefetch::Kind::kHeaders:
      return "headers";
    case Prefetch::Kind::kRecent:
      return "recent:" + format_duration(prefetch.recent);
    case Prefetch::Kind::kAll:
      return "all";
  }
  return "";
}

std::vector<std::string> needs_restart(const Config& running, const Config& wanted) {
  std::vector<std::string> keys;
  const auto compare = [&keys](const auto& from, const auto& to, std::string key) {
    if (!(from == to)) keys.push_back(std::move(key));
  };
  // What can be followed is left out of the comparison.
  const auto listeners = [](const Config& config) {
    std::vector<Listener> addresses = config.listeners;
    for (Listener& listener : addresses) {
      listener.certificate.clear();
      listener.private_key.clear();
    }
    return addresses;
  };
  const auto account = [](const Config& config, const std::string& name) {
    const auto found = config.accounts.find(name);
    std::optional<Account> settings;
    if (found != config.accounts.end()) settings = found->second;
    if (settings) settings->trace = false;
    return settings;
  };
  compare(running.data_dir, wanted.data_dir, "data_dir");
  compare(listeners(running), listeners(wanted), "listeners");
  std::set<std::string> names;
  for (const Config* config : {&running, &wanted}) {
    for (const auto& [name, settings] : config->accounts) names.insert(name);
  }
  for (const std::string& name : names) {
    compare(account(running, name), account(wanted, name), "accounts." + name);
  }
  compare(running.log.format, wanted.log.format, "log.format");
  compare(running.limits, wanted.limits, "limits");
  compare(running.memory, wanted.memory, "memory");
  compare(running.threads, wanted.threads, "threads");
  return keys;
}

}  // namespace config
