#include "net/transport.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace net {

namespace {

constexpr std::size_t kEncodedAtOnce = std::size_t{64} * 1024;
constexpr std::size_t kGathered = 16;

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK; }

Error socket_error(const char* doing) {
  // A peer that resets is as gone as one that closes; what differs is only how it left.
  const Errc code = errno == ECONNRESET || errno == EPIPE ? Errc::kClosed : Errc::kIo;
  return Error(code, std::string(doing) + ": " + std::strerror(errno));
}

}  // namespace

Result<Transport::Received> Transport::receive(std::span<char> scratch) {
  ssize_t got = 0;
  do {
    got = recv(socket.get(), scratch.data(), scratch.size(), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && would_block()) return Received::kNothingNow;
  if (got < 0) return std::unexpected(socket_error("receiving"));
  if (got == 0) {
    ended = true;
    return Received::kEnd;
  }
  received_bytes += static_cast<std::uint64_t>(got);
  const std::string_view bytes(scratch.data(), static_cast<std::size_t>(got));
  std::string* into = deflate ? deflate->pending() : input.tail();
  if (!tls) {
    into->append(bytes);
  } else if (tls->is_established()) {
    TRY_VOID(tls->decrypt(bytes, into, &wire));
  } else {
    TRY_VOID(tls->handshake(bytes, into, &wire));
  }
  if (tls) ended = tls->peer_closed();
  return Received::kBytes;
}

Result<> Transport::decompress(std::size_t limit) { return deflate->inflate(limit, input.tail()); }

Result<bool> Transport::send() {
  for (;;) {
    TRY(const bool sent, send_wire());
    if (!sent) return false;
    // During a handshake what was written waits for its end.
    if (output.empty() || (tls && !tls->is_established())) return true;
    if (!encodes()) return send_output();
    TRY_VOID(encode_some(kEncodedAtOnce));
  }
}

Result<bool> Transport::send_wire() {
  while (wire_sent < wire.size()) {
    const ssize_t put = ::send(socket.get(), wire.data() + wire_sent, wire.size() - wire_sent,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && would_block()) return false;
    if (put < 0) return std::unexpected(socket_error("sending"));
    wire_sent += static_cast<std::size_t>(put);
    sent_bytes += static_cast<std::uint64_t>(put);
  }
  wire = std::string();
  wire_sent = 0;
  return true;
}

Result<bool> Transport::send_output() {
  while (!output.empty()) {
    std::array<iovec, kGathered> pieces{};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = output.gather(pieces);
    const ssize_t put = sendmsg(socket.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && would_block()) return false;
    if (put < 0) return std::unexpected(socket_error("sending"));
    output.pop(static_cast<std::size_t>(put));
    sent_bytes += static_cast<std::uint64_t>(put);
  }
  return true;
}

Result<> Transport::encrypt(std::string_view data) {
  if (tls) return tls->encrypt(data, &wire);
  wire.append(data);
  return {};
}

Result<> Transport::encode_some(std::size_t limit) {
  std::string compressed;
  while (limit > 0 && !output.empty()) {
    const std::string_view piece = output.front().substr(0, limit);
    limit -= piece.size();
    if (deflate) {
      TRY_VOID(deflate->deflate(piece, &compressed));
    } else {
      TRY_VOID(encrypt(piece));
    }
    output.pop(piece.size());
  }
  if (!deflate) return {};
  // The peer must be able to read all of it as soon as no more follows at once.
  if (output.empty()) TRY_VOID(deflate->flush(&compressed));
  return encrypt(compressed);
}

Result<> Transport::encode_all() { return encode_some(static_cast<std::size_t>(-1)); }

}  // namespace net
