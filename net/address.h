// Address: an IPv4 or IPv6 address with its port. Peer: who is at the other end of a connection.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace net {

/// An IPv4 or IPv6 address with a port.
class Address {
 public:
  /// Reads a numeric address ("127.0.0.1", "::1", "[::1]", "fe80::1%eth0"); none when it is a name.
  static std::optional<Address> parse(std::string_view host, std::uint16_t port);
  /// REQUIRES: an AF_INET or AF_INET6 address.
  static Address from(const sockaddr* raw);

  /// "192.0.2.7:993" or "[2001:db8::7]:993".
  std::string text() const;
  /// The same without the port and brackets: what limits per address count.
  std::string host() const;
  std::uint16_t port() const;
  bool is_ipv6() const { return storage_.ss_family == AF_INET6; }
  /// 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104.
  bool is_loopback() const;

  const sockaddr* raw() const;
  socklen_t raw_size() const;

 private:
  sockaddr_storage storage_{};
};

/// Who is at the other end of a connection.
struct Peer {
  std::string text;          // "192.0.2.7:52144", "[2001:db8::7]:993", "unix:/run/x.sock"
  std::string host;          // the address alone; empty for a Unix socket
  bool is_loopback = false;  // never leaves this machine: loopback, Unix socket, socket pair
};

}  // namespace net
