// Connection: one byte stream. A socket, over it TLS if started, over that DEFLATE if started.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/task.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/tls.h"

namespace net {

class Descriptor;
struct Transport;

/// A connection between two loops: the socket, the TLS and DEFLATE states and the unread bytes.
///
/// Thread:   any, one at a time: made to be moved into Loop::post().
/// Lifetime: owns the socket; destroying it closes the connection.
class Handover {
 public:
  Handover(Handover&&) noexcept;
  Handover& operator=(Handover&&) noexcept;
  ~Handover();

  const Peer& peer() const;

 private:
  friend class Connection;
  explicit Handover(std::unique_ptr<Transport> transport);
  std::unique_ptr<Transport> transport_;
};

/// One byte stream with deadlines and back-pressure in both directions.
///
/// Reading: `fill` waits for bytes, `buffered` shows them, `consume` drops them. Nothing is read
/// from the socket while nobody awaits fill. Writing: `write` queues and never waits; what a turn
/// has written is sent at its end, or at once by `flush`. Who writes much awaits `drain` in
/// between. One coroutine may be in fill and others in flush or drain at the same time.
///
/// Thread:   the loop's.
/// Lifetime: may be moved and destroyed at any time. Destroying it is abort(): the socket closes at
///           once, what is still queued is lost, and whoever awaits gets kClosed.
/// Cancel:   every wait ends with kCancelled when its token is stopped, from the loop's thread. The
///           connection stays usable: a cancelled fill has lost no byte.
/// Errors:   kClosed: the peer closed, or we did. kTimeout: the deadline passed. kIo: the
/// connection
///           broke. kProtocol: the peer's TLS or DEFLATE is wrong. After kIo and kProtocol only
///           closing makes sense.
class Connection {
 public:
  using Milliseconds = std::chrono::milliseconds;
  /// A fill adds at most this much to the buffer, whatever the peer sends or a bomb inflates to.
  static constexpr std::size_t kFillBytes = std::size_t{64} * 1024;

  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// Two connections, each one the other's peer, as for a test or between two parts of a process.
  static Result<std::pair<Connection, Connection>> pair(Loop* loop);
  /// Takes a connected stream socket.
  static Result<Connection> open(Loop* loop, Descriptor socket, Peer peer);

  Loop* loop() const;
  const Peer& peer() const;
  /// False once closed by us or released; it says nothing about the peer.
  bool is_open() const;
  bool is_tls() const;
  bool is_compressed() const;
  std::optional<TlsInfo> tls_info() const;
  /// Bytes on the wire so far.
  std::uint64_t received_bytes() const;
  std::uint64_t sent_bytes() const;

  // ---- Reading ----

  /// Waits until at least one byte more is in the buffer. The caller bounds the buffer by not
  /// filling it further.
  /// Errors: kClosed at the end of the stream; what is buffered stays readable.
  /// REQUIRES: no other fill is being awaited.
  Task<Result<>> fill(Milliseconds deadline, std::stop_token stop = {});
  /// What was received and not consumed. Valid until the next fill, consume, start_* or close.
  std::string_view buffered() const;
  /// Drops the first `bytes` of buffered().
  void consume(std::size_t bytes);

  // ---- Writing ----

  /// Queues bytes. A big rvalue string is taken as it is, small ones are joined. After an error or
  /// a close it does nothing: flush tells.
  void write(std::string&& data);
  void write(std::string_view data);
  void write(const char* data) { write(std::string_view(data)); }
  /// What was written and not yet taken by the kernel.
  std::size_t queued_bytes() const;
  /// Sends, and waits until the kernel has taken everything.
  /// Errors: kTimeout when the peer takes nothing at all for `deadline`; a slow one is waited for.
  Task<Result<>> flush(Milliseconds deadline, std::stop_token stop = {});
  /// The same until queued_bytes() <= `at_most`: what a producer awaits between two pieces.
  Task<Result<>> drain(std::size_t at_most, Milliseconds deadline, std::stop_token stop = {});

  // ---- Layers ----

  /// Becomes the client side of TLS: sends what is queued, then shakes hands and verifies that the
  /// server is `host` (a name or an IP address). For implicit TLS call it first thing; for STARTTLS
  /// after the server's OK. What was buffered before the handshake is discarded, since anyone could
  /// have put it there (RFC 3501 6.2.1; CVE-2011-0411).
  /// Errors: kPermission when the server's certificate is not acceptable, saying which and why;
  ///         kProtocol when the handshake fails otherwise; kTimeout for the whole of it; kInvalid
  ///         when there is TLS or compression already. After any other error the connection is
  ///         closed, since nobody knows where in the stream it is.
  /// REQUIRES: no fill is being awaited.
  Task<Result<>> start_tls(ClientTls tls, std::string host, Milliseconds deadline,
                           std::stop_token stop = {});
  /// The same as the server side: for STARTTLS after our OK was written.
  Task<Result<>> start_tls(ServerTls tls, Milliseconds deadline, std::stop_token stop = {});
  /// Compresses both directions from the next byte on (RFC 4978): what was written so far goes as
  /// it is, what is buffered counts as compressed. REQUIRES: no compression yet.
  Result<> start_compression();

  // ---- The end ----

  /// Sends what is queued and TLS close_notify, tells the peer that no more comes, lets it read all
  /// of it, and closes. Everything together takes at most `deadline`. Whoever awaits gets kClosed.
  Task<void> close(Milliseconds deadline = Milliseconds(2000));
  /// Closes at once. Whoever awaits gets kClosed.
  void abort();

  /// Sends what is queued and takes the connection off this loop; nothing is left here but peer().
  /// On the other loop everything goes on where it was.
  /// Errors: as flush; then the connection is still here. Whoever awaits gets kClosed.
  Task<Result<Handover>> release(Milliseconds deadline, std::stop_token stop = {});
  /// Puts a released connection on `loop`, whose thread calls this.
  static Result<Connection> adopt(Loop* loop, Handover handover);

 private:
  class Impl;
  explicit Connection(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace net
