// ClientExchange: the client's side of one authentication, without I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "protocol/sasl/mechanism.h"

namespace sasl {

/// Who logs in, and with what.
struct Identity {
  std::string user;
  Secret secret;                  // the password, or the access token
  std::string authorize_as = {};  // RFC 4422 2: another identity to act as; mostly empty
  std::string host = {};          // OAUTHBEARER: the server, as connected to; may be empty
  std::uint16_t port = 0;         // OAUTHBEARER: likewise; 0: left out
};

/// One authentication. Drive it so:
///   the first step(): if has_initial_response(), step("") when the server takes an initial
///   response (SASL-IR), or else step(its empty first challenge); for LOGIN, step(its first
///   challenge); step(challenge) for each further challenge; finish() when the server reports
///   success.
///
/// Thread:   one at a time; the second step of SCRAM derives a key, which takes 4 ms with the usual
///           4,096 iterations and up to a second with the 1,000,000 that are the most allowed: call
///           it from a worker.
/// Errors:   a failed step ends the exchange: cancel it with "*" (RFC 3501 6.2.2).
class ClientExchange {
 public:
  virtual ~ClientExchange() = default;

  /// Errors: kInvalid when the user name or the secret cannot be used with it (empty, a NUL, a
  ///         token with forbidden bytes, authorize_as with LOGIN or XOAUTH2). No text holds the
  ///         secret.
  static Result<std::unique_ptr<ClientExchange>> start(Mechanism mechanism, Identity identity);

  virtual Mechanism mechanism() const = 0;
  /// Whether the client speaks first (all but LOGIN).
  bool has_initial_response() const { return mechanism() != Mechanism::kLogin; }

  /// Answers one challenge; raw bytes, no base64. What it returns may hold the secret: for the wire
  /// only. An empty string is an answer too.
  /// Errors: kProtocol (a challenge that the mechanism does not allow), kPermission (the server
  ///         refuses, or does not know the password itself: a wrong signature, RFC 5802 5.1),
  ///         kInvalid (SCRAM: SASLprep forbids something in the name or the password).
  virtual Result<std::string> step(std::string_view challenge) = 0;

  /// To be called when the server reports success, before anything else is sent.
  /// Errors: kPermission when the server has not proved itself, though the mechanism promises that
  ///         it will (SCRAM): then this is not the server that it should be; or when it had
  ///         refused.
  virtual Result<> finish() = 0;

  /// What the server said about a refusal inside the exchange (OAUTHBEARER and XOAUTH2 send JSON,
  /// SCRAM "e=…"), printable and shortened; empty when it said nothing.
  virtual const std::string& refusal() const = 0;
};

}  // namespace sasl
