// DNS: names to addresses, off the loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "net/address.h"
#include "net/loop.h"

namespace net {

/// Looks up the addresses of `host`, in the order of the system's preference (RFC 6724). A numeric
/// address is answered without asking anyone.
///
/// Cancel: at once; the system's own look-up ends by itself in the background.
/// Errors: kUnavailable when the name cannot be resolved now or at all; kTimeout.
Task<Result<std::vector<Address>>> resolve(Loop* loop, std::string host, std::uint16_t port,
                                           std::chrono::milliseconds deadline,
                                           std::stop_token stop = {});

}  // namespace net
