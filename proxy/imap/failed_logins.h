// FailedLogins: remembers which client addresses guess passwords.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace proxy {

/// Counts failed logins per client address over all connections, so that who hangs up and comes
/// again waits all the same. An address is an IPv4 address, or the /64 of an IPv6 address, which
/// one host has to itself. Forgotten after `kMemory` without a failure, and with a login that
/// works. No more than `kMost` are remembered, the latest ones.
///
/// Thread: any.
class FailedLogins {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes kMemory{15};
  static constexpr std::size_t kMost = 4'096;
  static constexpr std::chrono::seconds kLongestWait{15};

  /// How long the next login from `host` has to wait before it is looked at: nothing up to
  /// `allowed` failures, then `delay` for each one more, up to kLongestWait.
  std::chrono::milliseconds wait_of(std::string_view host, std::uint32_t allowed,
                                    std::chrono::milliseconds delay,
                                    Clock::time_point now = Clock::now());
  void note(std::string_view host, Clock::time_point now = Clock::now());
  void forget(std::string_view host);
  std::size_t size() const;

 private:
  struct Host {
    std::string name;
    std::uint32_t failures = 0;
    Clock::time_point last;
  };
  static std::string name_of(std::string_view host);
  void expire(Clock::time_point now);

  mutable std::mutex mutex_;
  std::list<Host> hosts_;  // the one that failed last comes first
  std::unordered_map<std::string, std::list<Host>::iterator> by_name_;
};

}  // namespace proxy
