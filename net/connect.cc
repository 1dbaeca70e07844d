#include "net/connect.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/task_group.h"
#include "net/dns.h"
#include "net/poll.h"
#include "net/socket.h"
#include "net/wait.h"

namespace net {

namespace {

// RFC 8305 section 8: Connection Attempt Delay.
constexpr std::chrono::milliseconds kAttemptDelay{250};

std::chrono::milliseconds until(Deadline deadline) {
  if (deadline == kNever) return std::chrono::milliseconds::max();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Executor::Clock::now());
  return std::max(left, std::chrono::milliseconds(0));
}

// Waits until a connect() that was begun has ended.
Task<Result<>> finish_connect(Loop* loop, int socket, Deadline deadline, std::stop_token stop) {
  WaitList waiting;
  Poll poll([&waiting](int) { waiting.wake_all(Ended::kReady); });
  CO_TRY_VOID(poll.open(loop, socket));
  poll.want(Poll::kWritable);
  const Ended how = co_await Wait(loop, &waiting, deadline, stop);
  if (how == Ended::kCancelled) co_return fail(Errc::kCancelled, "cancelled");
  if (how == Ended::kTimeout) co_return fail(Errc::kTimeout, "no answer");
  if (const int error = take_socket_error(socket); error != 0) {
    co_return fail(Errc::kUnavailable, std::strerror(error));
  }
  co_return Result<>();
}

Task<Result<Descriptor>> connect_one(Loop* loop, Address address, Deadline deadline,
                                     std::stop_token stop) {
  CO_TRY(Descriptor socket, make_socket(address.raw()->sa_family));
  tune_tcp(socket.get());
  if (::connect(socket.get(), address.raw(), address.raw_size()) != 0) {
    if (errno != EINPROGRESS) co_return fail(Errc::kUnavailable, std::strerror(errno));
    CO_TRY_VOID(co_await finish_connect(loop, socket.get(), deadline, stop));
  }
  co_return socket;
}

// RFC 8305 section 4: the families take turns, beginning with the one that the system prefers.
std::vector<Address> interleave(const std::vector<Address>& addresses) {
  std::vector<Address> first;
  std::vector<Address> second;
  for (const Address& address : addresses) {
    (address.is_ipv6() == addresses.front().is_ipv6() ? first : second).push_back(address);
  }
  std::vector<Address> mixed;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < second.size()) mixed.push_back(second[i]);
  }
  return mixed;
}

// The attempts of one connect(), which race each other.
struct Race {
  explicit Race(Loop* on) : loop(on), changed(on) {}
  Loop* loop;
  Event changed;  // notified when an attempt ends
  std::size_t running = 0;
  std::optional<Descriptor> won;
  Address winner;
  std::string failures;
  bool any_timeout = false;
};

Task<void> attempt(Race* race, Address address, Deadline deadline, std::stop_token stop) {
  Result<Descriptor> socket = co_await connect_one(race->loop, address, deadline, stop);
  --race->running;
  if (!socket) {
    if (socket.error().code() == Errc::kCancelled) co_return;
    race->any_timeout = race->any_timeout || socket.error().code() == Errc::kTimeout;
    race->failures += fmt::format("{}{}: {}", race->failures.empty() ? "" : "; ", address.text(),
                                  socket.error().text());
  } else if (!race->won) {
    race->won = std::move(*socket);
    race->winner = address;
  }
  race->changed.notify();
}

// Starts the attempts one after the other until one has won or all have failed.
Task<Result<>> run_race(Race* race, TaskGroup* group, std::vector<Address> addresses,
                        Deadline deadline, std::stop_token stop) {
  std::size_t next = 0;
  Deadline next_start = Executor::Clock::now();
  while (!race->won && (race->running > 0 || next < addresses.size())) {
    const Deadline now = Executor::Clock::now();
    if (now >= deadline && next > 0) {
      if (race->running == 0) break;
      addresses.resize(next);
    }
    if (next == addresses.size()) {
      // Every attempt ends by itself when the deadline passes.
      CO_TRY_VOID(co_await race->changed.wait(stop));
    } else if (race->running == 0 || now >= next_start) {
      ++race->running;
      next_start = now + kAttemptDelay;
      group->spawn(attempt(race, addresses[next++], deadline, group->stop_token()));
    } else {
      const std::size_t running = race->running;
      const Result<> changed =
          co_await race->changed.wait_for(until(std::min(next_start, deadline)), stop);
      if (!changed && changed.error().code() == Errc::kCancelled) co_return changed;
      if (race->running < running) next_start = now;  // one failed: the next need not wait
    }
  }
  co_return Result<>();
}

}  // namespace

Task<Result<Connection>> connect(Loop* loop, std::vector<Address> addresses,
                                 std::chrono::milliseconds limit, std::stop_token stop) {
  if (addresses.empty()) co_return fail(Errc::kUnavailable, "no address to connect to");
  const Deadline deadline = deadline_after(limit);
  Race race(loop);
  TaskGroup group(loop);
  const Result<> raced =
      co_await run_race(&race, &group, interleave(addresses), deadline, std::move(stop));
  co_await group.close();
  CO_TRY_VOID(raced);
  if (!race.won) {
    co_return fail(race.any_timeout ? Errc::kTimeout : Errc::kUnavailable,
                   "cannot connect: " + race.failures);
  }
  co_return Connection::open(loop, std::move(*race.won), peer_of(race.winner));
}

Task<Result<Connection>> connect(Loop* loop, ConnectOptions options, std::stop_token stop) {
  const Deadline deadline = deadline_after(options.deadline);
  CO_TRY(std::vector<Address> addresses,
         co_await resolve(loop, options.host, options.port, options.deadline, stop));
  Result<Connection> made = co_await connect(loop, std::move(addresses), until(deadline), stop);
  if (!made && made.error().code() != Errc::kCancelled) {
    co_return fail(std::move(made).error().within(options.host));
  }
  co_return made;
}

Task<Result<Connection>> connect_unix(Loop* loop, std::string path,
                                      std::chrono::milliseconds deadline, std::stop_token stop) {
  CO_TRY(const sockaddr_un address, unix_address(path));
  CO_TRY(Descriptor socket, make_socket(AF_UNIX));
  const Deadline end = deadline_after(deadline);
  for (;;) {
    if (stop.stop_requested()) co_return fail(Errc::kCancelled, "cancelled");
    const auto* raw = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(socket.get(), raw, sizeof(address)) == 0) break;
    // A Unix socket connects at once or not; EAGAIN says that the listener's queue is full, and
    // nothing tells when it no longer is.
    if (errno != EAGAIN) {
      co_return fail(Errc::kUnavailable,
                     "cannot connect to unix:" + path + ": " + std::strerror(errno));
    }
    if (Executor::Clock::now() >= end) {
      co_return fail(Errc::kTimeout, "cannot connect to unix:" + path + ": its listener is busy");
    }
    CO_TRY_VOID(co_await sleep_for(loop, std::chrono::milliseconds(10), stop));
  }
  co_return Connection::open(loop, std::move(socket), peer_of_unix(path));
}

}  // namespace net
