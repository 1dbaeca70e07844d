#include "proxy/demo/slow_link.h"

#include <algorithm>
#include <deque>
#include <string>

#include "base/event.h"
#include "net/connect.h"

namespace proxy {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kForever = std::chrono::hours(24);
constexpr std::size_t kBytesOnTheWay = std::size_t{2} << 20;

}  // namespace

// One direction of one connection.
struct SlowLink::Pipe {
  Pipe(net::Loop* loop, net::Connection* source, net::Connection* sink)
      : from(source), to(sink), arrived(loop), left(loop) {}
  struct Chunk {
    steady_clock::time_point due;
    std::string bytes;
  };
  net::Connection* from;
  net::Connection* to;
  std::deque<Chunk> chunks;
  std::size_t queued = 0;
  bool ended = false;
  Event arrived;
  Event left;
};

struct SlowLink::Line {
  Line(net::Loop* loop, net::Connection near, net::Connection far)
      : client(std::move(near)), server(std::move(far)), group(loop) {}
  net::Connection client;
  net::Connection server;
  TaskGroup group;

  void drop() {
    client.abort();
    server.abort();
    group.request_stop();
  }
};

SlowLink::SlowLink(net::Loop* loop, Options options)
    : loop_(loop), options_(options), started_(steady_clock::now()), tasks_(loop) {}
SlowLink::~SlowLink() = default;

Result<> SlowLink::start() {
  TRY(net::Listener listener, net::Listener::tcp(loop_, "127.0.0.1", 0));
  listener_ = std::make_unique<net::Listener>(std::move(listener));
  tasks_.spawn(accept());
  return {};
}

std::uint16_t SlowLink::port() const { return listener_->port(); }

void SlowLink::cut() {
  is_cut_ = true;
  for (Line* line : lines_) line->drop();
}

Task<void> SlowLink::stop() {
  cut();
  co_await tasks_.close();
}

Task<void> SlowLink::accept() {
  for (;;) {
    Result<net::Connection> accepted = co_await listener_->accept(tasks_.stop_token());
    if (!accepted) co_return;
    if (is_cut_) {
      accepted->abort();
      continue;
    }
    tasks_.spawn(carry(std::move(*accepted)));
  }
}

Task<void> SlowLink::carry(net::Connection client) {
  // The handshake of the line itself takes a round trip too.
  if (!co_await sleep_for(loop_, options_.round_trip, tasks_.stop_token())) co_return;
  Result<net::Connection> server =
      co_await net::connect(loop_, {"127.0.0.1", options_.to_port, 5s}, tasks_.stop_token());
  if (!server || is_cut_) co_return;
  Line line(loop_, std::move(client), std::move(*server));
  Pipe up(loop_, &line.client, &line.server);
  Pipe down(loop_, &line.server, &line.client);
  lines_.push_back(&line);
  line.group.spawn(read(&line, &up));
  line.group.spawn(read(&line, &down));
  line.group.spawn(write(&line, &up));
  co_await write(&line, &down);
  line.drop();
  co_await line.group.close();
  std::erase(lines_, &line);
}

Task<void> SlowLink::read(Line* line, Pipe* pipe) {
  const std::stop_token stop = line->group.stop_token();
  while (co_await pipe->from->fill(kForever, stop)) {
    const std::string_view bytes = pipe->from->buffered();
    pipe->chunks.push_back({steady_clock::now() + options_.round_trip / 2, std::string(bytes)});
    pipe->queued += bytes.size();
    pipe->from->consume(bytes.size());
    pipe->arrived.set();
    while (pipe->queued > kBytesOnTheWay) {
      pipe->left.reset();
      if (!co_await pipe->left.wait(stop)) break;
    }
  }
  pipe->ended = true;
  pipe->arrived.set();
}

Task<void> SlowLink::write(Line* line, Pipe* pipe) {
  const std::stop_token stop = line->group.stop_token();
  for (;;) {
    while (pipe->chunks.empty()) {
      if (pipe->ended) co_return;
      pipe->arrived.reset();
      if (!co_await pipe->arrived.wait(stop)) co_return;
    }
    Pipe::Chunk chunk = std::move(pipe->chunks.front());
    pipe->chunks.pop_front();
    auto due = chunk.due;
    if (options_.stall_every > 0ms) {
      // The first part of every period passes nothing.
      const auto into =
          std::chrono::duration_cast<milliseconds>(due - started_) % options_.stall_every;
      if (due - started_ > options_.stall_every && into < options_.stall_for) {
        due += options_.stall_for - into;
      }
    }
    const auto wait = std::chrono::ceil<milliseconds>(due - steady_clock::now());
    if (wait > 0ms && !co_await sleep_for(loop_, wait, stop)) co_return;
    pipe->queued -= chunk.bytes.size();
    pipe->left.set();
    pipe->to->write(std::move(chunk.bytes));
    if (!co_await pipe->to->flush(kForever, stop)) co_return;
  }
}

}  // namespace proxy
