// Profiles: what is known of servers that their capabilities do not tell. docs/sync.md has the
// table in words.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/imap/capability.h"

namespace upstream {

/// How a server is best treated.
struct Profile {
  std::string_view name;
  /// One IDLE lasts at most so long.
  std::chrono::seconds idle_renewal = std::chrono::minutes(29);
  /// A connection with nothing to say says something after so long.
  std::chrono::seconds keepalive = std::chrono::minutes(2);
  bool keepalive_by_status = false;  // NOOP does not count
  /// Of the UIDs in one command.
  std::size_t set_bytes = 8'000;
  /// A mailbox shows its newest so many; what is older is not gone. 0: all.
  std::uint32_t shown_messages = 0;
  /// Offered, and not to be used.
  std::span<const imap::Capability> faulty = {};
};

/// What a server has told of itself.
struct ServerFacts {
  std::string host;
  std::string greeting;
  std::string id;  // the values of its ID response, or empty
  const imap::Capabilities* capabilities = nullptr;
};

/// The profile of that server; one without a name for servers that need none.
const Profile& recognize(const ServerFacts& facts);

}  // namespace upstream
