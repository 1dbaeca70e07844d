#include "net/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>

#include "tests/unit/net/streams.h"

namespace net {
namespace {

using namespace std::chrono_literals;
using testing::both;
using testing::filled;
using testing::kLong;
using testing::read_bytes;
using testing::read_to_end;
using testing::sample;
using testing::send;

class ConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Connection::pair(fixture_.loop());
    ASSERT_TRUE(made.has_value()) << made.error().text();
    near_.emplace(std::move(made->first));
    far_.emplace(std::move(made->second));
  }
  Loop* loop() { return fixture_.loop(); }
  Errc fill_error(std::chrono::milliseconds deadline, std::stop_token stop = {}) {
    const Result<> filled = fixture_.run(near_->fill(deadline, stop));
    return filled ? Errc::kBug : filled.error().code();
  }

  LoopFixture fixture_;
  std::optional<Connection> near_;
  std::optional<Connection> far_;
};

TEST_F(ConnectionTest, EchoesWhatIsWritten) {
  const auto echo = [](Connection* on) -> Task<Result<>> {
    CO_TRY(const std::string text, co_await read_bytes(on, 6));
    on->write(std::string_view(text));
    on->write(" again");
    co_return co_await on->flush(kLong);
  };
  const auto ask = [](Connection* on) -> Task<Result<std::string>> {
    on->write("hel");
    on->write(std::string("lo!"));
    co_return co_await read_bytes(on, 12);
  };
  const auto [served, answer] = fixture_.run(both(loop(), echo(&*far_), ask(&*near_)));
  EXPECT_TRUE(served.has_value());
  EXPECT_EQ(answer.value(), "hello! again");
  EXPECT_EQ(near_->sent_bytes(), 6);
  EXPECT_EQ(near_->received_bytes(), 12);
  EXPECT_TRUE(near_->peer().is_loopback);
  EXPECT_FALSE(near_->is_tls());
}

TEST_F(ConnectionTest, WhatATurnHasWrittenIsSentAtItsEndWithoutAFlush) {
  far_->write("one ");
  far_->write("two");
  EXPECT_EQ(far_->queued_bytes(), 7);
  EXPECT_EQ(fixture_.run(read_bytes(&*near_, 7)).value(), "one two");
  EXPECT_EQ(far_->queued_bytes(), 0);
}

TEST_F(ConnectionTest, AFillAddsAtMostItsBound) {
  const auto big = [](Connection* on) -> Task<Result<>> {
    co_return co_await send(on, sample(1'000'000));
  };
  const auto measure = [](Connection* on) -> Task<Result<std::size_t>> {
    std::size_t most = 0;
    for (std::size_t got = 0; got < 1'000'000;) {
      const std::size_t before = on->buffered().size();
      CO_TRY_VOID(co_await on->fill(kLong));
      const std::size_t grown = on->buffered().size() - before;
      most = std::max(most, grown);
      got += grown;
      if (got % 3 == 0) on->consume(on->buffered().size() / 2);
    }
    co_return most;
  };
  const auto [sent, most] = fixture_.run(both(loop(), big(&*far_), measure(&*near_)));
  EXPECT_TRUE(sent.has_value());
  EXPECT_LE(most.value(), Connection::kFillBytes);
}

TEST_F(ConnectionTest, ASlowReaderGetsFiftyMegabytesInBoundedMemory) {
  constexpr std::size_t kTotal = 50'000'000;
  constexpr std::size_t kPiece = 100'000;
  constexpr std::size_t kLimit = 256 * 1024;
  const auto produce = [](Connection* to, std::size_t* most) -> Task<Result<>> {
    for (std::size_t sent = 0; sent < kTotal; sent += kPiece) {
      to->write(sample(kPiece, static_cast<unsigned>(sent / kPiece)));
      *most = std::max(*most, to->queued_bytes());
      CO_TRY_VOID(co_await to->drain(kLimit, kLong));
    }
    co_return co_await to->flush(kLong);
  };
  const auto consume = [](Loop* loop, Connection* from) -> Task<Result<std::size_t>> {
    std::size_t total = 0;
    std::string rest;
    for (int turn = 0; total < kTotal; ++turn) {
      if (turn % 50 == 0) CO_TRY_VOID(co_await sleep_for(loop, 1ms));
      CO_TRY_VOID(co_await from->fill(kLong));
      rest += from->buffered();
      from->consume(from->buffered().size());
      for (; rest.size() >= kPiece; rest.erase(0, kPiece), total += kPiece) {
        if (rest.substr(0, kPiece) != sample(kPiece, static_cast<unsigned>(total / kPiece))) {
          co_return fail(Errc::kBug, "wrong bytes");
        }
      }
    }
    co_return total;
  };
  std::size_t most = 0;
  const auto [produced, total] =
      fixture_.run(both(loop(), produce(&*far_, &most), consume(loop(), &*near_)));
  ASSERT_TRUE(produced.has_value()) << produced.error().text();
  EXPECT_EQ(total.value(), kTotal);
  EXPECT_LE(most, kLimit + kPiece);
}

TEST_F(ConnectionTest, APeerThatDoesNotReadMakesDrainAndFlushTimeOut) {
  far_->write(filled(20'000'000, 'x'));
  EXPECT_EQ(fixture_.run(far_->drain(1000, 5ms)).error().code(), Errc::kTimeout);
  EXPECT_EQ(fixture_.run(far_->flush(5ms)).error().code(), Errc::kTimeout);
  EXPECT_GT(far_->queued_bytes(), 10'000'000);
  std::stop_source stop;
  loop()->post_after(2ms, [&] { stop.request_stop(); });
  EXPECT_EQ(fixture_.run(far_->flush(kLong, stop.get_token())).error().code(), Errc::kCancelled);
}

TEST_F(ConnectionTest, ASlowPeerThatTakesSomethingNowAndThenDoesNotTimeOut) {
  const auto read_slowly = [](Loop* loop, Connection* from) -> Task<Result<>> {
    for (std::size_t got = 0; got < 4'000'000;) {
      CO_TRY_VOID(co_await sleep_for(loop, 20ms));
      CO_TRY_VOID(co_await from->fill(kLong));
      got += from->buffered().size();
      from->consume(from->buffered().size());
    }
    co_return Result<>();
  };
  // All of it takes longer than the deadline; no single wait does.
  far_->write(filled(4'000'000, 'x'));
  const auto [flushed, read] =
      fixture_.run(both(loop(), far_->flush(1s), read_slowly(loop(), &*near_)));
  EXPECT_TRUE(flushed.has_value()) << flushed.error().text();
  EXPECT_TRUE(read.has_value()) << read.error().text();
}

TEST_F(ConnectionTest, AFillTimesOutIsCancelledAndGoesOnAfterwards) {
  EXPECT_EQ(fill_error(2ms), Errc::kTimeout);
  std::stop_source stop;
  loop()->post_after(2ms, [&] { stop.request_stop(); });
  EXPECT_EQ(fill_error(kLong, stop.get_token()), Errc::kCancelled);
  EXPECT_EQ(fill_error(kLong, stop.get_token()), Errc::kCancelled) << "stopped before it began";
  far_->write("still here");
  EXPECT_EQ(fixture_.run(read_bytes(&*near_, 10)).value(), "still here");
}

TEST_F(ConnectionTest, AStopInTheTurnInWhichBytesArriveLosesNone) {
  const auto task = [](Loop* loop, Connection* near, Connection* far) -> Task<Result<>> {
    std::stop_source stop;
    for (int i = 0; i < 200; ++i) {
      stop = std::stop_source();
      far->write("x");
      loop->post([&stop] { stop.request_stop(); });
      const Result<> filled = co_await near->fill(kLong, stop.get_token());
      if (!filled && filled.error().code() != Errc::kCancelled) co_return filled;
    }
    CO_TRY_VOID(co_await far->flush(kLong));
    while (near->buffered().size() < 200) CO_TRY_VOID(co_await near->fill(kLong));
    co_return Result<>();
  };
  EXPECT_TRUE(fixture_.run(task(loop(), &*near_, &*far_)).has_value());
  EXPECT_EQ(near_->buffered(), std::string(200, 'x'));
}

TEST_F(ConnectionTest, TheEndOfTheStreamIsClosedAndWhatCameBeforeStays) {
  far_->write("bye");
  fixture_.run(far_->close());
  EXPECT_FALSE(far_->is_open());
  EXPECT_EQ(fixture_.run(read_to_end(&*near_)).value(), "bye");
  EXPECT_EQ(fill_error(kLong), Errc::kClosed);
}

TEST_F(ConnectionTest, WritingToAPeerThatIsGoneIsAnErrorAndNotASignal) {
  far_.reset();
  near_->write(filled(100'000, 'x'));
  EXPECT_EQ(fixture_.run(near_->flush(kLong)).error().code(), Errc::kClosed);
  near_->write("more");
  EXPECT_EQ(near_->queued_bytes(), 0);
  EXPECT_EQ(fixture_.run(near_->flush(kLong)).error().code(), Errc::kClosed);
}

TEST_F(ConnectionTest, FillAndFlushWaitSideBySide) {
  near_->write(filled(5'000'000, 'n'));
  far_->write(filled(5'000'000, 'f'));
  const auto exchange = [](Loop* loop, Connection* on) -> Task<Result<std::string>> {
    auto [flushed, read] = co_await both(loop, on->flush(kLong), read_bytes(on, 5'000'000));
    CO_TRY_VOID(flushed);
    co_return read;
  };
  const auto [a, b] =
      fixture_.run(both(loop(), exchange(loop(), &*near_), exchange(loop(), &*far_)));
  EXPECT_EQ(a.value(), filled(5'000'000, 'f'));
  EXPECT_EQ(b.value(), filled(5'000'000, 'n'));
}

TEST_F(ConnectionTest, AbortEndsEveryWaitWithClosed) {
  near_->write(filled(20'000'000, 'x'));
  loop()->post_after(2ms, [&] { near_->abort(); });
  const auto [filled, flushed] =
      fixture_.run(both(loop(), near_->fill(kLong), near_->flush(kLong)));
  EXPECT_EQ(filled.error().code(), Errc::kClosed);
  EXPECT_EQ(flushed.error().code(), Errc::kClosed);
}

TEST_F(ConnectionTest, MayBeDestroyedWhileSomebodyWaits) {
  loop()->post_after(2ms, [&] { near_.reset(); });
  EXPECT_EQ(fill_error(kLong), Errc::kClosed);
}

TEST_F(ConnectionTest, MayBeMovedWhileSomebodyWaits) {
  std::optional<Connection> moved;
  loop()->post_after(2ms, [&] {
    moved.emplace(std::move(*near_));
    far_->write("hi");
  });
  EXPECT_TRUE(fixture_.run(near_->fill(kLong)).has_value());
  EXPECT_EQ(moved->buffered(), "hi");
  EXPECT_FALSE(near_->is_open());
}

TEST_F(ConnectionTest, CloseEndsAWaitingFillAndStillSendsWhatIsQueued) {
  near_->write(filled(3'000'000, 'x'));
  const auto close = [](Loop* loop, Connection* on) -> Task<Result<>> {
    CO_TRY_VOID(co_await sleep_for(loop, 2ms));
    co_await on->close();
    co_return Result<>();
  };
  const auto near_side = [](Loop* loop, Connection* on, auto end) -> Task<Result<>> {
    auto [filled, closed] = co_await both(loop, on->fill(kLong), end(loop, on));
    co_return filled;
  };
  const auto [read, filled] =
      fixture_.run(both(loop(), read_to_end(&*far_), near_side(loop(), &*near_, close)));
  EXPECT_EQ(filled.error().code(), Errc::kClosed);
  EXPECT_EQ(read.value().size(), 3'000'000);
}

TEST_F(ConnectionTest, CloseGivesUpAtItsDeadline) {
  near_->write(filled(20'000'000, 'x'));
  fixture_.run(near_->close(5ms));
  EXPECT_FALSE(near_->is_open());
}

}  // namespace
}  // namespace net
