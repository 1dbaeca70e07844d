// The SASL mechanisms that we speak, and which of them to use.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sasl {

enum class Mechanism {
  kPlain,        // RFC 4616
  kLogin,        // draft-murchison-sasl-login-00
  kScramSha1,    // RFC 5802; as a client only
  kScramSha256,  // RFC 7677
  kOauthbearer,  // RFC 7628; as a client only
  kXoauth2,      // Google's and Microsoft's forerunner of OAUTHBEARER; as a client only
};

/// "SCRAM-SHA-256", as in AUTH=SCRAM-SHA-256.
std::string_view name_of(Mechanism mechanism);
/// Ignores case; nothing when we do not speak it.
std::optional<Mechanism> mechanism_named(std::string_view name);

/// Whether a listener on the way hands over a secret that opens the account: such a mechanism
/// needs TLS, or a connection that does not leave the machine.
bool shows_secret(Mechanism mechanism);
/// Whether it takes an OAuth 2.0 access token in place of a password.
bool takes_token(Mechanism mechanism);

/// What pick_mechanism goes by.
struct PickOptions {
  std::optional<Mechanism> wanted = {};  // the config's choice; nothing: the best one
  bool is_protected = false;  // TLS, a loopback connection, or plaintext allowed by the config
  bool has_token = false;     // there is an access token, not a password
};

/// Picks the mechanism for a client, the strongest first: SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN
/// with a password; OAUTHBEARER, XOAUTH2 with a token. Names in `offered` may be in any case;
/// unknown ones are passed over.
/// Errors: kPermission when what is left would show the secret on an unprotected connection;
///         kNotFound when the server offers nothing that fits (the text lists what it offers).
Result<Mechanism> pick_mechanism(std::span<const std::string> offered, const PickOptions& options);

}  // namespace sasl
