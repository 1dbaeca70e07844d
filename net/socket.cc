#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace net {

namespace {

void set_option(int socket, int level, int name, int value) {
  // None of these changes what is right, only how fast: a system without one is no reason to fail.
  setsockopt(socket, level, name, &value, sizeof(value));
}

}  // namespace

Result<Descriptor> make_socket(int family) {
  Descriptor made(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made) return fail(Errc::kIo, std::string("cannot make a socket: ") + std::strerror(errno));
  return made;
}

void tune_tcp(int socket) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path) ||
      path.find('\0') != std::string::npos) {
    return fail(Errc::kInvalid, "\"" + path +
                                    "\" cannot be the path of a Unix socket: it must have 1 to " +
                                    std::to_string(sizeof(address.sun_path) - 1) + " bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Peer peer_of(const Address& address) {
  return Peer{address.text(), address.host(), address.is_loopback()};
}

Peer peer_of_unix(const std::string& path) { return Peer{"unix:" + path, "", true}; }

int take_socket_error(int socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace net
