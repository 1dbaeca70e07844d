// many_stores PORT USER PASSWORD CLIENTS SECONDS MAILBOX: how many STOREs per second a server
// acknowledges to CLIENTS at once, each waiting for its own answer before it goes on.
//
// "%" in MAILBOX stands for the client's number in three digits; where there is none all have the
// same mailbox open, and each its own message. Prints one line of JSON.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
  std::uint16_t port;
  std::string user;
  std::string password;
  std::size_t clients;
  std::chrono::duration<double> time;
  std::string mailbox;
};

class Client {
 public:
  Client(const Settings& settings, std::size_t number) : number_(number) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(settings.port);
    is_good_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
    std::string mailbox = settings.mailbox;
    const std::size_t at = mailbox.find('%');
    shares_ = at == std::string::npos;
    if (!shares_) {
      char digits[8];
      std::snprintf(digits, sizeof digits, "%03zu", number);
      mailbox.replace(at, 1, digits);
    }
    prepare("LOGIN \"" + settings.user + "\" \"" + settings.password + "\"");
    prepare("SELECT \"" + mailbox + "\"");
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  int socket() const { return socket_; }
  bool is_good() const { return is_good_; }

  void store() {
    const std::string message = shares_ ? std::to_string(number_ + 1) : "1";
    sent_ = Clock::now();
    send("STORE " + message + (sign_ ? " -" : " +") + "FLAGS.SILENT (\\Flagged)");
    sign_ = !sign_;
  }

  /// Reads what is there; returns whether the answer has come.
  bool take(std::vector<double>* seconds) {
    char bytes[65'536];
    const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
    if (got <= 0) {
      is_good_ = false;
      return false;
    }
    rest_.append(bytes, static_cast<std::size_t>(got));
    if (!has_answer()) return false;
    const std::chrono::duration<double> taken = Clock::now() - sent_;
    seconds->push_back(taken.count());
    return true;
  }

 private:
  void send(const std::string& command) {
    tag_ = "s" + std::to_string(++count_) + " ";
    const std::string line = tag_ + command + "\r\n";
    is_good_ = is_good_ && ::send(socket_, line.data(), line.size(), MSG_NOSIGNAL) > 0;
  }
  // What comes before the clock starts, and waits.
  void prepare(const std::string& command) {
    send(command);
    char bytes[65'536];
    while (is_good_ && !has_answer()) {
      const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
      is_good_ = got > 0;
      if (is_good_) rest_.append(bytes, static_cast<std::size_t>(got));
    }
  }
  // Whole lines are dropped, up to the tagged one.
  bool has_answer() {
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = rest_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      if (rest_.compare(begin, tag_.size(), tag_) != 0) continue;
      is_good_ = is_good_ && rest_.compare(begin + tag_.size(), 2, "OK") == 0;
      rest_.erase(0, end + 1);
      return true;
    }
    rest_.erase(0, begin);
    return false;
  }

  int socket_;
  std::size_t number_;
  bool is_good_ = false;
  bool shares_ = false;
  bool sign_ = false;
  unsigned count_ = 0;
  std::string tag_;
  std::string rest_;
  Clock::time_point sent_;
};

int run(const Settings& settings) {
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<pollfd> waits;
  for (std::size_t i = 0; i < settings.clients; ++i) {
    clients.push_back(std::make_unique<Client>(settings, i));
    waits.push_back({clients.back()->socket(), POLLIN, 0});
  }
  std::vector<double> seconds;
  const Clock::time_point begin = Clock::now();
  for (const auto& client : clients) client->store();
  while (Clock::now() - begin < settings.time) {
    ::poll(waits.data(), waits.size(), 1000);
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if (waits[i].revents == 0) continue;
      if (clients[i]->take(&seconds)) clients[i]->store();
      if (!clients[i]->is_good()) {
        std::fprintf(stderr, "many_stores: client %zu was refused or cut off\n", i);
        return 1;
      }
    }
  }
  const std::chrono::duration<double> taken = Clock::now() - begin;
  if (seconds.empty()) return 1;
  std::ranges::sort(seconds);
  std::printf("{\"per_second\": %.0f, \"median\": %.6f, \"p99\": %.6f}\n",
              static_cast<double>(seconds.size()) / taken.count(), seconds[seconds.size() / 2],
              seconds[seconds.size() * 99 / 100]);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fputs("usage: many_stores PORT USER PASSWORD CLIENTS SECONDS MAILBOX\n", stderr);
    return 2;
  }
  return run({static_cast<std::uint16_t>(std::atoi(argv[1])), argv[2], argv[3],
              static_cast<std::size_t>(std::atol(argv[4])),
              std::chrono::duration<double>(std::atof(argv[5])), argv[6]});
}
