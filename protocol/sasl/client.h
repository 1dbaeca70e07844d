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
  Secret secret;             // the password, or the access token
  std::string authorize_as;  // RFC 4422 2: another identity to act as; mostly empty
  std::string host;          // OAUTHBEARER: the server, as connected to
  std::uint16_t port = 0;    // OAUTHBEARER: likewise; 0: left out
};

/// One authentication. Drive it so:
///   first = step("") when the server takes an initial response or after its empty first challenge;
///   then step(challenge) for each further challenge; finish() when the server reports success.
/// LOGIN speaks only when spoken to: has_initial_response() says so.
///
/// Thread:   one at a time.
/// Errors:   a failed step ends the exchange: cancel it with "*" (RFC 3501 6.2.2).
class ClientExchange {
 public:
  virtual ~ClientExchange() = default;

  /// Errors: kInvalid when the user name or the secret cannot be used with it (empty, a NUL, what
  ///         SASLprep forbids). No text holds the secret.
  static Result<std::unique_ptr<ClientExchange>> start(Mechanism mechanism, Identity identity);

  virtual Mechanism mechanism() const = 0;
  /// Whether the client speaks first (all but LOGIN).
  virtual bool has_initial_response() const = 0;

  /// Answers one challenge; raw bytes, no base64. What it returns may hold the secret: for the wire
  /// only. An empty string is an answer too.
  /// Errors: kProtocol (a challenge that the mechanism does not allow), kPermission (the server
  ///         does not know the password either: a wrong signature; RFC 5802 5.1).
  virtual Result<std::string> step(std::string_view challenge) = 0;

  /// To be called when the server reports success, before anything else is sent.
  /// Errors: kPermission when the server has not proved itself yet, though the mechanism promises
  ///         that it will (SCRAM): then this is not the server that it should be.
  virtual Result<> finish() = 0;

  /// What the server said about a refusal in the exchange itself (OAUTHBEARER and XOAUTH2 send
  /// JSON), printable and shortened; empty when it said nothing.
  virtual std::string refusal() const { return {}; }
};

}  // namespace sasl
