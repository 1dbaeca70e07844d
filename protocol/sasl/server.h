// ServerExchange: the server's side of one authentication, without I/O.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/sasl/mechanism.h"
#include "protocol/sasl/user_table.h"

namespace sasl {

/// One authentication of a client: PLAIN, LOGIN or SCRAM-SHA-256. Drive it so:
///   begin with step(initial response), or with step("") when the client sent none (RFC 4959);
///   while the answer is not done: send its challenge in base64 (it may be empty), give the
///   client's response, decoded, to the next step().
/// A client that sends "*" gives up: drop the exchange.
///
/// Thread:   one at a time; a step takes milliseconds when users->is_slow(): then call it from a
///           worker.
/// Errors:   kPermission (wrong name or password, always with the same text), kProtocol (bytes that
///           the mechanism does not allow). Either ends the exchange. No text holds a secret.
class ServerExchange {
 public:
  struct Answer {
    bool done = false;
    std::string challenge;  // raw bytes, no base64
  };

  virtual ~ServerExchange() = default;

  /// Errors: kNotFound for a mechanism that we do not speak as a server.
  static Result<std::unique_ptr<ServerExchange>> start(Mechanism mechanism,
                                                       std::shared_ptr<const UserTable> users);

  virtual Mechanism mechanism() const = 0;
  virtual Result<Answer> step(std::string_view response) = 0;
  /// The user that logged in, as added to the table; empty until a step was done.
  virtual const std::string& user() const = 0;
};

}  // namespace sasl
