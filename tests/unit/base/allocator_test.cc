#include "base/allocator.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <vector>

namespace {

// Sanitizers bring an allocator of their own, of which glibc knows nothing.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kIsGlibc = false;
#else
constexpr bool kIsGlibc = true;
#endif

TEST(MemoryReturnerTest, GivesBackOnceTheHeapIsAtRest) {
  constexpr std::size_t kBlocks = std::size_t{32} << 10;
  std::vector<std::unique_ptr<char[]>> blocks(kBlocks);
  for (auto& block : blocks) block = std::make_unique<char[]>(1'000);
  // One of them stays here and there: the heap cannot just become shorter.
  for (std::size_t i = 0; i < kBlocks; ++i) {
    if (i % 64 != 0) blocks[i].reset();
  }
  MemoryReturner returner;
  EXPECT_FALSE(returner.look()) << "it has only just changed";
  EXPECT_EQ(returner.look(), kIsGlibc);
  EXPECT_FALSE(returner.look()) << "nothing has been used since";
}

}  // namespace
