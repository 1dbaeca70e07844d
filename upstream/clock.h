// Clock: the time of day, as it is stored and shown.
#pragma once

#include <chrono>
#include <cstdint>

namespace upstream {

/// Seconds since 1970.
inline std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace upstream
