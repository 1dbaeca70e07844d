#include "proxy/imap/failed_logins.h"

#include <arpa/inet.h>

#include <algorithm>

namespace proxy {

std::string FailedLogins::name_of(std::string_view host) {
  std::string text(host.substr(0, host.find('%')));
  in6_addr address{};
  if (::inet_pton(AF_INET6, text.c_str(), &address) != 1) return text;
  const auto* const bytes = reinterpret_cast<const char*>(&address);
  // An IPv4 client of a listener that takes both.
  if (IN6_IS_ADDR_V4MAPPED(&address)) return {bytes + 12, 4};
  return {bytes, 8};
}

void FailedLogins::expire(Clock::time_point now) {
  while (!hosts_.empty() && (hosts_.size() > kMost || hosts_.back().last + kMemory <= now)) {
    by_name_.erase(hosts_.back().name);
    hosts_.pop_back();
  }
}

std::chrono::milliseconds FailedLogins::wait_of(std::string_view host, std::uint32_t allowed,
                                                std::chrono::milliseconds delay,
                                                Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  expire(now);
  const auto found = by_name_.find(name_of(host));
  if (found == by_name_.end() || found->second->failures < allowed) return {};
  const std::uint32_t beyond =
      std::min<std::uint32_t>(found->second->failures - allowed + 1, 1'000);
  return std::min<std::chrono::milliseconds>(delay * beyond, kLongestWait);
}

void FailedLogins::note(std::string_view host, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  std::string name = name_of(host);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) {
    hosts_.push_front({name, 0, now});
    by_name_.emplace(std::move(name), hosts_.begin());
  } else {
    hosts_.splice(hosts_.begin(), hosts_, found->second);
  }
  ++hosts_.front().failures;
  hosts_.front().last = now;
  expire(now);
}

void FailedLogins::forget(std::string_view host) {
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(name_of(host));
  if (found == by_name_.end()) return;
  hosts_.erase(found->second);
  by_name_.erase(found);
}

std::size_t FailedLogins::size() const {
  const std::lock_guard lock(mutex_);
  return hosts_.size();
}

}  // namespace proxy
