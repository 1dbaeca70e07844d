// The four servers behind RealServer; for servers.cc alone.
#pragma once

#include <map>
#include <string>

#include "tests/support/servers.h"

namespace support {

std::unique_ptr<RealServer> make_dovecot(ServerOptions options);
std::unique_ptr<RealServer> make_cyrus(ServerOptions options);
std::unique_ptr<RealServer> make_courier(ServerOptions options);
std::unique_ptr<RealServer> make_imap4d(ServerOptions options);

/// The name of the user that servers run as, and of its group.
struct Account {
  unsigned uid = 0;
  unsigned gid = 0;
  std::string user;
  std::string group;
};
Account server_account();

/// The variables with which an unpacked program finds its libraries.
std::map<std::string, std::string> unpacked_environment(const std::filesystem::path& servers);

Result<> write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace support
