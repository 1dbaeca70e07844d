#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "base/check.h"

namespace net {

namespace {

const sockaddr_in* as_ipv4(const sockaddr_storage& raw) {
  return reinterpret_cast<const sockaddr_in*>(&raw);
}
const sockaddr_in6* as_ipv6(const sockaddr_storage& raw) {
  return reinterpret_cast<const sockaddr_in6*>(&raw);
}

std::optional<std::uint32_t> scope_of(const std::string& name) {
  if (const unsigned index = if_nametoindex(name.c_str()); index != 0) return index;
  char* end = nullptr;
  const unsigned long number = std::strtoul(name.c_str(), &end, 10);
  if (name.empty() || *end != '\0' || number > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

}  // namespace

std::optional<Address> Address::parse(std::string_view host, std::uint16_t port) {
  Address address;
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::string text(host.substr(0, host.find('%')));
  auto* ipv4 = reinterpret_cast<sockaddr_in*>(&address.storage_);
  if (text.size() == host.size() && inet_pton(AF_INET, text.c_str(), &ipv4->sin_addr) == 1) {
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons(port);
    return address;
  }
  auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&address.storage_);
  if (inet_pton(AF_INET6, text.c_str(), &ipv6->sin6_addr) != 1) return std::nullopt;
  ipv6->sin6_family = AF_INET6;
  ipv6->sin6_port = htons(port);
  if (text.size() != host.size()) {  // RFC 4007 section 11: the zone of a link-local address
    const std::optional<std::uint32_t> scope = scope_of(std::string(host.substr(text.size() + 1)));
    if (!scope) return std::nullopt;
    ipv6->sin6_scope_id = *scope;
  }
  return address;
}

Address Address::from(const sockaddr* raw) {
  CHECK(raw->sa_family == AF_INET || raw->sa_family == AF_INET6);
  Address address;
  std::memcpy(&address.storage_, raw,
              raw->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
  return address;
}

std::string Address::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = is_ipv6() ? static_cast<const void*>(&as_ipv6(storage_)->sin6_addr)
                                : static_cast<const void*>(&as_ipv4(storage_)->sin_addr);
  CHECK(inet_ntop(storage_.ss_family, bytes, text.data(), text.size()) != nullptr);
  return text.data();
}

std::string Address::text() const {
  const std::string end = ":" + std::to_string(port());
  return is_ipv6() ? "[" + host() + "]" + end : host() + end;
}

std::uint16_t Address::port() const {
  return ntohs(is_ipv6() ? as_ipv6(storage_)->sin6_port : as_ipv4(storage_)->sin_port);
}

bool Address::is_loopback() const {
  if (!is_ipv6()) return (ntohl(as_ipv4(storage_)->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
  const in6_addr& address = as_ipv6(storage_)->sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) return address.s6_addr[12] == IN_LOOPBACKNET;
  return IN6_IS_ADDR_LOOPBACK(&address);
}

const sockaddr* Address::raw() const { return reinterpret_cast<const sockaddr*>(&storage_); }

socklen_t Address::raw_size() const {
  return is_ipv6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

}  // namespace net
