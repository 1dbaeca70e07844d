#include "net/output_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "net/input_buffer.h"

namespace net {
namespace {

std::string gathered(const OutputQueue& queue, std::size_t limit) {
  std::array<iovec, 8> pieces{};
  const std::size_t count = queue.gather(std::span(pieces).first(limit));
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return text;
}

TEST(OutputQueueTest, JoinsSmallWritesAndTakesBigStringsAsTheyAre) {
  OutputQueue queue;
  queue.append(std::string_view("one "));
  queue.append(std::string("two "));
  std::string big(100'000, 'x');
  const char* data = big.data();
  queue.append(std::move(big));
  queue.append(std::string_view("end"));
  std::array<iovec, 8> pieces{};
  ASSERT_EQ(queue.gather(pieces), 3);
  EXPECT_EQ(pieces[0].iov_len, 8);
  EXPECT_EQ(pieces[1].iov_base, data) << "not copied";
  EXPECT_EQ(pieces[2].iov_len, 3);
  EXPECT_EQ(queue.size(), 100'011);
}

TEST(OutputQueueTest, PopsAcrossPieces) {
  OutputQueue queue;
  queue.append(std::string_view("abc"));
  queue.append(std::string(5000, 'x'));
  queue.append(std::string(20000, 'y'));
  queue.pop(1);
  EXPECT_EQ(queue.front(), "bc");
  queue.pop(2 + 4999);
  EXPECT_EQ(queue.front(), "x");
  queue.pop(2);
  EXPECT_EQ(queue.front(), std::string(19999, 'y'));
  queue.pop(19999);
  EXPECT_TRUE(queue.empty());
}

TEST(OutputQueueTest, RandomWritesComeOutInOrder) {
  std::mt19937 random(3);
  OutputQueue queue;
  std::string expected;
  std::string got;
  for (int round = 0; round < 20'000; ++round) {
    if (random() % 2 == 0) {
      std::string piece(random() % 200 == 0 ? 6000 : random() % 40, static_cast<char>(random()));
      expected += piece;
      if (random() % 2 == 0)
        queue.append(std::string_view(piece));
      else
        queue.append(std::move(piece));
    } else {
      const std::string front = gathered(queue, 1 + random() % 8);
      const std::size_t taken = front.empty() ? 0 : random() % (front.size() + 1);
      got += front.substr(0, taken);
      queue.pop(taken);
    }
    ASSERT_EQ(queue.size(), expected.size() - got.size());
  }
  while (!queue.empty()) {
    got += queue.front();
    queue.pop(queue.front().size());
  }
  EXPECT_EQ(got, expected);
}

TEST(InputBufferTest, ConsumesFromTheFrontAndAppendsAtTheEnd) {
  InputBuffer buffer;
  buffer.tail()->append("hello world");
  buffer.consume(6);
  buffer.tail()->append("!");
  EXPECT_EQ(buffer.view(), "world!");
  buffer.consume(5);
  EXPECT_EQ(*buffer.tail(), "!") << "what was consumed is dropped";
  buffer.consume(1);
  EXPECT_TRUE(buffer.empty());
  buffer.shrink();
  EXPECT_LT(buffer.tail()->capacity(), 32);
}

}  // namespace
}  // namespace net
