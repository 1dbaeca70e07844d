// slow_link SERVER_PORT ROUND_TRIP_MS MBIT_PER_S: a slow line on this machine, for the benchmark.
//
// Prints "LISTEN_PORT CONTROL_PORT" and runs until its standard input closes. A connection to the
// control port takes one command per line and answers each with one line of JSON, the counters:
// up, down, stall, drop, reset (the counters), show.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/faulty_link.h"

namespace {

using support::FaultyLink;
using support::LinkCounters;

std::string counters_as_json(const FaultyLink& link) {
  const LinkCounters counters = link.counters();
  const auto member = [](const char* name, std::uint64_t value) {
    return "\"" + std::string(name) + "\": " + std::to_string(value);
  };
  return "{" + member("bytes_to_server", counters.bytes_to_server) + ", " +
         member("bytes_to_client", counters.bytes_to_client) + ", " +
         member("connections", counters.connections) + ", " + member("open", counters.open) + ", " +
         member("round_trips", counters.round_trips) + ", " +
         member("most_round_trips", counters.most_round_trips) + "}\n";
}

bool obey(FaultyLink* link, const std::string& command) {
  if (command == "up") {
    link->up();
  } else if (command == "down") {
    link->down();
  } else if (command == "stall") {
    link->stall();
  } else if (command == "drop") {
    link->drop_all();
  } else if (command == "reset") {
    link->reset_counters();
  } else if (command != "show") {
    return false;
  }
  return true;
}

struct Controller {
  int socket;
  std::string received;
};

// Reads what `controller` says and obeys each whole line; false when it has gone.
bool serve(FaultyLink* link, Controller* controller) {
  char buffer[512];
  const ssize_t got = ::recv(controller->socket, buffer, sizeof(buffer), 0);
  if (got <= 0) return false;
  controller->received.append(buffer, static_cast<std::size_t>(got));
  for (std::size_t end = 0; (end = controller->received.find('\n')) != std::string::npos;) {
    const bool known = obey(link, controller->received.substr(0, end));
    const std::string answer = known ? counters_as_json(*link) : "{\"error\": \"no command\"}\n";
    controller->received.erase(0, end + 1);
    if (::send(controller->socket, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return false;
  }
  return controller->received.size() < sizeof(buffer);
}

int listen_anywhere(std::uint16_t* port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener, 8) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return -1;
  }
  *port = ntohs(address.sin_port);
  return listener;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: slow_link SERVER_PORT ROUND_TRIP_MS MBIT_PER_S\n", stderr);
    return 2;
  }
  support::LinkOptions options;
  options.round_trip = std::chrono::microseconds(std::atol(argv[2]) * 1000);
  options.bytes_per_second = std::atof(argv[3]) * 1e6 / 8;
  const auto link = FaultyLink::start(static_cast<std::uint16_t>(std::atoi(argv[1])), options);
  std::uint16_t control_port = 0;
  const int listener = listen_anywhere(&control_port);
  if (!link || listener < 0) {
    std::fprintf(stderr, "slow_link: %s\n", link ? "no control port" : link.error().text().c_str());
    return 1;
  }
  std::printf("%u %u\n", unsigned{(*link)->port()}, unsigned{control_port});
  std::fflush(stdout);

  std::vector<Controller> controllers;
  for (;;) {
    std::vector<pollfd> waits = {{0, POLLIN, 0}, {listener, POLLIN, 0}};
    for (const Controller& controller : controllers) {
      waits.push_back({controller.socket, POLLIN, 0});
    }
    ::poll(waits.data(), waits.size(), -1);
    if (waits[0].revents != 0) return 0;
    std::vector<Controller> kept;
    for (std::size_t i = 0; i < controllers.size(); ++i) {
      if (waits[i + 2].revents == 0 || serve(link->get(), &controllers[i])) {
        kept.push_back(std::move(controllers[i]));
      } else {
        ::close(controllers[i].socket);
      }
    }
    controllers = std::move(kept);
    if (waits[1].revents != 0) {
      const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket >= 0) controllers.push_back({socket, ""});
    }
  }
}
