// The makers of the client's exchanges, by family; for client.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protocol/sasl/client.h"

namespace sasl {

/// PLAIN, LOGIN and SCRAM, by GNU SASL.
Result<std::unique_ptr<ClientExchange>> start_password_client(Mechanism mechanism,
                                                              Identity identity);
/// OAUTHBEARER and XOAUTH2.
Result<std::unique_ptr<ClientExchange>> start_token_client(Mechanism mechanism, Identity identity);

/// What a server says, fit for a log: printable, one line, shortened.
std::string printable(std::string_view text);

}  // namespace sasl
