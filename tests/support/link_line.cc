#include "tests/support/link_line.h"

#include <algorithm>

namespace support {
namespace {

constexpr std::size_t kPacketBytes = 4'096;
// The line is filled this far ahead, so that a thread that sleeps for a moment does not leave it
// idle; less than anything that a test measures.
constexpr auto kAhead = std::chrono::milliseconds(2);

// Up to `limit` bytes of the first chunk.
LinkFlow::Chunk take(LinkFlow* flow, std::size_t limit) {
  LinkFlow::Chunk& first = flow->waiting.front();
  LinkFlow::Chunk packet;
  packet.time = first.time;
  if (first.bytes.size() - first.used <= limit && first.used == 0) {
    packet.bytes = std::move(first.bytes);
    flow->waiting.pop_front();
  } else {
    packet.bytes = first.bytes.substr(first.used, limit);
    first.used += packet.bytes.size();
    if (first.used == first.bytes.size()) flow->waiting.pop_front();
  }
  flow->waiting_bytes -= packet.bytes.size();
  return packet;
}

}  // namespace

void LinkLine::advance(LinkTime now, LinkClock::duration delay,
                       const std::vector<LinkFlow*>& flows) {
  std::size_t idle = 0;  // flows in a row that had nothing
  while (idle < flows.size() && (rate_ <= 0 || free_ <= now + kAhead)) {
    turn_ = (turn_ + 1) % flows.size();
    LinkFlow* flow = flows[turn_];
    if (flow->waiting.empty()) {
      ++idle;
      continue;
    }
    idle = 0;
    LinkFlow::Chunk packet = take(flow, rate_ > 0 ? kPacketBytes : SIZE_MAX);
    if (rate_ > 0) {
      const std::chrono::duration<double> on_line(static_cast<double>(packet.bytes.size()) / rate_);
      free_ =
          std::max(free_, packet.time) + std::chrono::duration_cast<LinkClock::duration>(on_line);
      packet.time = free_;
    }
    packet.time += delay;
    // A shorter round trip set meanwhile must not let bytes overtake each other.
    if (!flow->in_flight.empty()) packet.time = std::max(packet.time, flow->in_flight.back().time);
    flow->in_flight.push_back(std::move(packet));
  }
}

}  // namespace support
