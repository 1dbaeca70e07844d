// FaultyLink: a TCP forwarder that models a slow and faulty line between a client and a server.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/result.h"

namespace support {

enum class LinkDirection { kToServer, kToClient };

/// What happens to a connection when its cut is reached.
enum class CutStyle {
  kClose,  // both sides are closed in order
  kReset,  // both sides see a reset
  kStall,  // both stay open and nothing passes any more: a half-open connection
};

struct LinkOptions {
  /// A new connection costs one before the client's first byte leaves, as TCP's handshake does;
  /// the server's greeting is there after two.
  std::chrono::microseconds round_trip{0};
  /// Each way, shared fairly by all connections; 0: no limit.
  double bytes_per_second = 0;
  std::uint64_t seed = 1;  // of the refusals
};

/// Counted since the start or the last reset_counters().
struct LinkCounters {
  std::uint64_t bytes_to_server = 0;
  std::uint64_t bytes_to_client = 0;
  std::uint64_t connections = 0;  // accepted and forwarded
  std::uint64_t refused = 0;
  std::uint64_t open = 0;  // now
  /// Times that a client began to send after it had heard from the server (or at all), summed over
  /// the connections: what a pipelining client keeps low. The connect itself is not counted.
  std::uint64_t round_trips = 0;
  /// The same for the connection that had most.
  std::uint64_t most_round_trips = 0;
};

/// Every byte leaves half a round trip after it came, in order, no faster than the rate.
///
/// Thread:   any; the work is done on a thread of its own.
/// Lifetime: the destructor closes all connections and joins the thread.
class FaultyLink {
 public:
  /// Listens on a free port of 127.0.0.1 (or on `listen_port`) and forwards to `server_port`.
  static Result<std::unique_ptr<FaultyLink>> start(std::uint16_t server_port,
                                                   LinkOptions options = {},
                                                   std::uint16_t listen_port = 0);
  ~FaultyLink();
  FaultyLink(const FaultyLink&) = delete;
  FaultyLink& operator=(const FaultyLink&) = delete;

  std::uint16_t port() const;
  void set_server_port(std::uint16_t port);
  void set_round_trip(std::chrono::microseconds round_trip);
  void set_bytes_per_second(double rate);

  /// Passes everything again, also what waited during a stall. Forgets a pending cut.
  void up();
  /// Keeps the connections, takes new ones, passes nothing.
  void stall();
  /// Resets every connection and refuses new ones.
  void down();
  /// Resets every connection; new ones are welcome.
  void drop_all();
  /// Refuses this share (0 to 1) of new connections with a reset.
  void refuse_share(double share);

  /// From now on passes exactly `bytes` more in `direction`, all connections together, then cuts
  /// the connection that carried the last one; the others and new ones go on. With 0 the next
  /// byte cuts. What was sent before is delivered; nothing after it is, either way.
  void cut_after(LinkDirection direction, std::uint64_t bytes, CutStyle style = CutStyle::kClose);
  /// Whether the last cut_after() has happened.
  bool cut_done() const;

  LinkCounters counters() const;
  void reset_counters();

 private:
  class Forwarder;
  explicit FaultyLink(std::unique_ptr<Forwarder> forwarder);
  std::unique_ptr<Forwarder> forwarder_;
};

}  // namespace support
