#include "tests/support/model_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "tests/support/model_mailboxes.h"
#include "tests/support/script_pattern.h"

namespace support {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

// Whether the peer of this socket has not closed yet.
bool is_established(int socket) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         info.tcpi_state == TCP_ESTABLISHED;
}

struct Refusal {
  std::string answer;
  std::size_t times = 0;
};

struct Session {
  explicit Session(int fd) : socket(fd) {}
  const int socket;
  std::string input;
  std::string selected;
  bool idling = false;
  bool muted = false;
  std::size_t told = 0;  // EXISTS
};

}  // namespace

// Everything is done under one lock, a command at a time; reading is done without it.
class ModelServer::Core {
 public:
  Core(int listener, std::uint16_t port, ModelOptions options)
      : listener_(listener), port_(port), options_(std::move(options)) {
    boxes_["INBOX"];
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~Core() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      for (Session* session : sessions_) ::shutdown(session->socket, SHUT_RDWR);
    }
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    ::close(listener_);
  }

  std::uint16_t port() const { return port_; }
  template <class Function>
  auto locked(Function function) const {
    const std::lock_guard lock(mutex_);
    return function();
  }

  std::uint32_t deliver(const std::string& mailbox, std::string bytes) {
    const std::lock_guard lock(mutex_);
    const std::uint32_t uid = boxes_[mailbox].add(std::move(bytes), "");
    for (Session* session : sessions_) {
      if (session->idling && session->selected == mailbox) tell_exists(session);
    }
    return uid;
  }

  // Whatever somebody else does there; who idles there is told.
  void change(const std::string& mailbox, const std::function<void(ModelMailbox*)>& how) {
    const std::lock_guard lock(mutex_);
    how(&boxes_[mailbox]);
    for (Session* session : sessions_) {
      if (!session->idling || session->selected != mailbox) continue;
      catch_up(session);
    }
  }

  void mute() {
    const std::lock_guard lock(mutex_);
    for (Session* session : sessions_) session->muted = true;
  }

  // ---- Faults and facts, under the lock ----
  struct Cut {
    bool armed = false;
    bool done = false;
    LinkDirection direction = LinkDirection::kToServer;
    std::uint64_t after = 0;
    std::array<std::uint64_t, 2> carried{};
  };
  Cut cut_;
  std::optional<std::pair<std::string, bool>> hang_up_;  // command, after acting
  std::map<std::string, Refusal> refusals_;
  std::optional<std::size_t> transfer_limit_;
  std::map<std::pair<std::string, std::uint32_t>, std::size_t> withheld_;
  std::uint64_t claimed_size_ = 0;
  std::map<std::string, ModelMailbox> boxes_;
  std::map<std::string, std::size_t, std::less<>> counts_;
  std::size_t most_ = 0;

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
      const auto open = static_cast<std::size_t>(
          std::ranges::count_if(sessions_, [](Session* s) { return is_established(s->socket); }));
      most_ = std::max(most_, open + 1);
      auto* session = new Session(socket);
      sessions_.insert(session);
      const bool welcome = open < options_.max_connections;
      threads_.emplace_back([this, session, welcome] { serve(session, welcome); });
    }
  }

  void serve(Session* session, bool welcome) {
    bool goes_on = false;
    {
      const std::lock_guard lock(mutex_);
      goes_on = send(session, welcome ? "* OK " + options_.greeting + "\r\n"
                                      : "* BYE too many connections\r\n");
    }
    while (goes_on && welcome) {
      const std::optional<std::string> line = read_command(session);
      if (!line) break;
      const std::lock_guard lock(mutex_);
      goes_on = session->muted || answer(session, *line);
    }
    const std::lock_guard lock(mutex_);
    sessions_.erase(session);
    ::close(session->socket);
    delete session;
  }

  // ---- The link ----

  // How many of `bytes` get through; fewer than asked for: the connection ends here.
  std::size_t carry(LinkDirection direction, std::size_t bytes) {
    std::uint64_t& carried = cut_.carried[direction == LinkDirection::kToServer ? 0 : 1];
    const bool cuts = cut_.armed && cut_.direction == direction && carried + bytes > cut_.after;
    const std::size_t through = cuts ? cut_.after - carried : bytes;
    carried += through;
    if (cuts) {
      cut_.armed = false;
      cut_.done = true;
    }
    return through;
  }

  bool send(Session* session, std::string_view bytes) {
    if (session->muted) return true;
    const std::size_t through = carry(LinkDirection::kToClient, bytes.size());
    const bool is_cut = through < bytes.size();
    bytes = bytes.substr(0, through);
    while (!bytes.empty()) {
      const ssize_t sent = ::send(session->socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    if (is_cut) ::shutdown(session->socket, SHUT_RDWR);
    return !is_cut;
  }

  bool fill(Session* session) {
    std::array<char, 65'536> chunk{};
    const ssize_t got = ::recv(session->socket, chunk.data(), chunk.size(), 0);
    if (got <= 0) return false;
    const std::lock_guard lock(mutex_);
    const auto size = static_cast<std::size_t>(got);
    const std::size_t through = carry(LinkDirection::kToServer, size);
    session->input.append(chunk.data(), through);
    if (through < size) ::shutdown(session->socket, SHUT_RDWR);
    return through > 0;
  }

  // A line with its literals, as "{3}\r\nabc", without the last CRLF.
  std::optional<std::string> read_command(Session* session) {
    std::string whole;
    std::string& input = session->input;
    for (;;) {
      std::size_t end = 0;
      while ((end = input.find("\r\n")) == std::string::npos) {
        if (!fill(session)) return std::nullopt;
      }
      const std::string line = input.substr(0, end);
      input.erase(0, end + 2);
      whole += line;
      const auto announced = script_literal(line);
      if (!announced) return whole;
      if (announced->synchronizing) {
        const std::lock_guard lock(mutex_);
        if (!send(session, "+ go\r\n")) return std::nullopt;
      }
      while (input.size() < announced->size) {
        if (!fill(session)) return std::nullopt;
      }
      whole.append("\r\n").append(input, 0, announced->size);
      input.erase(0, announced->size);
    }
  }

  // ---- Commands ----

  std::string capabilities() const {
    std::string text = "IMAP4rev1 NAMESPACE UNSELECT";
    if (options_.idle) text += " IDLE";
    if (options_.uidplus) text += " UIDPLUS";
    if (options_.move) text += " MOVE";
    return text;
  }

  bool answer(Session* session, const std::string& line) {
    if (session->idling) {
      session->idling = false;
      return send(session, idle_tag_[session] + " OK done\r\n");
    }
    std::vector<std::string> words = model_words(line);
    if (words.size() < 2) return false;
    const std::string tag = words[0];
    std::string name = upper(words[1]);
    words.erase(words.begin(), words.begin() + 2);
    if (name == "UID" && !words.empty()) {
      name += " " + upper(words[0]);
      words.erase(words.begin());
    }
    ++counts_[name];
    const auto refusal = refusals_.find(name);
    if (refusal != refusals_.end() && refusal->second.times > 0) {
      --refusal->second.times;
      return send(session, tag + " " + refusal->second.answer + "\r\n");
    }
    const bool hangs_up = hang_up_ && hang_up_->first == name;
    if (hangs_up && !hang_up_->second) return hang_up();
    if (name == "IDLE") {
      session->idling = true;
      idle_tag_[session] = tag;
      return send(session, "+ idling\r\n") && catch_up(session);
    }
    std::string reply;
    std::string status = perform(session, name, words, &reply);
    if (hangs_up) return hang_up();
    return send(session, reply + tag + " " + status + "\r\n") && name != "LOGOUT";
  }

  bool hang_up() {
    hang_up_.reset();
    return false;
  }

  std::string perform(Session* session, const std::string& name,
                      const std::vector<std::string>& words, std::string* reply) {
    if (name == "CAPABILITY") *reply = "* CAPABILITY " + capabilities() + "\r\n";
    if (name == "NAMESPACE") *reply = "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n";
    if (name == "LIST" || name == "LSUB") {
      for (const auto& [mailbox, box] : boxes_) {
        *reply += "* " + name + " () \"/\" \"" + mailbox + "\"\r\n";
      }
    }
    if (name == "UNSELECT") session->selected.clear();
    if (name == "CREATE") {
      if (boxes_.contains(words[0])) return "NO [ALREADYEXISTS] there already";
      boxes_[words[0]].uid_validity = ++validity_;
    }
    if (name == "RENAME") return rename(words[0], words[1]);
    if (name == "DELETE" && boxes_.erase(words[0]) == 0) return "NO [NONEXISTENT] no such mailbox";
    if (name == "STATUS" || name == "SELECT" || name == "APPEND") {
      const auto box = boxes_.find(words[0]);
      if (box == boxes_.end()) return "NO [TRYCREATE] no such mailbox";
      return on_mailbox(session, name, words, &box->second, reply);
    }
    const auto box = boxes_.find(session->selected);
    if (name == "EXPUNGE" || name.starts_with("UID ")) {
      if (box == boxes_.end()) return "BAD nothing is selected";
      return on_selected(name, words, &box->second, reply);
    }
    return "OK done";
  }

  std::string rename(const std::string& from, const std::string& to) {
    if (!boxes_.contains(from)) return "NO [NONEXISTENT] no such mailbox";
    if (boxes_.contains(to)) return "NO [ALREADYEXISTS] there already";
    std::vector<std::string> moved;
    for (const auto& [mailbox, box] : boxes_) {
      if (mailbox == from || mailbox.starts_with(from + "/")) moved.push_back(mailbox);
    }
    for (const std::string& mailbox : moved) {
      auto box = boxes_.extract(mailbox);
      box.key().replace(0, from.size(), to);
      if (options_.renames_anew) box.mapped().renumber();
      boxes_.insert(std::move(box));
    }
    return "OK done";
  }

  std::string on_mailbox(Session* session, const std::string& name,
                         const std::vector<std::string>& words, ModelMailbox* box,
                         std::string* reply) {
    const std::string validity = std::to_string(box->uid_validity);
    const std::string next = std::to_string(box->uid_next);
    if (name == "STATUS") {
      *reply = "* STATUS \"" + words[0] + "\" (MESSAGES " + std::to_string(box->messages.size()) +
               " UIDNEXT " + next + " UIDVALIDITY " + validity + " UNSEEN 0)\r\n";
      return "OK done";
    }
    if (name == "SELECT") {
      session->selected = words[0];
      tell_exists(session, reply);
      *reply += "* OK [UIDVALIDITY " + validity + "] ok\r\n* OK [UIDNEXT " + next + "] ok\r\n";
      *reply += "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] ok\r\n";
      return "OK [READ-WRITE] selected";
    }
    // APPEND mailbox [flags] [date] message
    const std::string flags = words[1].starts_with("(") ? words[1] : "";
    const std::uint32_t uid = box->add(words.back(), flags);
    return "OK " + told("APPENDUID", validity, std::to_string(uid)) + "done";
  }

  std::string told(const std::string& code, const std::string& validity, const std::string& uids) {
    if (!options_.uidplus || options_.telling == UidTelling::kNothing) return "";
    if (options_.telling == UidTelling::kLies) {
      // As many as there are, and all wrong.
      const auto count = static_cast<std::uint32_t>(std::ranges::count(uids, ',') / 2);
      const std::string told = "777:" + std::to_string(777 + count);
      const std::string lie = code == "APPENDUID" ? "777" : told + " " + told;
      return "[" + code + " " + validity + " " + lie + "] ";
    }
    return "[" + code + " " + validity + " " + uids + "] ";
  }

  std::string on_selected(const std::string& name, const std::vector<std::string>& words,
                          ModelMailbox* box, std::string* reply) {
    const auto expunged = [reply](const std::vector<std::size_t>& numbers) {
      for (const std::size_t number : numbers) {
        // Each number holds after the removal of those before it.
        *reply += "* " + std::to_string(number) + " EXPUNGE\r\n";
      }
    };
    if (name == "EXPUNGE") {
      expunged(box->expunge(std::nullopt));
      return "OK done";
    }
    if (name == "UID SEARCH") {
      *reply = "* SEARCH";
      const bool deleted = std::ranges::find(words, "DELETED") != words.end();
      for (const ModelMessage& message : box->messages) {
        if (deleted && message.flags.find("\\Deleted") == std::string::npos) continue;
        *reply += " " + std::to_string(message.uid);
      }
      *reply += "\r\n";
      return "OK done";
    }
    ModelSet set = parse_model_set(words[0]);
    if (options_.confuses_absent) {
      std::optional<ModelSet> meant = box->confused(set);
      if (!meant) return "BAD what are these";
      set = std::move(*meant);
    }
    if (name == "UID FETCH") {
      for (std::size_t i = 0; i < box->messages.size(); ++i) {
        const ModelMessage& message = box->messages[i];
        if (!holds(set, message.uid, box->largest())) continue;
        bool withheld = false;
        for (auto& [which, times] : withheld_) {
          if (&boxes_[which.first] != box || which.second != message.uid || times == 0) continue;
          if (words[1].find("BODY.PEEK[]") == std::string::npos) continue;
          --times;
          withheld = true;
        }
        const std::uint64_t size = claimed_size_ == 0 ? message.bytes.size() : claimed_size_;
        *reply += "* " + std::to_string(i + 1) + " FETCH " +
                  model_fetch(message, words[1], size, withheld) + "\r\n";
      }
      return "OK done";
    }
    if (name == "UID STORE") {
      box->change_flags(set, words[1].starts_with("+"), words[2]);
      return "OK done";
    }
    if (name == "UID EXPUNGE") {
      expunged(box->expunge(set));
      return "OK done";
    }
    if (name != "UID COPY" && name != "UID MOVE") return "BAD what is " + name;
    const auto to = boxes_.find(words[1]);
    if (to == boxes_.end()) return "NO [TRYCREATE] no such mailbox";
    std::vector<std::uint32_t> from = box->select(set);
    const bool stops = transfer_limit_.has_value();
    if (stops) from.resize(std::min(from.size(), *std::exchange(transfer_limit_, std::nullopt)));
    std::vector<std::uint32_t> made;
    for (const std::uint32_t uid : from) {
      const ModelMessage message = *box->find(uid);
      made.push_back(to->second.add(message.bytes, message.flags));
    }
    std::string code;
    if (!from.empty()) {
      code =
          told("COPYUID", std::to_string(to->second.uid_validity), join(from) + " " + join(made));
    }
    if (stops && name == "UID COPY") return "NO not all of it";
    if (name == "UID COPY") return "OK " + code + "done";
    // RFC 6851 4.3: before the EXPUNGEs, in an untagged OK.
    if (!code.empty()) *reply = "* OK " + code + "moved\r\n";
    expunged(box->remove(from));
    return stops ? "NO not all of it" : "OK done";
  }

  // What happened since the mailbox was selected.
  bool catch_up(Session* session) {
    const auto box = boxes_.find(session->selected);
    if (box == boxes_.end()) return true;
    for (; session->told > box->second.messages.size(); --session->told) {
      if (!send(session, "* 1 EXPUNGE\r\n")) return false;
    }
    if (session->told < box->second.messages.size()) tell_exists(session);
    return true;
  }

  void tell_exists(Session* session) {
    std::string text;
    tell_exists(session, &text);
    send(session, text);
  }
  void tell_exists(Session* session, std::string* reply) {
    session->told = boxes_[session->selected].messages.size();
    *reply += "* " + std::to_string(session->told) + " EXISTS\r\n";
  }

  const int listener_;
  const std::uint16_t port_;
  const ModelOptions options_;
  mutable std::mutex mutex_;
  std::set<Session*> sessions_;
  std::map<Session*, std::string> idle_tag_;
  std::uint32_t validity_ = 1;
  bool ending_ = false;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

Result<std::unique_ptr<ModelServer>> ModelServer::start(ModelOptions options) {
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
    return fail(Errc::kIo, std::string("no port for the model: ") + std::strerror(error));
  }
  return std::unique_ptr<ModelServer>(new ModelServer(
      std::make_unique<Core>(listener, ntohs(address.sin_port), std::move(options))));
}

ModelServer::ModelServer(std::unique_ptr<Core> core) : core_(std::move(core)) {}
ModelServer::~ModelServer() = default;

std::uint16_t ModelServer::port() const { return core_->port(); }
void ModelServer::create(const std::string& mailbox) {
  core_->locked([&] { core_->boxes_[mailbox]; });
}
std::uint32_t ModelServer::deliver(const std::string& mailbox, std::string bytes) {
  return core_->deliver(mailbox, std::move(bytes));
}
void ModelServer::clear(const std::string& mailbox) {
  core_->change(mailbox, [](ModelMailbox* box) { box->messages.clear(); });
}
void ModelServer::remove(const std::string& mailbox, std::uint32_t uid) {
  core_->change(mailbox, [uid](ModelMailbox* box) { box->remove({uid}); });
}
void ModelServer::set_flags(const std::string& mailbox, std::uint32_t uid, std::string flags) {
  core_->locked([&] {
    for (ModelMessage& message : core_->boxes_[mailbox].messages) {
      if (message.uid == uid) message.flags = flags;
    }
  });
}
void ModelServer::drop(const std::string& mailbox) {
  core_->locked([&] { core_->boxes_.erase(mailbox); });
}
void ModelServer::renumber(const std::string& mailbox) {
  core_->locked([&] { core_->boxes_[mailbox].renumber(); });
}
void ModelServer::restore(const std::string& mailbox, std::size_t keep) {
  core_->locked([&] { core_->boxes_[mailbox].restore(keep); });
}
void ModelServer::mute() { core_->mute(); }
std::vector<ModelMessage> ModelServer::messages(const std::string& mailbox) const {
  return core_->locked([&] { return core_->boxes_[mailbox].messages; });
}
std::vector<std::string> ModelServer::mailboxes() const {
  return core_->locked([&] {
    std::vector<std::string> names;
    for (const auto& [name, box] : core_->boxes_) names.push_back(name);
    return names;
  });
}
void ModelServer::cut(LinkDirection direction, std::uint64_t after) {
  core_->locked([&] { core_->cut_ = {true, false, direction, after, {}}; });
}
std::uint64_t ModelServer::carried(LinkDirection direction) const {
  return core_->locked(
      [&] { return core_->cut_.carried[direction == LinkDirection::kToServer ? 0 : 1]; });
}
bool ModelServer::was_cut() const {
  return core_->locked([&] { return core_->cut_.done; });
}
void ModelServer::hang_up_on(std::string command, bool after_acting) {
  core_->locked([&] { core_->hang_up_.emplace(std::move(command), after_acting); });
}
void ModelServer::refuse(std::string command, std::string answer, std::size_t times) {
  core_->locked([&] { core_->refusals_[std::move(command)] = {std::move(answer), times}; });
}
void ModelServer::stop_transfer_after(std::size_t messages) {
  core_->locked([&] { core_->transfer_limit_ = messages; });
}
void ModelServer::withhold_body(const std::string& mailbox, std::uint32_t uid, std::size_t times) {
  core_->locked([&] { core_->withheld_[{mailbox, uid}] = times; });
}
void ModelServer::claim_size(std::uint64_t bytes) {
  core_->locked([&] { core_->claimed_size_ = bytes; });
}
std::size_t ModelServer::most_connections() const {
  return core_->locked([&] { return core_->most_; });
}
std::size_t ModelServer::count(std::string_view command) const {
  return core_->locked([&] {
    const auto found = core_->counts_.find(command);
    return found == core_->counts_.end() ? std::size_t{0} : found->second;
  });
}

}  // namespace support
