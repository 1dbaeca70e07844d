// Backoff: how long to wait before the next try.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace upstream {

/// Doubles from `min` to `max`, each delay drawn from its upper half so that many clients do not
/// come back at once. Reset by success alone: a server that accepts and then drops must not be
/// stormed.
class Backoff {
 public:
  using Delay = std::chrono::milliseconds;
  Backoff(Delay min, Delay max, std::uint64_t seed) : min_(min), max_(max), random_(seed) {}

  Delay next() {
    const Delay whole = std::min(max_, min_ * (std::int64_t{1} << std::min(failures_, 20U)));
    ++failures_;
    std::uniform_int_distribution<std::int64_t> draw(whole.count() / 2, whole.count());
    return Delay(draw(random_));
  }
  void reset() { failures_ = 0; }

 private:
  Delay min_;
  Delay max_;
  std::uint32_t failures_ = 0;
  std::mt19937_64 random_;
};

}  // namespace upstream
