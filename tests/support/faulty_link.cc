#include "tests/support/faulty_link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/link_line.h"
#include "tests/support/process.h"

namespace support {
namespace {

constexpr std::size_t kWaitingLimit = 256U << 10U;  // then the sender feels back-pressure
constexpr std::size_t kReadBytes = 64U << 10U;
constexpr auto kLinger = std::chrono::seconds(2);  // for peers that do not close after a cut

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int stream_socket() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return socket;
}

void close_with_reset(int socket) {
  if (socket < 0) return;
  const linger now{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  ::close(socket);
}

struct Connection {
  enum class State {
    kOpening,  // the handshake is still on its way to the server
    kOpen,
    kCutting,   // takes nothing more; what was taken is delivered, then the cut is done
    kDraining,  // both sides were told the end; what they still say is dropped
    kStalled,   // half-open for good
    kDead,
  };
  State state = State::kOpening;
  int client = -1;
  int server = -1;
  LinkTime client_ready;  // handshake done as the client sees it
  LinkTime server_ready;  // and as the server does
  LinkTime give_up;       // end of kDraining
  LinkFlow to_server;
  LinkFlow to_client;
  CutStyle cut = CutStyle::kClose;
  bool heard_server = true;
  std::uint64_t round_trips = 0;
};

}  // namespace

class FaultyLink::Forwarder {
 public:
  Forwarder(int listener, int wake, std::uint16_t port, std::uint16_t server_port,
            LinkOptions options)
      : listener_(listener),
        wake_(wake),
        port_(port),
        server_port_(server_port),
        round_trip_(options.round_trip),
        random_(options.seed) {
    set_rate(options.bytes_per_second);
    thread_ = std::thread([this] { run(); });
  }

  ~Forwarder() {
    with_lock([this] { ending_ = true; });
    thread_.join();
    for (Connection& connection : connections_) kill(&connection);
    ::close(listener_);
    ::close(wake_);
  }

  template <class F>
  void with_lock(F change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof(one));
  }

  void set_rate(double rate) {
    up_line_.set_rate(rate);
    down_line_.set_rate(rate);
  }
  void reset_all() {
    for (Connection& connection : connections_) kill(&connection);
  }

  enum class Mode { kUp, kStalled, kDown };
  struct Cut {
    LinkDirection direction;
    std::uint64_t left;
    CutStyle style;
  };

  std::mutex mutex_;
  const int listener_;
  const int wake_;
  const std::uint16_t port_;
  std::uint16_t server_port_;
  std::chrono::microseconds round_trip_;
  Mode mode_ = Mode::kUp;
  double refuse_share_ = 0;
  std::optional<Cut> cut_;
  bool cut_done_ = false;
  bool ending_ = false;
  LinkCounters counters_;
  std::list<Connection> connections_;

 private:
  void run();
  LinkTime work(LinkTime now);
  void accept_all(LinkTime now);
  void open(Connection* connection, LinkTime now);
  void read_from(Connection* connection, LinkDirection direction, LinkTime now);
  void deliver(Connection* connection, LinkDirection direction, LinkTime now, LinkTime* next);
  void finish_cut(Connection* connection, LinkTime now);
  void drain(Connection* connection, LinkTime now, LinkTime* next);
  static void kill(Connection* connection);

  LinkLine up_line_;
  LinkLine down_line_;
  std::minstd_rand random_;
  std::thread thread_;
};

void FaultyLink::Forwarder::kill(Connection* connection) {
  close_with_reset(connection->client);
  close_with_reset(connection->server);
  connection->client = connection->server = -1;
  connection->state = Connection::State::kDead;
}

void FaultyLink::Forwarder::accept_all(LinkTime now) {
  for (;;) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    const bool unlucky = std::uniform_real_distribution<double>(0, 1)(random_) < refuse_share_;
    if (mode_ == Mode::kDown || unlucky) {
      ++counters_.refused;
      close_with_reset(client);
      continue;
    }
    const int on = 1;
    ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    Connection& added = connections_.emplace_back();
    added.client = client;
    added.client_ready = now + round_trip_;
    added.server_ready = now + round_trip_ * 3 / 2;
    ++counters_.connections;
  }
}

void FaultyLink::Forwarder::open(Connection* connection, LinkTime now) {
  if (now < connection->server_ready) return;
  connection->server = stream_socket();
  const sockaddr_in address = loopback(server_port_);
  const int connected =
      ::connect(connection->server, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  if (connected != 0 && errno != EINPROGRESS) return kill(connection);
  connection->state = Connection::State::kOpen;
}

void FaultyLink::Forwarder::read_from(Connection* connection, LinkDirection direction,
                                      LinkTime now) {
  const bool up = direction == LinkDirection::kToServer;
  LinkFlow& flow = up ? connection->to_server : connection->to_client;
  const int source = up ? connection->client : connection->server;
  if (source < 0 || flow.ended || flow.waiting_bytes >= kWaitingLimit) return;
  if (up && now < connection->client_ready) return;
  const bool counting = cut_ && cut_->direction == direction;
  char buffer[kReadBytes];
  // Of a cut at byte N, byte N + 1 must stay where it is: the peer may not even see it taken.
  const std::size_t most =
      counting ? std::min<std::uint64_t>(sizeof(buffer), std::max<std::uint64_t>(1, cut_->left))
               : sizeof(buffer);
  const ssize_t got = ::recv(source, buffer, most, counting && cut_->left == 0 ? MSG_PEEK : 0);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) kill(connection);
    return;
  }
  if (got == 0) {
    flow.ended = true;
    return;
  }
  if (!counting || cut_->left > 0) {
    const auto count = static_cast<std::uint64_t>(got);
    (up ? counters_.bytes_to_server : counters_.bytes_to_client) += count;
    if (up && connection->heard_server) {
      connection->heard_server = false;
      ++connection->round_trips;
      ++counters_.round_trips;
      counters_.most_round_trips = std::max(counters_.most_round_trips, connection->round_trips);
    }
    flow.put(now, std::string(buffer, static_cast<std::size_t>(got)));
    if (counting) cut_->left -= count;
    if (!counting || cut_->left > 0) return;
  }
  connection->state = Connection::State::kCutting;
  connection->cut = cut_->style;
  cut_.reset();
}

void FaultyLink::Forwarder::deliver(Connection* connection, LinkDirection direction, LinkTime now,
                                    LinkTime* next) {
  const bool up = direction == LinkDirection::kToServer;
  LinkFlow& flow = up ? connection->to_server : connection->to_client;
  const int target = up ? connection->server : connection->client;
  if (target < 0) return;
  while (!flow.in_flight.empty()) {
    LinkFlow::Chunk& chunk = flow.in_flight.front();
    if (chunk.time > now) {
      *next = std::min(*next, chunk.time);
      return;
    }
    const ssize_t sent = ::send(target, chunk.bytes.data() + chunk.used,
                                chunk.bytes.size() - chunk.used, MSG_NOSIGNAL);
    if (sent < 0) {
      // ENOTCONN, EAGAIN: the connect is under way, or the buffer is full; poll() tells.
      if (errno != EAGAIN && errno != ENOTCONN && errno != EINTR) kill(connection);
      return;
    }
    if (!up) connection->heard_server = true;
    chunk.used += static_cast<std::size_t>(sent);
    if (chunk.used < chunk.bytes.size()) return;
    flow.in_flight.pop_front();
  }
  if (flow.ended && !flow.shut && flow.empty()) {
    ::shutdown(target, SHUT_WR);
    flow.shut = true;
  }
}

void FaultyLink::Forwarder::finish_cut(Connection* connection, LinkTime now) {
  if (!connection->to_server.empty() || !connection->to_client.empty()) return;
  cut_done_ = true;
  switch (connection->cut) {
    case CutStyle::kReset:
      return kill(connection);
    case CutStyle::kStall:
      connection->state = Connection::State::kStalled;
      return;
    case CutStyle::kClose:
      ::shutdown(connection->client, SHUT_WR);
      ::shutdown(connection->server, SHUT_WR);
      connection->state = Connection::State::kDraining;
      connection->give_up = now + kLinger;
      return;
  }
}

void FaultyLink::Forwarder::drain(Connection* connection, LinkTime now, LinkTime* next) {
  char buffer[kReadBytes];
  bool ended = true;
  for (const int socket : {connection->client, connection->server}) {
    ssize_t got = 0;
    while ((got = ::recv(socket, buffer, sizeof(buffer), 0)) > 0) continue;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) ended = false;
  }
  if (ended || now >= connection->give_up) return kill(connection);
  *next = std::min(*next, connection->give_up);
}

// Does all that can be done at `now`; returns when there is more to do without any socket's event.
LinkTime FaultyLink::Forwarder::work(LinkTime now) {
  LinkTime next = now + std::chrono::seconds(1);
  accept_all(now);
  if (mode_ == Mode::kStalled) return next;
  const auto half = std::chrono::duration_cast<LinkClock::duration>(round_trip_) / 2;
  std::vector<LinkFlow*> up;
  std::vector<LinkFlow*> down;
  for (Connection& connection : connections_) {
    if (connection.state == Connection::State::kOpening) {
      open(&connection, now);
      if (connection.state == Connection::State::kOpening) {
        next = std::min(next, now < connection.client_ready ? connection.client_ready
                                                            : connection.server_ready);
      }
    }
    for (const LinkDirection direction : {LinkDirection::kToServer, LinkDirection::kToClient}) {
      if (connection.state == Connection::State::kOpen ||
          connection.state == Connection::State::kOpening) {
        read_from(&connection, direction, now);
      }
    }
    up.push_back(&connection.to_server);
    down.push_back(&connection.to_client);
  }
  up_line_.advance(now, half, up);
  down_line_.advance(now, half, down);
  for (Connection& connection : connections_) {
    if (connection.state == Connection::State::kDraining) drain(&connection, now, &next);
    if (connection.state != Connection::State::kOpen &&
        connection.state != Connection::State::kCutting) {
      continue;
    }
    deliver(&connection, LinkDirection::kToServer, now, &next);
    deliver(&connection, LinkDirection::kToClient, now, &next);
    if (connection.state == Connection::State::kCutting) finish_cut(&connection, now);
    if (!connection.to_server.waiting.empty()) next = std::min(next, up_line_.free_at());
    if (!connection.to_client.waiting.empty()) next = std::min(next, down_line_.free_at());
    if (connection.to_server.shut && connection.to_client.shut) {
      ::close(connection.client);
      ::close(connection.server);
      connection.client = connection.server = -1;
      connection.state = Connection::State::kDead;
    }
  }
  std::erase_if(connections_, [](const Connection& connection) {
    return connection.state == Connection::State::kDead;
  });
  return next;
}

void FaultyLink::Forwarder::run() {
  std::vector<pollfd> waits;
  for (;;) {
    LinkTime next;
    {
      const std::lock_guard lock(mutex_);
      if (ending_) return;
      std::erase_if(connections_, [](const Connection& connection) {
        return connection.state == Connection::State::kDead;
      });
      next = work(LinkClock::now());
      counters_.open = connections_.size();
      waits.assign({{listener_, POLLIN, 0}, {wake_, POLLIN, 0}});
      for (const Connection& connection : connections_) {
        const bool takes =
            mode_ != Mode::kStalled && (connection.state == Connection::State::kOpen ||
                                        connection.state == Connection::State::kOpening ||
                                        connection.state == Connection::State::kDraining);
        const auto events = [&](const LinkFlow& in, const LinkFlow& out) -> short {
          int wanted = 0;
          if (takes && !in.ended && in.waiting_bytes < kWaitingLimit) wanted |= POLLIN;
          const bool due = !out.in_flight.empty() && out.in_flight.front().time <= LinkClock::now();
          if (mode_ != Mode::kStalled && due) wanted |= POLLOUT;
          return static_cast<short>(wanted);
        };
        // A socket nothing is wanted of is left out: poll() would report its hang-up for ever.
        short client = events(connection.to_server, connection.to_client);
        if (LinkClock::now() < connection.client_ready) client = 0;
        const short server = events(connection.to_client, connection.to_server);
        if (client != 0) waits.push_back({connection.client, client, 0});
        if (server != 0 && connection.server >= 0) {
          waits.push_back({connection.server, server, 0});
        }
      }
    }
    const auto left = std::max(next - LinkClock::now(), LinkClock::duration::zero());
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    const timespec limit{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
    ::ppoll(waits.data(), waits.size(), &limit, nullptr);
    std::uint64_t ignored = 0;
    [[maybe_unused]] const auto got = ::read(wake_, &ignored, sizeof(ignored));
  }
}

Result<std::unique_ptr<FaultyLink>> FaultyLink::start(std::uint16_t server_port,
                                                      LinkOptions options,
                                                      std::uint16_t listen_port) {
  const int listener = stream_socket();
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  for (int attempt = 0; attempt < 3; ++attempt) {
    const std::uint16_t port = listen_port != 0 ? listen_port : free_port();
    const sockaddr_in address = loopback(port);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        ::listen(listener, 512) != 0) {
      continue;
    }
    const int wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return std::unique_ptr<FaultyLink>(
        new FaultyLink(std::make_unique<Forwarder>(listener, wake, port, server_port, options)));
  }
  ::close(listener);
  return fail(Errc::kIo, std::string("no port for the link: ") + std::strerror(errno));
}

FaultyLink::FaultyLink(std::unique_ptr<Forwarder> forwarder) : forwarder_(std::move(forwarder)) {}
FaultyLink::~FaultyLink() = default;

std::uint16_t FaultyLink::port() const { return forwarder_->port_; }
void FaultyLink::set_server_port(std::uint16_t port) {
  forwarder_->with_lock([&] { forwarder_->server_port_ = port; });
}
void FaultyLink::set_round_trip(std::chrono::microseconds round_trip) {
  forwarder_->with_lock([&] { forwarder_->round_trip_ = round_trip; });
}
void FaultyLink::set_bytes_per_second(double rate) {
  forwarder_->with_lock([&] { forwarder_->set_rate(rate); });
}
void FaultyLink::up() {
  forwarder_->with_lock([&] {
    forwarder_->mode_ = Forwarder::Mode::kUp;
    forwarder_->cut_.reset();
  });
}
void FaultyLink::stall() {
  forwarder_->with_lock([&] { forwarder_->mode_ = Forwarder::Mode::kStalled; });
}
void FaultyLink::down() {
  forwarder_->with_lock([&] {
    forwarder_->mode_ = Forwarder::Mode::kDown;
    forwarder_->reset_all();
  });
}
void FaultyLink::drop_all() {
  forwarder_->with_lock([&] { forwarder_->reset_all(); });
}
void FaultyLink::refuse_share(double share) {
  forwarder_->with_lock([&] { forwarder_->refuse_share_ = share; });
}
void FaultyLink::cut_after(LinkDirection direction, std::uint64_t bytes, CutStyle style) {
  forwarder_->with_lock([&] {
    forwarder_->cut_ = Forwarder::Cut{direction, bytes, style};
    forwarder_->cut_done_ = false;
  });
}
bool FaultyLink::cut_done() const {
  const std::lock_guard lock(forwarder_->mutex_);
  return forwarder_->cut_done_;
}
LinkCounters FaultyLink::counters() const {
  const std::lock_guard lock(forwarder_->mutex_);
  return forwarder_->counters_;
}
void FaultyLink::reset_counters() {
  forwarder_->with_lock([&] {
    const std::uint64_t open = forwarder_->counters_.open;
    forwarder_->counters_ = {};
    forwarder_->counters_.open = open;
    for (Connection& connection : forwarder_->connections_) {
      connection.round_trips = 0;
      connection.heard_server = true;
    }
  });
}

}  // namespace support
