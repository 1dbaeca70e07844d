// Capabilities: what we say that we can. docs/extensions.md has each with its RFC and tests.
#pragma once

#include <string>
#include <vector>

namespace proxy {

/// After login.
std::vector<std::string> capabilities(bool compressed);
/// Before login. `secrets_allowed`: the connection is protected, or does not leave the machine.
std::vector<std::string> login_capabilities(bool starttls, bool secrets_allowed);

}  // namespace proxy
