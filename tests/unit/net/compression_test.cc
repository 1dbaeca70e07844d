// Connection::start_compression and its layer: RFC 4978.
#include <gtest/gtest.h>
#include <zlib.h>

#include "net/deflate_layer.h"
#include "tests/support/certificate.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/net/streams.h"

namespace net {
namespace {

using namespace std::chrono_literals;
using testing::both;
using testing::filled;
using testing::kLong;
using testing::read_bytes;
using testing::sample;
using testing::send;

std::string raw_deflate(const std::string& text, int flush) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, flush);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

class CompressionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Connection::pair(fixture_.loop());
    ASSERT_TRUE(made.has_value()) << made.error().text();
    near_.emplace(std::move(made->first));
    far_.emplace(std::move(made->second));
  }
  void start_tls() {
    const support::TempDir folder;
    const auto made = support::make_certificate(folder.path()).value();
    auto trust = ClientTls::create({.ca_file = made.certificate, .fingerprint = ""}).value();
    auto identity = ServerTls::create({made.certificate, made.private_key}).value();
    const auto [served, asked] =
        fixture_.run(both(fixture_.loop(), far_->start_tls(identity, kLong),
                          near_->start_tls(trust, "localhost", kLong)));
    ASSERT_TRUE(served.has_value() && asked.has_value());
  }
  void start_both() {
    ASSERT_TRUE(near_->start_compression().has_value());
    ASSERT_TRUE(far_->start_compression().has_value());
  }
  void exchange_megabytes() {
    const std::string one = sample(3'000'000, 1);
    const std::string other = sample(3'000'000, 2);
    near_->write(std::string_view(one));
    far_->write(std::string_view(other));
    const auto [a, b] = fixture_.run(
        both(fixture_.loop(), read_bytes(&*far_, one.size()), read_bytes(&*near_, other.size())));
    EXPECT_EQ(a.value(), one);
    EXPECT_EQ(b.value(), other);
  }

  LoopFixture fixture_;
  std::optional<Connection> near_;
  std::optional<Connection> far_;
};

TEST_F(CompressionTest, WorksBothWays) {
  start_both();
  EXPECT_TRUE(near_->is_compressed());
  exchange_megabytes();
  EXPECT_LT(near_->sent_bytes(), 2'400'000) << "letters need less than 5 bits of 8";
}

TEST_F(CompressionTest, WorksOverTls) {
  start_tls();
  start_both();
  exchange_megabytes();
  EXPECT_LT(near_->sent_bytes(), 2'400'000);
}

TEST_F(CompressionTest, EveryFlushCanBeReadAtOnce) {
  start_both();
  for (int i = 0; i < 100; ++i) {
    const std::string line = "a" + std::to_string(i) + " NOOP\r\n";
    ASSERT_TRUE(fixture_.run(send(&*near_, line)).has_value());
    ASSERT_EQ(fixture_.run(read_bytes(&*far_, line.size())).value(), line);
  }
  EXPECT_LT(near_->sent_bytes(), 100 * 14);
}

TEST_F(CompressionTest, WhatWasWrittenBeforeGoesAsItIsAndWhatWasReadAheadIsCompressed) {
  // The server's OK is plain and its next response compressed, in one packet.
  near_->write("c OK DEFLATE active\r\n");
  ASSERT_TRUE(near_->start_compression().has_value());
  near_->write("* 1 EXISTS\r\n");
  ASSERT_TRUE(fixture_.run(near_->flush(kLong)).has_value());
  ASSERT_TRUE(fixture_.run(far_->fill(kLong)).has_value());
  ASSERT_TRUE(far_->buffered().starts_with("c OK DEFLATE active\r\n"));
  far_->consume(21);
  EXPECT_GT(far_->buffered().size(), 0);
  ASSERT_TRUE(far_->start_compression().has_value());
  EXPECT_EQ(far_->buffered(), "");
  EXPECT_EQ(fixture_.run(read_bytes(&*far_, 12)).value(), "* 1 EXISTS\r\n");
}

TEST_F(CompressionTest, ABombIsReadInBoundedPieces) {
  ASSERT_TRUE(far_->start_compression().has_value());
  const std::string bomb = raw_deflate(filled(60'000'000, '\0'), Z_SYNC_FLUSH);
  ASSERT_LT(bomb.size(), 80'000);
  near_->write(std::string_view(bomb));
  const auto read = [](Connection* from) -> Task<Result<std::size_t>> {
    std::size_t total = 0;
    std::size_t most = 0;
    while (total < 60'000'000) {
      CO_TRY_VOID(co_await from->fill(kLong));
      most = std::max(most, from->buffered().size());
      total += from->buffered().size();
      from->consume(from->buffered().size());
    }
    co_return most;
  };
  EXPECT_LE(fixture_.run(read(&*far_)).value(), Connection::kFillBytes);
}

TEST_F(CompressionTest, GarbageIsAProtocolError) {
  ASSERT_TRUE(far_->start_compression().has_value());
  near_->write("\xff\xff\xff this is not deflate");
  EXPECT_EQ(fixture_.run(far_->fill(kLong)).error().code(), Errc::kProtocol);
}

TEST_F(CompressionTest, BytesAfterTheEndOfTheStreamAreAProtocolError) {
  ASSERT_TRUE(far_->start_compression().has_value());
  near_->write(std::string_view(raw_deflate("the end", Z_FINISH)));
  EXPECT_EQ(fixture_.run(read_bytes(&*far_, 7)).value(), "the end");
  near_->write("more");
  EXPECT_EQ(fixture_.run(far_->fill(kLong)).error().code(), Errc::kProtocol);
}

TEST_F(CompressionTest, DoesNotStartTwiceNorBeforeTls) {
  ASSERT_TRUE(far_->start_compression().has_value());
  EXPECT_EQ(far_->start_compression().error().code(), Errc::kInvalid);
  const auto tls = ClientTls::create({}).value();
  EXPECT_EQ(fixture_.run(far_->start_tls(tls, "localhost", kLong)).error().code(), Errc::kInvalid);
  EXPECT_TRUE(far_->is_open());
}

TEST_F(CompressionTest, BackPressureHoldsWhileCompressing) {
  start_both();
  far_->write(sample(20'000'000));
  EXPECT_EQ(fixture_.run(far_->drain(1'000'000, 20ms)).error().code(), Errc::kTimeout);
  EXPECT_GT(far_->queued_bytes(), 10'000'000);
}

TEST(DeflateLayerTest, TextComesThroughWhereverItIsCut) {
  auto sender = DeflateLayer::create().value();
  auto receiver = DeflateLayer::create().value();
  const std::string text = sample(300'000);
  std::string compressed;
  for (std::size_t i = 0; i < text.size(); i += 7001) {
    ASSERT_TRUE(sender->deflate(std::string_view(text).substr(i, 7001), &compressed).has_value());
    if (i % 3 == 0) ASSERT_TRUE(sender->flush(&compressed).has_value());
  }
  ASSERT_TRUE(sender->flush(&compressed).has_value());
  const std::size_t flushed = compressed.size();
  ASSERT_TRUE(sender->flush(&compressed).has_value());
  EXPECT_EQ(compressed.size(), flushed) << "nothing new, nothing sent";
  std::string plain;
  for (std::size_t i = 0; i < compressed.size(); i += 1009) {
    receiver->pending()->append(compressed, i, 1009);
    for (std::size_t before = plain.size() + 1; before != plain.size();) {
      before = plain.size();
      ASSERT_TRUE(receiver->inflate(500, &plain).has_value());
      ASSERT_LE(plain.size() - before, 500);
    }
  }
  EXPECT_EQ(plain, text);
}

}  // namespace
}  // namespace net
