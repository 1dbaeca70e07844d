#include "net/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/event.h"
#include "base/log.h"
#include "net/poll.h"
#include "net/socket.h"
#include "net/wait.h"

namespace net {

namespace {

constexpr int kBacklog = 512;
// How long accepting rests when there are no descriptors: something must close one first.
constexpr std::chrono::milliseconds kRest{100};
constexpr std::chrono::seconds kLogEvery{60};

bool out_of_resources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// accept(2): errors of the connection that was just about to be accepted, not of the listener.
bool peer_went_away(int error) {
  switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

Error bind_error(const std::string& where, int error) {
  switch (error) {
    case EADDRINUSE:
      return Error(
          Errc::kAlreadyExists,
          "cannot listen on " + where +
              ": another program (or another Waystation) listens there already; stop it or "
              "choose another port");
    case EACCES:
      return Error(Errc::kPermission,
                   "cannot listen on " + where +
                       ": not allowed; ports below 1024 need the capability CAP_NET_BIND_SERVICE, "
                       "or choose a higher port");
    case EADDRNOTAVAIL:
      return Error(Errc::kInvalid,
                   "cannot listen on " + where + ": this machine does not have that address");
    default:
      return Error(Errc::kIo, "cannot listen on " + where + ": " + std::strerror(error));
  }
}

// Removes the file that a dead process left at `path`.
Result<> clear_path(const std::string& path, const sockaddr_un& address) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return fail(Errc::kIo, "cannot listen on unix:" + path + ": " + std::strerror(errno));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return fail(Errc::kAlreadyExists,
                "cannot listen on unix:" + path + ": there is a file that is no socket");
  }
  TRY(const Descriptor probe, make_socket(AF_UNIX));
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(probe.get(), raw, sizeof(address)) == 0 || errno == EAGAIN) {
    return fail(Errc::kAlreadyExists,
                "cannot listen on unix:" + path + ": another process answers there");
  }
  if (errno != ECONNREFUSED || unlink(path.c_str()) != 0) {
    return fail(Errc::kIo, "cannot listen on unix:" + path + ": " + std::strerror(errno));
  }
  return {};
}

}  // namespace

struct Listener::Impl {
  Impl(Loop* on, Descriptor listening, std::string what)
      : loop(on), socket(std::move(listening)), text(std::move(what)), poll([this](int) {
          waiting.wake_all(Ended::kReady);
          poll.want(Poll::kNothing);  // accept() says when it wants more
        }) {}
  ~Impl() {
    if (!path.empty()) unlink(path.c_str());
  }

  Loop* loop;
  Descriptor socket;
  std::string text;
  std::string path;  // of a Unix socket
  std::uint16_t port = 0;
  WaitList waiting;
  Poll poll;
  std::optional<Executor::Clock::time_point> logged;  // when running out was last logged

  void log_exhaustion(int error);
  Result<Connection> take(int accepted, const sockaddr* from);
};

void Listener::Impl::log_exhaustion(int error) {
  const auto now = loop->now();
  if (logged && now - *logged < kLogEvery) return;
  logged = now;
  Log().error("{}: cannot accept connections for now: {}", text, std::strerror(error));
}

Result<Connection> Listener::Impl::take(int accepted, const sockaddr* from) {
  Descriptor connected(accepted);
  if (!path.empty()) return Connection::open(loop, std::move(connected), peer_of_unix(path));
  tune_tcp(connected.get());
  return Connection::open(loop, std::move(connected), peer_of(Address::from(from)));
}

Result<Listener> Listener::tcp(Loop* loop, std::string address, std::uint16_t port) {
  const std::optional<Address> where = Address::parse(address, port);
  if (!where) {
    return fail(Errc::kInvalid, "cannot listen on \"" + address +
                                    "\": expected a numeric address, such as 127.0.0.1 or ::1");
  }
  TRY(Descriptor socket, make_socket(where->raw()->sa_family));
  const int on = 1;
  // A restart must not wait for the last connections' TIME_WAIT; a living listener still conflicts.
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (where->is_ipv6()) {
    setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  if (bind(socket.get(), where->raw(), where->raw_size()) != 0 ||
      listen(socket.get(), kBacklog) != 0) {
    return std::unexpected(bind_error(where->text(), errno));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return std::unexpected(bind_error(where->text(), errno));
  }
  const Address actual = Address::from(reinterpret_cast<const sockaddr*>(&bound));
  auto impl = std::make_unique<Impl>(loop, std::move(socket), actual.text());
  impl->port = actual.port();
  TRY_VOID(impl->poll.open(loop, impl->socket.get()));
  return Listener(std::move(impl));
}

Result<Listener> Listener::unix_socket(Loop* loop, std::string path) {
  TRY(const sockaddr_un address, unix_address(path));
  TRY_VOID(clear_path(path, address));
  TRY(Descriptor socket, make_socket(AF_UNIX));
  // On Linux the file gets the socket's mode, so there is no moment at which others may open it.
  fchmod(socket.get(), S_IRUSR | S_IWUSR);
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  if (bind(socket.get(), raw, sizeof(address)) != 0) {
    return std::unexpected(bind_error("unix:" + path, errno));
  }
  auto impl = std::make_unique<Impl>(loop, std::move(socket), "unix:" + path);
  impl->path = path;  // from here on the file is ours to remove
  if (chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 || listen(impl->socket.get(), kBacklog) != 0) {
    return std::unexpected(bind_error("unix:" + path, errno));
  }
  TRY_VOID(impl->poll.open(loop, impl->socket.get()));
  return Listener(std::move(impl));
}

Listener::Listener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
Listener::~Listener() = default;

std::uint16_t Listener::port() const { return impl_->port; }
const std::string& Listener::text() const { return impl_->text; }

Task<Result<Connection>> Listener::accept(std::stop_token stop) {
  return accept_on(impl_.get(), std::move(stop));
}

Task<Result<Connection>> Listener::accept_on(Impl* impl, std::stop_token stop) {
  for (;;) {
    if (stop.stop_requested()) co_return fail(Errc::kCancelled, "cancelled");
    sockaddr_storage from{};
    socklen_t size = sizeof(from);
    auto* raw = reinterpret_cast<sockaddr*>(&from);
    const int accepted = accept4(impl->socket.get(), raw, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted >= 0) co_return impl->take(accepted, raw);
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      impl->poll.want(Poll::kReadable);
      const Ended how = co_await Wait(impl->loop, &impl->waiting, kNever, stop);
      if (how == Ended::kCancelled) co_return fail(Errc::kCancelled, "cancelled");
    } else if (out_of_resources(errno)) {
      impl->log_exhaustion(errno);
      CO_TRY_VOID(co_await sleep_for(impl->loop, kRest, stop));
    } else if (!peer_went_away(errno)) {
      co_return fail(Errc::kIo, impl->text + ": cannot accept: " + std::strerror(errno));
    }
  }
}

}  // namespace net
