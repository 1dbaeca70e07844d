// One direction of a FaultyLink: what the connections put on it, and when it comes out.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace support {

using LinkClock = std::chrono::steady_clock;
using LinkTime = LinkClock::time_point;

/// The bytes of one connection in one direction.
struct LinkFlow {
  struct Chunk {
    LinkTime time;  // when it came in; once sent, when it is due at the other end
    std::string bytes;
    std::size_t used = 0;
  };
  std::deque<Chunk> waiting;  // not yet on the line
  std::deque<Chunk> in_flight;
  std::size_t waiting_bytes = 0;
  bool ended = false;  // the sender has closed its side
  bool shut = false;   // and the receiver was told

  bool empty() const { return waiting.empty() && in_flight.empty(); }
  void put(LinkTime now, std::string bytes) {
    waiting_bytes += bytes.size();
    waiting.push_back({now, std::move(bytes)});
  }
};

/// The line itself: flows take turns, a small packet each, so that a bulk transfer does not make
/// an interactive one wait behind all that it has queued.
class LinkLine {
 public:
  void set_rate(double bytes_per_second) { rate_ = bytes_per_second; }

  /// Moves what the line has had time for by `now` from waiting to in flight, due `delay` later.
  void advance(LinkTime now, LinkClock::duration delay, const std::vector<LinkFlow*>& flows);
  /// When advance() can do more; only meaningful while something waits.
  LinkTime free_at() const { return free_; }

 private:
  double rate_ = 0;
  LinkTime free_{};
  std::size_t turn_ = 0;
};

}  // namespace support
