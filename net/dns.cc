#include "net/dns.h"

#include <netdb.h>
#include <uv.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "net/wait.h"

namespace net {

namespace {

// One look-up. It lives until the system is done with it, which may be long after the coroutine
// that asked has given up.
struct Lookup {
  uv_getaddrinfo_t request{};
  WaitList* waiting = nullptr;  // null once nobody waits
  std::optional<int> status;
  std::vector<Address> addresses;
};

void on_done(uv_getaddrinfo_t* request, int status, addrinfo* found) {
  std::unique_ptr<std::shared_ptr<Lookup>> held(
      static_cast<std::shared_ptr<Lookup>*>(request->data));
  Lookup& lookup = **held;
  lookup.status = status;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    lookup.addresses.push_back(Address::from(entry->ai_addr));
  }
  uv_freeaddrinfo(found);
  if (lookup.waiting != nullptr) lookup.waiting->wake_all(Ended::kReady);
}

Error lookup_error(const std::string& host, int status) {
  const char* why = status == UV_EAI_NONAME ? "no such host" : uv_strerror(status);
  return Error(Errc::kUnavailable, "cannot resolve \"" + host + "\": " + why);
}

}  // namespace

Task<Result<std::vector<Address>>> resolve(Loop* loop, std::string host, std::uint16_t port,
                                           std::chrono::milliseconds deadline,
                                           std::stop_token stop) {
  if (const std::optional<Address> numeric = Address::parse(host, port)) {
    co_return std::vector<Address>{*numeric};
  }
  auto lookup = std::make_shared<Lookup>();
  WaitList waiting;
  lookup->waiting = &waiting;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  // The request keeps the look-up alive until on_done().
  auto held = std::make_unique<std::shared_ptr<Lookup>>(lookup);
  lookup->request.data = held.get();
  const std::string service = std::to_string(port);
  const int rc =
      uv_getaddrinfo(loop->uv(), &lookup->request, on_done, host.c_str(), service.c_str(), &hints);
  if (rc != 0) co_return fail(lookup_error(host, rc));
  static_cast<void>(held.release());  // on_done() owns it now

  const Ended how = co_await Wait(loop, &waiting, deadline_after(deadline), stop);
  lookup->waiting = nullptr;
  if (how != Ended::kReady) {
    uv_cancel(reinterpret_cast<uv_req_t*>(&lookup->request));  // works when it has not started yet
    if (how == Ended::kCancelled) co_return fail(Errc::kCancelled, "cancelled");
    co_return fail(Errc::kTimeout, "looking up \"" + host + "\" timed out");
  }
  if (*lookup->status != 0) co_return fail(lookup_error(host, *lookup->status));
  if (lookup->addresses.empty()) co_return fail(lookup_error(host, UV_EAI_NODATA));
  co_return std::move(lookup->addresses);
}

}  // namespace net
