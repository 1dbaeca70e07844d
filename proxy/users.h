// Users: who may log in here, and which accounts each of them sees.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "cache/account.h"
#include "net/loop.h"

namespace proxy {

/// An account as one user sees it: at the root, or below its name.
struct Mount {
  std::string prefix;  // "" for the first account of a user, else its name; never ends in "/"
  cache::Account* account = nullptr;
};

/// Lifetime: fixed while sessions run; the accounts outlive it.
struct User {
  std::string name;
  Secret password;            // or a "SCRAM-SHA-256$…" verifier
  net::Loop* loop = nullptr;  // where all of its accounts live
  std::vector<Mount> mounts;  // never empty
};

/// Thread: made before the listeners start, replaced as a whole on reload; reading from any.
using Users = std::map<std::string, User, std::less<>>;

}  // namespace proxy
