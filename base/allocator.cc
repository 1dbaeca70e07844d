#include "base/allocator.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

#ifdef __GLIBC__
// Measured with 20,000 messages brought in (bench, "memory at rest"): 97 MiB with glibc's defaults,
// 69 MiB with these, 45 MiB when free pages are given back as well.
constexpr int kArenas = 2;
constexpr int kLargeBytes = 256 << 10;
#endif

constexpr std::size_t kQuietBytes = std::size_t{1} << 20;
constexpr std::size_t kWorthwhileBytes = std::size_t{4} << 20;

std::size_t difference(std::size_t a, std::size_t b) { return a > b ? a - b : b - a; }

}  // namespace

void tune_allocator() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, kArenas);
  mallopt(M_MMAP_THRESHOLD, kLargeBytes);
#endif
}

bool MemoryReturner::look() {
#ifdef __GLIBC__
  const std::size_t free = mallinfo2().fordblks;
  const bool is_quiet = difference(free, last_seen_) < kQuietBytes;
  last_seen_ = free;
  if (!is_quiet || difference(free, after_last_) < kWorthwhileBytes) return false;
  malloc_trim(0);
  after_last_ = mallinfo2().fordblks;
  return true;
#else
  return false;
#endif
}
