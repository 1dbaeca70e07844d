#include "protocol/sasl/mechanism.h"

#include <algorithm>
#include <array>

#include "base/log.h"

namespace sasl {
namespace {

// The strongest first, of those that take the same kind of secret.
constexpr std::array kAll = {Mechanism::kScramSha256, Mechanism::kScramSha1,   Mechanism::kPlain,
                             Mechanism::kLogin,       Mechanism::kOauthbearer, Mechanism::kXoauth2};

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// What a server offers, fit for a log.
std::string list_of(std::span<const std::string> offered) {
  constexpr std::size_t kShown = 200;
  std::string out;
  for (const std::string& name : offered) {
    if (!out.empty()) out += ' ';
    for (const char c : name) out += c > ' ' && c < 0x7f ? c : '?';
    if (out.size() > kShown) {
      out.resize(kShown);
      return out + "…";
    }
  }
  return out.empty() ? "nothing" : out;
}

}  // namespace

std::string_view name_of(Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::kPlain:
      return "PLAIN";
    case Mechanism::kLogin:
      return "LOGIN";
    case Mechanism::kScramSha1:
      return "SCRAM-SHA-1";
    case Mechanism::kScramSha256:
      return "SCRAM-SHA-256";
    case Mechanism::kOauthbearer:
      return "OAUTHBEARER";
    case Mechanism::kXoauth2:
      return "XOAUTH2";
  }
  return "";
}

std::optional<Mechanism> mechanism_named(std::string_view name) {
  const auto* const found = std::ranges::find_if(kAll, [name](Mechanism mechanism) {
    return std::ranges::equal(name, name_of(mechanism), {}, upper);
  });
  if (found == kAll.end()) return std::nullopt;
  return *found;
}

bool shows_secret(Mechanism mechanism) {
  return mechanism != Mechanism::kScramSha1 && mechanism != Mechanism::kScramSha256;
}

bool takes_token(Mechanism mechanism) {
  return mechanism == Mechanism::kOauthbearer || mechanism == Mechanism::kXoauth2;
}

Result<Mechanism> pick_mechanism(std::span<const std::string> offered, const PickOptions& options) {
  bool is_exposed = false;
  for (const Mechanism mechanism : kAll) {
    if (options.wanted ? mechanism != *options.wanted
                       : takes_token(mechanism) != options.has_token) {
      continue;
    }
    const bool is_offered = std::ranges::any_of(offered, [mechanism](const std::string& name) {
      return mechanism_named(name) == mechanism;
    });
    if (!is_offered) continue;
    // RFC 4616 6, RFC 7628 5: never where others can listen.
    if (!shows_secret(mechanism) || options.is_protected) return mechanism;
    is_exposed = true;
  }
  if (is_exposed) {
    return fail(Errc::kPermission,
                fmt::format("no TLS, and the server offers no way to log in that hides the secret "
                            "(it offers {})",
                            list_of(offered)));
  }
  const std::string_view wanted = options.wanted      ? name_of(*options.wanted)
                                  : options.has_token ? "a way to log in with a token"
                                                      : "a way to log in with a password";
  return fail(Errc::kNotFound,
              fmt::format("the server does not offer {} (it offers {})", wanted, list_of(offered)));
}

}  // namespace sasl
