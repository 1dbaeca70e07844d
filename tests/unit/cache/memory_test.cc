// The memory that the store is given is the memory that it takes.
#include <gtest/gtest.h>

#include <algorithm>

#include "cache/keys.h"
#include "cache/store.h"
#include "tests/support/loop_fixture.h"
#include "tests/support/temp_dir.h"

namespace cache {
namespace {

constexpr std::uint32_t kMessages = 20'000;
constexpr AccountId kAccount{1};
constexpr MailboxId kMailbox{1};

std::string noise(std::uint32_t seed, std::size_t bytes) {
  std::string text(bytes, 0);
  for (char& c : text) {
    seed = seed * 1'664'525 + 1'013'904'223;
    c = static_cast<char>(seed >> 24);
  }
  return text;
}

class MemoryTest : public testing::Test, public LoopFixture {
 protected:
  void look() { most_ = std::max(most_, store_->stats().memory_bytes); }

  support::TempDir dir_;
  std::unique_ptr<Store> store_;
  std::uint64_t most_ = 0;
};

TEST_F(MemoryTest, StaysBoundedWhileManyMessagesAreWrittenAndRead) {
  StoreOptions options;
  options.block_cache_bytes = 6U << 20;
  options.write_buffer_bytes = 8U << 20;
  auto opened = open_rocks_store((dir_ / "store").string(), options);
  ASSERT_TRUE(opened.has_value()) << opened.error().text();
  store_ = std::move(*opened);

  // As messages arrive: some at a time, with all that is stored of one.
  for (std::uint32_t n = 1; n <= kMessages;) {
    Batch batch;
    for (const std::uint32_t end = n + 50; n < end; ++n) {
      const MessageId id(n);
      batch.put(Family::kIndex, keys::index(kAccount, kMailbox, imap::Uid(n)), noise(n, 50));
      batch.put(Family::kSummary, keys::content(kAccount, id), noise(n, 700));
      batch.put(Family::kHeader, keys::content(kAccount, id), noise(n, 900));
      batch.put(Family::kBody, keys::body(kAccount, id, 0), noise(n, 3'000));
      batch.put(Family::kText, keys::text(kAccount, keys::TextKind::kFields, id, 0), noise(n, 200));
      batch.put(Family::kMessages, keys::message(kAccount, id), noise(n, 60));
    }
    ASSERT_TRUE(run(store_->commit(1, std::move(batch), Durability::kOrdered, loop())).has_value());
    look();
  }
  for (std::uint32_t n = 1; n <= kMessages; ++n) {
    const std::uint32_t at = n * 7'919 % kMessages + 1;  // here and there
    const MessageId id(at);
    ASSERT_TRUE(store_->get(Family::kSummary, keys::content(kAccount, id)).has_value()) << at;
    ASSERT_EQ(store_->get(Family::kBody, keys::body(kAccount, id, 0))->size(), 3'000U);
    if (n % 100 == 0) look();
  }
  for (const bool bulk : {false, true}) {
    std::uint32_t seen = 0;
    const auto cursor = store_->scan(Family::kHeader, keys::content(kAccount, MessageId(0)),
                                     keys::content(AccountId(2), MessageId(0)), bulk);
    for (; cursor->valid(); cursor->next()) {
      if (++seen % 100 == 0) look();
    }
    EXPECT_EQ(seen, kMessages);
  }
  // It is known to be too much when a group of commits has made it so.
  constexpr std::uint64_t kGroup = 512U << 10;
  EXPECT_LE(most_, options.block_cache_bytes + options.write_buffer_bytes + kGroup);
  EXPECT_GT(most_, options.block_cache_bytes) << "it was measured";
}

}  // namespace
}  // namespace cache
