// Users: who may log in here, and which accounts each of them sees.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/account.h"
#include "net/loop.h"
#include "protocol/sasl/user_table.h"

namespace proxy {

/// An account as one user sees it: at the root, or below its name.
struct Mount {
  std::string prefix;  // "" for the first account of a user, else its name; never ends in "/"
  cache::Account* account = nullptr;
};

/// What somebody who has logged in may see.
struct User {
  std::string name;
  net::Loop* loop = nullptr;  // where all of its accounts live
  std::vector<Mount> mounts;  // never empty
};

/// Everybody who may log in.
///
/// Thread:   made before the listeners start, replaced as a whole on reload; reading from any.
/// Lifetime: the accounts outlive it.
struct Users {
  std::shared_ptr<const sasl::UserTable> table;  // checks passwords
  std::map<std::string, User, std::less<>> by_name;
};

}  // namespace proxy
