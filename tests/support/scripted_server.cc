#include "tests/support/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include "tests/support/script_pattern.h"

namespace support {
namespace {

using std::chrono::milliseconds;

// One accepted connection: its socket, what it has said, and the words caught so far.
class Peer {
 public:
  explicit Peer(int socket) : socket_(socket) {}
  ~Peer() { ::close(socket_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  bool send(std::string_view bytes) {
    const std::lock_guard lock(sending_);
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // A line with its literals, without the last CRLF; nothing when the client has gone.
  std::optional<std::string> read_line() {
    std::string whole;
    for (;;) {
      std::size_t end = 0;
      while ((end = buffer_.find('\n')) == std::string::npos) {
        if (!fill()) return std::nullopt;
      }
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      whole += line;
      const auto literal = script_literal(line);
      if (!literal) return whole;
      if (literal->synchronizing && !send("+ go\r\n")) return std::nullopt;
      while (buffer_.size() < literal->size) {
        if (!fill()) return std::nullopt;
      }
      whole.append("\r\n").append(buffer_, 0, literal->size);
      buffer_.erase(0, literal->size);
    }
  }

  bool fill() {
    char chunk[65'536];
    const ssize_t got = ::recv(socket_, chunk, sizeof(chunk), 0);
    if (got <= 0) return false;
    buffer_.append(chunk, static_cast<std::size_t>(got));
    return true;
  }
  void drop_all() {
    buffer_.clear();
    while (fill()) buffer_.clear();
  }
  void hang_up() { ::shutdown(socket_, SHUT_RDWR); }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }

  ScriptWords words;

 private:
  const int socket_;
  std::mutex sending_;  // push() writes from another thread
  std::string buffer_;
};

bool is_tagged(std::string_view line, std::string_view tag) {
  return line.starts_with(tag) && line.size() > tag.size() && line[tag.size()] == ' ';
}

}  // namespace

class ScriptedServer::Player {
 public:
  Player(int listener, std::uint16_t port, std::vector<Script> scripts, std::vector<Rule> rules)
      : listener_(listener),
        port_(port),
        scripts_(std::move(scripts)),
        rules_(rules.begin(), rules.end()) {
    for (const Script& script : scripts_) waiting_for_.push_back(script.empty() ? "" : "a client");
    acceptor_ = std::thread([this] { accept_all(); });
  }

  ~Player() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      for (const auto& peer : peers_) peer->hang_up();
      changed_.notify_all();
    }
    ::shutdown(listener_, SHUT_RDWR);  // wakes accept()
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    ::close(listener_);
  }

  std::uint16_t port() const { return port_; }

  void add_rule(Rule rule) {
    const std::lock_guard lock(mutex_);
    rules_.push_front(std::move(rule));
  }

  void push(const std::string& bytes) {
    std::vector<std::shared_ptr<Peer>> peers;
    {
      const std::lock_guard lock(mutex_);
      peers = peers_;
    }
    for (const auto& peer : peers) peer->send(bytes);
  }

  void hang_up() {
    const std::lock_guard lock(mutex_);
    for (const auto& peer : peers_) peer->hang_up();
  }

  Result<> finish(milliseconds limit) {
    std::unique_lock lock(mutex_);
    const auto done = [this] {
      return failure_ || std::ranges::all_of(waiting_for_, &std::string::empty);
    };
    if (!changed_.wait_for(lock, limit, done)) {
      for (std::size_t i = 0; i < waiting_for_.size(); ++i) {
        if (waiting_for_[i].empty()) continue;
        return fail(Errc::kTimeout,
                    "connection " + std::to_string(i + 1) + " still waits for " + waiting_for_[i]);
      }
    }
    if (failure_) return fail(*failure_);
    return {};
  }

  std::vector<std::string> received() const {
    const std::lock_guard lock(mutex_);
    return received_;
  }
  std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return accepted_;
  }

 private:
  void accept_all() {
    for (;;) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const std::lock_guard lock(mutex_);
      if (ending_ || socket < 0) {
        if (socket >= 0) ::close(socket);
        return;
      }
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      const auto peer = std::make_shared<Peer>(socket);
      peers_.push_back(peer);
      threads_.emplace_back([this, peer, number = accepted_++] { serve(peer.get(), number); });
    }
  }

  void serve(Peer* peer, std::size_t number) {
    if (number < scripts_.size()) {
      const bool goes_on = play(peer, number);
      set_waiting(number, "");
      if (!goes_on) return leave(peer);
    } else if (!peer->send("* OK ready\r\n")) {
      return leave(peer);
    }
    while (const auto line = next_line(peer, number)) {
      if (!answer_by_rule(peer, *line)) {
        fail_with(number, *line, "no rule for it");
        break;
      }
    }
    leave(peer);
  }

  void leave(Peer* peer) {
    peer->hang_up();
    const std::lock_guard lock(mutex_);
    std::erase_if(peers_, [peer](const auto& one) { return one.get() == peer; });
  }

  // Whether the connection lives on, to be served by the rules.
  bool play(Peer* peer, std::size_t number) {
    for (const Step& step : scripts_[number]) {
      if (const auto* expect = std::get_if<Expect>(&step)) {
        if (!await_line(peer, number, expect->pattern)) return false;
      } else if (const auto* send = std::get_if<Send>(&step)) {
        if (!peer->send(peer->words.fill_in(send->bytes))) return false;
      } else if (const auto* fill = std::get_if<SendFill>(&step)) {
        const std::string block(65'536, fill->byte);
        for (std::uint64_t left = fill->count; left > 0;) {
          const auto part = std::min<std::uint64_t>(left, block.size());
          if (!peer->send(std::string_view(block).substr(0, part))) return false;
          left -= part;
        }
      } else if (const auto* silence = std::get_if<Silence>(&step)) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, silence->duration, [this] { return ending_; });
      } else if (std::holds_alternative<Drain>(step)) {
        set_waiting(number, "");
        peer->drop_all();
      } else if (std::holds_alternative<Reset>(step)) {
        peer->reset();
        return false;
      } else {
        return false;
      }
    }
    return true;
  }

  bool await_line(Peer* peer, std::size_t number, const std::string& pattern) {
    set_waiting(number, "\"" + pattern + "\"");
    for (;;) {
      const auto line = next_line(peer, number);
      if (!line) {
        fail_with(number, "(closed)", "expected " + pattern);
        return false;
      }
      if (peer->words.match(pattern, *line)) return true;
      if (answer_by_rule(peer, *line)) continue;
      fail_with(number, *line, "expected " + pattern);
      return false;
    }
  }

  std::optional<std::string> next_line(Peer* peer, std::size_t number) {
    auto line = peer->read_line();
    if (line) {
      const std::lock_guard lock(mutex_);
      received_.push_back(std::to_string(number + 1) + ": " + *line);
    }
    return line;
  }

  bool answer_by_rule(Peer* peer, const std::string& line) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) return false;
    const std::string tag = line.substr(0, space);
    ScriptWords words;
    std::optional<Rule> found;
    {
      const std::lock_guard lock(mutex_);
      for (const Rule& rule : rules_) {
        if (!words.match(rule.pattern, std::string_view(line).substr(space + 1))) continue;
        found = rule;
        break;
      }
    }
    if (!found) return false;
    words.set('0', tag);
    std::string reply;
    bool tagged = false;
    for (const std::string& text : found->reply) {
      const std::string one = words.fill_in(text);
      // A continuation ends the rule's say until the client has answered; DONE has no tag.
      tagged = tagged || is_tagged(one, tag) || one.starts_with("+");
      reply += one + "\r\n";
    }
    if (!tagged) reply += tag + " OK done\r\n";
    peer->send(reply);
    if (reply.starts_with("+ idling")) {
      const auto done = peer->read_line();
      if (done) peer->send(tag + " OK done\r\n");
    }
    return true;
  }

  void set_waiting(std::size_t number, std::string what) {
    const std::lock_guard lock(mutex_);
    waiting_for_[number] = std::move(what);
    changed_.notify_all();
  }

  void fail_with(std::size_t number, const std::string& line, const std::string& why) {
    const std::lock_guard lock(mutex_);
    if (!failure_ && !ending_) {
      failure_ = Error(Errc::kProtocol, "connection " + std::to_string(number + 1) + ": got \"" +
                                            line + "\": " + why);
    }
    changed_.notify_all();
  }

  const int listener_;
  const std::uint16_t port_;
  const std::vector<Script> scripts_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Rule> rules_;
  std::vector<std::shared_ptr<Peer>> peers_;
  std::vector<std::string> waiting_for_;  // of each script; empty: played to its end
  std::vector<std::string> received_;
  std::optional<Error> failure_;
  std::size_t accepted_ = 0;
  bool ending_ = false;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

Result<std::unique_ptr<ScriptedServer>> ScriptedServer::start(std::vector<Script> scripts,
                                                              std::vector<Rule> rules) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  if (listener < 0 ||
      ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener, 64) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    const int error = errno;
    if (listener >= 0) ::close(listener);
    return fail(Errc::kIo, std::string("no port for the script: ") + std::strerror(error));
  }
  return std::unique_ptr<ScriptedServer>(new ScriptedServer(std::make_unique<Player>(
      listener, ntohs(address.sin_port), std::move(scripts), std::move(rules))));
}

ScriptedServer::ScriptedServer(std::unique_ptr<Player> player) : player_(std::move(player)) {}
ScriptedServer::~ScriptedServer() = default;

std::uint16_t ScriptedServer::port() const { return player_->port(); }
void ScriptedServer::add_rule(Rule rule) { player_->add_rule(std::move(rule)); }
void ScriptedServer::push(std::string bytes) { player_->push(bytes); }
void ScriptedServer::hang_up() { player_->hang_up(); }
Result<> ScriptedServer::finish(milliseconds limit) { return player_->finish(limit); }
std::vector<std::string> ScriptedServer::received() const { return player_->received(); }
std::size_t ScriptedServer::connections() const { return player_->connections(); }

std::vector<Rule> ScriptedServer::plain_server(std::string_view capabilities) {
  return {
      {"CAPABILITY", {"* CAPABILITY " + std::string(capabilities)}},
      {"LOGIN *", {}},
      {"NOOP", {}},
      {"ID *", {"* ID NIL"}},
      {"NAMESPACE", {"* NAMESPACE ((\"\" \"/\")) NIL NIL"}},
      {"LIST *", {"* LIST () \"/\" INBOX"}},
      {"LSUB *", {"* LSUB () \"/\" INBOX"}},
      {"STATUS INBOX *", {"* STATUS INBOX (MESSAGES 0 RECENT 0 UIDNEXT 1 UIDVALIDITY 1 UNSEEN 0)"}},
      {"SELECT *",
       {"* 0 EXISTS", "* 0 RECENT", "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)",
        "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] ok",
        "* OK [UIDVALIDITY 1] ok", "* OK [UIDNEXT 1] ok", "$0 OK [READ-WRITE] selected"}},
      {"EXAMINE *", {"* 0 EXISTS", "* 0 RECENT", "* OK [UIDVALIDITY 1] ok", "* OK [UIDNEXT 1] ok"}},
      {"UID SEARCH *", {"* SEARCH"}},
      {"SEARCH *", {"* SEARCH"}},
      {"UID FETCH *", {}},
      {"IDLE", {"+ idling"}},
      {"LOGOUT", {"* BYE"}},
  };
}

}  // namespace support
