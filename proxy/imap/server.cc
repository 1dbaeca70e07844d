#include "proxy/imap/server.h"

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/on_executor.h"
#include "base/task_group.h"
#include "net/listener.h"
#include "net/tls.h"
#include "proxy/imap/login.h"
#include "proxy/imap/session.h"

namespace proxy {
namespace {

std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Counts connections over all loops. A ticket is one connection's place.
class ConnectionCount {
 public:
  class Ticket {
   public:
    Ticket(ConnectionCount* count, std::string host) : count_(count), host_(std::move(host)) {}
    Ticket(Ticket&& other) noexcept
        : count_(std::exchange(other.count_, nullptr)), host_(std::move(other.host_)) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
      if (count_ != nullptr) count_->leave(host_);
    }

   private:
    ConnectionCount* count_;
    std::string host_;
  };

  std::optional<Ticket> enter(const std::string& host, const config::Limits& limits) {
    const std::lock_guard lock(mutex_);
    if (total_ >= limits.max_connections) return std::nullopt;
    std::uint32_t& here = by_host_[host];
    if (here >= limits.max_connections_per_address) return std::nullopt;
    ++here;
    ++total_;
    return Ticket(this, host);
  }

 private:
  void leave(const std::string& host) {
    const std::lock_guard lock(mutex_);
    --total_;
    const auto found = by_host_.find(host);
    if (--found->second == 0) by_host_.erase(found);
  }
  std::mutex mutex_;
  std::uint32_t total_ = 0;
  std::map<std::string, std::uint32_t> by_host_;
};

// A connection that is being served on some loop.
struct Live {
  SessionInfo info;
  Session* session = nullptr;  // once logged in
};

// What lives on one loop, touched there alone.
struct Part {
  explicit Part(net::Loop* on) : loop(on), group(on) {}
  net::Loop* loop;
  TaskGroup group;
  std::map<std::uint64_t, Live> live;
};

struct Door {
  config::Listener settings;
  net::Listener listener;
  std::optional<net::ServerTls> tls;
};

}  // namespace

class ImapServer::Impl {
 public:
  Impl(net::LoopPool* pool, std::shared_ptr<const Users> users, config::Limits limits)
      : pool_(pool), users_(std::move(users)), limits_(std::move(limits)) {
    for (std::size_t i = 0; i < pool->size(); ++i) {
      parts_.push_back(std::make_unique<Part>(pool->loop(i)));
    }
  }

  Result<> start(std::vector<config::Listener> listeners) {
    for (config::Listener& settings : listeners) {
      std::optional<net::ServerTls> tls;
      if (settings.tls != config::Tls::kNone) {
        TRY(tls, load_tls(settings));
      }
      TRY(net::Listener listener,
          net::Listener::tcp(pool_->loop(0), settings.address, settings.port));
      doors_.push_back(
          std::make_unique<Door>(Door{std::move(settings), std::move(listener), std::move(tls)}));
    }
    for (const std::unique_ptr<Door>& door : doors_) {
      Log().info("listening on {} (imap, tls {})", door->listener.text(),
                 config::name_of(door->settings.tls));
      parts_.front()->group.spawn(accept(door.get()));
    }
    return {};
  }

  std::vector<std::uint16_t> ports() const {
    std::vector<std::uint16_t> ports;
    for (const std::unique_ptr<Door>& door : doors_) ports.push_back(door->listener.port());
    return ports;
  }

  Task<Result<>> reload_certificates(std::vector<config::Listener> listeners) {
    CHECK(listeners.size() == doors_.size());
    using Certificates = std::vector<std::optional<net::ServerTls>>;
    const auto load = [&listeners]() -> Result<Certificates> {
      Certificates fresh(listeners.size());
      for (std::size_t i = 0; i < listeners.size(); ++i) {
        if (listeners[i].tls == config::Tls::kNone) continue;
        TRY(fresh[i], load_tls(listeners[i]));
      }
      return fresh;
    };
    CO_TRY(Certificates fresh, co_await run_blocking(static_cast<Executor*>(pool_->loop(0)), load));
    for (std::size_t i = 0; i < doors_.size(); ++i) doors_[i]->tls = std::move(fresh[i]);
    co_return Result<>();
  }

  void set_users(std::shared_ptr<const Users> users) { users_ = std::move(users); }

  Task<void> stop() {
    for (const std::unique_ptr<Part>& part : parts_) {
      std::move_only_function<Task<bool>()> close = [part = part.get()] {
        return [](Part* on) -> Task<bool> {
          co_await on->group.close();
          co_return true;
        }(part);
      };
      co_await run_on<bool>(part->loop, pool_->loop(0), std::move(close));
    }
    doors_.clear();
  }

  Task<std::vector<SessionInfo>> sessions() {
    std::vector<SessionInfo> all;
    for (const std::unique_ptr<Part>& part : parts_) {
      std::move_only_function<Task<std::vector<SessionInfo>>()> look = [part = part.get()] {
        return [](Part* on) -> Task<std::vector<SessionInfo>> {
          std::vector<SessionInfo> found;
          for (const auto& [id, live] : on->live) {
            SessionInfo info = live.info;
            if (live.session != nullptr) {
              info.mailbox = live.session->mailbox_name();
              info.idle = live.session->is_idle();
              if (!live.session->client().empty()) info.client = live.session->client();
            }
            found.push_back(std::move(info));
          }
          co_return found;
        }(part);
      };
      std::vector<SessionInfo> some =
          co_await run_on<std::vector<SessionInfo>>(part->loop, pool_->loop(0), std::move(look));
      all.insert(all.end(), std::make_move_iterator(some.begin()),
                 std::make_move_iterator(some.end()));
    }
    co_return all;
  }

  Task<bool> set_trace(std::uint64_t session, bool on) {
    if (session == 0) trace_all_ = on;
    bool found = session == 0;
    for (const std::unique_ptr<Part>& part : parts_) {
      std::move_only_function<Task<bool>()> set = [part = part.get(), session, on] {
        return [](Part* here, std::uint64_t wanted, bool trace) -> Task<bool> {
          bool any = false;
          for (auto& [id, live] : here->live) {
            if ((wanted != 0 && wanted != id) || live.session == nullptr) continue;
            live.session->set_trace(trace);
            any = true;
          }
          co_return any;
        }(part, session, on);
      };
      if (co_await run_on<bool>(part->loop, pool_->loop(0), std::move(set))) found = true;
    }
    co_return found;
  }

 private:
  static Result<net::ServerTls> load_tls(const config::Listener& settings) {
    return net::ServerTls::create({settings.certificate, settings.private_key});
  }

  Task<void> accept(Door* door) {
    Part* part = parts_.front().get();
    for (;;) {
      Result<net::Connection> accepted = co_await door->listener.accept(part->group.stop_token());
      if (!accepted) {
        if (accepted.error().code() != Errc::kCancelled) {
          Log().error("{}: no more connections: {}", door->listener.text(),
                      accepted.error().text());
        }
        co_return;
      }
      part->group.spawn(greet(part, door, std::move(*accepted)));
    }
  }

  // A connection on the loop that accepted it, until somebody has logged in.
  Task<void> greet(Part* part, Door* door, net::Connection connection) {
    const std::uint64_t id = ++last_session_;
    const Log log = Log().with_session(fmt::format("imap#{}", id));
    std::optional<ConnectionCount::Ticket> ticket = count_.enter(connection.peer().host, limits_);
    if (!ticket) {
      log.warning("too many connections: {} is turned away", connection.peer().text);
      if (door->settings.tls != config::Tls::kImplicit) {
        connection.write("* BYE [UNAVAILABLE] Too many connections\r\n");
      }
      co_await connection.close();
      co_return;
    }
    const std::stop_token stop = part->group.stop_token();
    if (door->settings.tls == config::Tls::kImplicit) {
      const Result<> secured =
          co_await connection.start_tls(*door->tls, limits_.login_timeout, stop);
      if (!secured) {
        log.info("TLS with {} failed: {}", connection.peer().text, secured.error().text());
        co_return;
      }
    }
    const bool plaintext_allowed = connection.peer().is_loopback || door->settings.allow_plaintext;
    std::optional<LoggedIn> who;
    const std::shared_ptr<const Users> users = users_;
    {
      Live& live = part->live[id];
      live.info.id = id;
      live.info.peer = connection.peer().text;
      live.info.since = now_seconds();
      Login login(&connection, users,
                  door->settings.tls == config::Tls::kStarttls ? door->tls : std::nullopt,
                  plaintext_allowed, limits_, &failed_logins_, log);
      who = co_await login.run(stop);
      part->live.erase(id);
    }
    if (!who) {
      co_await connection.close();
      co_return;
    }
    Part* home = part_of(who->user->loop);
    if (home == part) {
      co_await serve(part, std::move(connection), users, std::move(*who), id, std::move(*ticket));
      co_return;
    }
    Result<net::Handover> handover = co_await connection.release(limits_.login_timeout, stop);
    if (!handover) co_return;
    home->loop->post([this, home, users, handover = std::move(*handover), who = std::move(*who), id,
                      ticket = std::move(*ticket)]() mutable {
      Result<net::Connection> adopted = net::Connection::adopt(home->loop, std::move(handover));
      if (!adopted) return;
      home->group.spawn(
          serve(home, std::move(*adopted), users, std::move(who), id, std::move(ticket)));
    });
  }

  // A client that has logged in, on the loop of its accounts.
  Task<void> serve(Part* part, net::Connection connection, std::shared_ptr<const Users> users,
                   LoggedIn who, std::uint64_t id, ConnectionCount::Ticket ticket) {
    {
      const Log log =
          who.user->mounts.front().account->log().with_session(fmt::format("imap#{}", id));
      Session session(&connection, std::move(users), who.user, limits_, log);
      if (trace_all_) session.set_trace(true);
      Live& live = part->live[id];
      live.info.id = id;
      live.info.user = who.user->name;
      live.info.peer = connection.peer().text;
      live.info.tls = connection.is_tls();
      live.info.client = who.client;
      live.info.since = now_seconds();
      live.session = &session;
      co_await session.run(std::move(who.tag), part->group.stop_token());
      part->live.erase(id);
    }
    co_await connection.close();
    static_cast<void>(ticket);
  }

  Part* part_of(net::Loop* loop) {
    for (const std::unique_ptr<Part>& part : parts_) {
      if (part->loop == loop) return part.get();
    }
    return parts_.front().get();
  }

  net::LoopPool* pool_;
  std::shared_ptr<const Users> users_;
  config::Limits limits_;
  ConnectionCount count_;
  FailedLogins failed_logins_;
  std::vector<std::unique_ptr<Part>> parts_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::uint64_t last_session_ = 0;
  std::atomic<bool> trace_all_ = false;
};

ImapServer::ImapServer(net::LoopPool* pool, std::shared_ptr<const Users> users,
                       config::Limits limits)
    : impl_(std::make_unique<Impl>(pool, std::move(users), std::move(limits))) {}
ImapServer::~ImapServer() = default;
Result<> ImapServer::start(std::vector<config::Listener> listeners) {
  return impl_->start(std::move(listeners));
}
std::vector<std::uint16_t> ImapServer::ports() const { return impl_->ports(); }
Task<Result<>> ImapServer::reload_certificates(std::vector<config::Listener> listeners) {
  return impl_->reload_certificates(std::move(listeners));
}
void ImapServer::set_users(std::shared_ptr<const Users> users) {
  impl_->set_users(std::move(users));
}
Task<void> ImapServer::stop() { return impl_->stop(); }
Task<std::vector<SessionInfo>> ImapServer::sessions() { return impl_->sessions(); }
Task<bool> ImapServer::set_trace(std::uint64_t session, bool on) {
  return impl_->set_trace(session, on);
}

}  // namespace proxy
