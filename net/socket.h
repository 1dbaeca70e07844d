// Making sockets: the system calls of connect.cc and listener.cc, with errors in words. Internal to
// net/.
#pragma once

#include <sys/un.h>

#include <string>

#include "base/result.h"
#include "net/address.h"
#include "net/descriptor.h"

namespace net {

/// A non-blocking stream socket that children do not inherit.
Result<Descriptor> make_socket(int family);
/// Small answers go at once, and a peer whose machine is gone is noticed in minutes.
void tune_tcp(int socket);
/// Errors: kInvalid when the path does not fit into the system's structure.
Result<sockaddr_un> unix_address(const std::string& path);
Peer peer_of(const Address& address);
Peer peer_of_unix(const std::string& path);
/// The error that a socket has had since the last look, as errno; 0 for none.
int take_socket_error(int socket);

}  // namespace net
