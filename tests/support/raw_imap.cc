#include "tests/support/raw_imap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "tests/support/script_pattern.h"

namespace support {
namespace {

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return result;
}

sockaddr_in ipv4(const std::string& address, std::uint16_t port) {
  sockaddr_in ip{};
  ip.sin_family = AF_INET;
  ip.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &ip.sin_addr);
  return ip;
}

void set_socket_timeout(int socket, std::chrono::milliseconds timeout) {
  timeval value{};
  value.tv_sec = timeout.count() / 1000;
  value.tv_usec = (timeout.count() % 1000) * 1000 + (timeout.count() == 0 ? 1 : 0);
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof(value));
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof(value));
}

}  // namespace

std::string Reply::code() const {
  if (!text.starts_with('[')) return "";
  return text.substr(1, text.find(']') - 1);
}

const std::string* Reply::find(std::string_view part) const {
  const std::string wanted = upper(part);
  for (const std::string& line : untagged) {
    if (upper(line).find(wanted) != std::string::npos) return &line;
  }
  return nullptr;
}

std::string Reply::str() const {
  std::string all;
  for (const std::string& line : untagged) all.append("* ").append(line).append("\n");
  return all + "<tag> " + status + " " + text;
}

struct RawImap::Tls {
  SSL_CTX* context = nullptr;
  SSL* ssl = nullptr;
  ~Tls() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
};

RawImap::RawImap(int socket) : socket_(socket) {}

RawImap::~RawImap() { disconnect(); }

void RawImap::disconnect() {
  tls_.reset();
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

Result<std::unique_ptr<RawImap>> RawImap::connect(std::uint16_t port,
                                                  const std::filesystem::path& ca_file,
                                                  std::chrono::milliseconds timeout,
                                                  const std::string& address,
                                                  const std::string& source) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return fail(Errc::kIo, std::string("socket: ") + std::strerror(errno));
  std::unique_ptr<RawImap> client(new RawImap(socket));
  client->timeout_ = timeout;
  set_socket_timeout(socket, timeout);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (!source.empty()) {
    const sockaddr_in from = ipv4(source, 0);
    if (::bind(socket, reinterpret_cast<const sockaddr*>(&from), sizeof(from)) != 0) {
      return fail(Errc::kIo, std::string("bind: ") + std::strerror(errno));
    }
  }
  const sockaddr_in to = ipv4(address, port);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    return fail(Errc::kClosed, std::string("connect: ") + std::strerror(errno));
  }
  if (!ca_file.empty()) TRY_VOID(client->handshake(ca_file));
  TRY(client->greeting_, client->read_line());
  return client;
}

Result<std::unique_ptr<RawImap>> RawImap::login(std::uint16_t port, std::string_view user,
                                                std::string_view password) {
  TRY(auto client, connect(port));
  const std::string command =
      "LOGIN \"" + std::string(user) + "\" \"" + std::string(password) + "\"";
  TRY(const Reply reply, client->command(command));
  if (!reply.ok()) return fail(Errc::kPermission, "LOGIN: " + reply.str());
  return client;
}

Result<> RawImap::handshake(const std::filesystem::path& ca_file) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  auto tls = std::make_unique<Tls>();
  tls->context = SSL_CTX_new(TLS_client_method());
  if (SSL_CTX_load_verify_locations(tls->context, ca_file.c_str(), nullptr) != 1) {
    return fail(Errc::kIo, "cannot read " + ca_file.string());
  }
  tls->ssl = SSL_new(tls->context);
  SSL_set_verify(tls->ssl, SSL_VERIFY_PEER, nullptr);
  SSL_set1_host(tls->ssl, "localhost");
  SSL_set_tlsext_host_name(tls->ssl, "localhost");
  SSL_set_fd(tls->ssl, socket_);
  if (SSL_connect(tls->ssl) != 1) {
    char text[256] = "closed";
    if (const unsigned long error = ERR_get_error()) ERR_error_string_n(error, text, sizeof(text));
    return fail(Errc::kProtocol, std::string("TLS: ") + text);
  }
  tls_ = std::move(tls);
  return {};
}

Result<> RawImap::start_tls(const std::filesystem::path& ca_file) {
  TRY(const Reply reply, command("STARTTLS"));
  if (!reply.ok()) return fail(Errc::kProtocol, "STARTTLS: " + reply.str());
  return handshake(ca_file);
}

Result<> RawImap::send_raw(std::string_view bytes) {
  set_socket_timeout(socket_, timeout_);
  while (!bytes.empty()) {
    long sent = 0;
    if (tls_) {
      sent = SSL_write(tls_->ssl, bytes.data(),
                       static_cast<int>(std::min<std::size_t>(bytes.size(), 1U << 20U)));
    } else {
      sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
    }
    if (sent <= 0) {
      const bool late = !tls_ && (errno == EAGAIN || errno == EWOULDBLOCK);
      return fail(late ? Errc::kTimeout : Errc::kClosed, "send failed");
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<> RawImap::fill() {
  if (used_ > 0 && used_ == buffer_.size()) {
    buffer_.clear();
    used_ = 0;
  }
  char chunk[65'536];
  set_socket_timeout(socket_, timeout_);
  for (;;) {
    const long got =
        tls_ ? SSL_read(tls_->ssl, chunk, sizeof(chunk)) : ::recv(socket_, chunk, sizeof(chunk), 0);
    if (got > 0) {
      buffer_.append(chunk, static_cast<std::size_t>(got));
      return {};
    }
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      return fail(Errc::kTimeout, "the server says nothing");
    }
    return fail(Errc::kClosed, "the server closed the connection");
  }
}

Result<std::string> RawImap::take_until_newline() {
  std::size_t searched = used_;
  for (;;) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = buffer_.substr(used_, end + 1 - used_);
      used_ = end + 1;
      return line;
    }
    const std::size_t pending = buffer_.size() - used_;
    TRY_VOID(fill());
    searched = used_ + pending;
  }
}

Result<std::string> RawImap::take_bytes(std::size_t count) {
  while (buffer_.size() - used_ < count) {
    if (used_ > 0) {
      buffer_.erase(0, used_);
      used_ = 0;
    }
    TRY_VOID(fill());
  }
  std::string bytes = buffer_.substr(used_, count);
  used_ += count;
  return bytes;
}

Result<std::string> RawImap::read_line() {
  std::string whole;
  for (;;) {
    TRY(std::string line, take_until_newline());
    while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
    whole += line;
    const auto literal = script_literal(line);
    if (!literal) return whole;
    TRY(const std::string bytes, take_bytes(literal->size));
    whole.append("\r\n").append(bytes);
  }
}

Result<std::string> RawImap::send_command(std::string_view text) {
  std::string tag = "t" + std::to_string(++last_tag_);
  TRY_VOID(send_raw(tag + " " + std::string(text) + "\r\n"));
  return tag;
}

Result<Reply> RawImap::collect(std::string_view tag) {
  Reply reply;
  for (;;) {
    TRY(std::string line, read_line());
    if (line.starts_with("* ")) {
      reply.untagged.push_back(line.substr(2));
      if (upper(line).starts_with("* BYE") && tag.empty()) return reply;
    } else if (line.starts_with('+')) {
      reply.continuations.push_back(line);
      if (tag.empty()) return reply;
    } else {
      const std::size_t space = line.find(' ');
      const std::string_view got = std::string_view(line).substr(0, space);
      if (!tag.empty() && got != tag) continue;  // of a command that nobody collected
      const std::size_t second = line.find(' ', space + 1);
      if (space == std::string::npos) return fail(Errc::kProtocol, "odd line: " + line);
      reply.status = upper(line.substr(space + 1, second - space - 1));
      if (second != std::string::npos) reply.text = line.substr(second + 1);
      return reply;
    }
  }
}

Result<Reply> RawImap::command(std::string_view text) {
  const std::string tag = "t" + std::to_string(++last_tag_);
  std::string rest = tag + " " + std::string(text) + "\r\n";
  Reply before;
  std::size_t from = 0;
  // Up to each synchronizing literal, then wait for the go-ahead.
  for (std::size_t end = 0; (end = rest.find("}\r\n", from)) != std::string::npos;) {
    const auto literal = script_literal(std::string_view(rest).substr(0, end + 1));
    from = end + 3;
    if (!literal) continue;
    if (literal->synchronizing) {
      TRY_VOID(send_raw(std::string_view(rest).substr(0, from)));
      rest.erase(0, from);
      from = 0;
      TRY(Reply answer, collect(""));
      before.untagged.insert(before.untagged.end(), answer.untagged.begin(), answer.untagged.end());
      if (answer.continuations.empty()) {
        answer.untagged = before.untagged;
        return answer;  // refused
      }
      before.continuations.push_back(answer.continuations.front());
    }
    from = std::min(rest.size(), from + literal->size);
  }
  TRY_VOID(send_raw(rest));
  TRY(Reply reply, collect(tag));
  reply.untagged.insert(reply.untagged.begin(), before.untagged.begin(), before.untagged.end());
  reply.continuations.insert(reply.continuations.begin(), before.continuations.begin(),
                             before.continuations.end());
  return reply;
}

Result<Reply> RawImap::append(std::string_view mailbox, std::string_view message,
                              std::string_view flags, std::string_view date) {
  std::string text = "APPEND \"" + std::string(mailbox) + "\"";
  if (!flags.empty()) text += " (" + std::string(flags) + ")";
  if (!date.empty()) text += " \"" + std::string(date) + "\"";
  text += " {" + std::to_string(message.size()) + "}\r\n";
  return command(text.append(message));
}

Result<std::vector<std::string>> RawImap::capabilities() {
  TRY(const Reply reply, command("CAPABILITY"));
  std::vector<std::string> names;
  for (const std::string& line : reply.untagged) {
    std::string words = upper(line);
    if (!words.starts_with("CAPABILITY ")) continue;
    for (std::size_t at = 11; at < words.size();) {
      const std::size_t end = std::min(words.find(' ', at), words.size());
      if (end > at) names.push_back(words.substr(at, end - at));
      at = end + 1;
    }
  }
  return names;
}

Result<Reply> RawImap::idle_until(std::string_view part, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  const auto usual = timeout_;
  const std::string wanted = upper(part);
  TRY(const std::string tag, send_command("IDLE"));
  Reply seen;
  Result<> outcome;
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    timeout_ = std::max(left, std::chrono::milliseconds(1));
    auto line = read_line();
    if (!line) {
      outcome = fail(std::move(line).error());
      break;
    }
    if (line->starts_with("* ")) seen.untagged.push_back(line->substr(2));
    if (line->starts_with("* ") && upper(*line).find(wanted) != std::string::npos) break;
    if (line->starts_with(tag)) return fail(Errc::kProtocol, "IDLE: " + *line);
  }
  timeout_ = usual;
  if (!outcome && outcome.error().code() != Errc::kTimeout) return fail(outcome.error());
  TRY_VOID(send_raw("DONE\r\n"));
  TRY(const Reply done, collect(tag));
  if (!outcome) return fail(outcome.error().within("IDLE until " + std::string(part)));
  seen.status = done.status;
  seen.text = done.text;
  seen.untagged.insert(seen.untagged.end(), done.untagged.begin(), done.untagged.end());
  return seen;
}

}  // namespace support
