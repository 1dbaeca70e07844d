// Connection::release and adopt: a connection moves between loops in the middle of its streams.
#include <gtest/gtest.h>

#include <thread>

#include "base/on_executor.h"
#include "net/loop_pool.h"
#include "tests/support/certificate.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/net/streams.h"

namespace net {
namespace {

using namespace std::chrono_literals;
using testing::filled;
using testing::kLong;
using testing::read_bytes;
using testing::sample;

constexpr std::size_t kHops = 6;
constexpr std::size_t kPiece = 300'000;

// Sends all of `text`, and reads what comes back in pieces, in step with the server's hops.
Task<Result<std::string>> talk(Connection* on, std::string text) {
  on->write(std::string_view(text));
  CO_TRY(std::string answer, co_await read_bytes(on, text.size()));
  CO_TRY_VOID(co_await on->flush(kLong));
  co_return answer;
}

// One stay on a loop: echoes a piece, leaving in the buffer whatever was read beyond it.
Task<Result<Handover>> stay(Loop* loop, Handover arriving) {
  CO_TRY(Connection here, Connection::adopt(loop, std::move(arriving)));
  CO_TRY(std::string piece, co_await read_bytes(&here, kPiece));
  here.write(std::move(piece));
  co_return co_await here.release(kLong);
}

struct Layers {
  bool tls = false;
  bool compression = false;
};

class HandoverTest : public ::testing::TestWithParam<Layers> {
 protected:
  HandoverTest() {
    trust_ = ClientTls::create({.ca_file = certificate_.certificate, .fingerprint = ""}).value();
    identity_ = ServerTls::create({certificate_.certificate, certificate_.private_key}).value();
  }

  static Task<void> serve(HandoverTest* self, Connection* first) {
    Loop* home = self->pool_->loop(0);
    Result<> ready;
    if (GetParam().tls) ready = co_await first->start_tls(*self->identity_, kLong);
    if (ready && GetParam().compression) ready = first->start_compression();
    if (!ready) {
      self->problem_ = ready.error().text();
      co_return;
    }
    Result<Handover> moving = co_await first->release(kLong);
    for (std::size_t hop = 0; moving && hop < kHops; ++hop) {
      Loop* there = self->pool_->loop((hop + 1) % 2);
      moving = co_await run_on<Result<Handover>>(there, home,
                                                 [there, handover = std::move(*moving)]() mutable {
                                                   return stay(there, std::move(handover));
                                                 });
    }
    if (!moving) self->problem_ = moving.error().text();
  }

  static Task<void> ask(HandoverTest* self, Connection* on) {
    Result<> ready;
    if (GetParam().tls) ready = co_await on->start_tls(*self->trust_, "localhost", kLong);
    if (ready && GetParam().compression) ready = on->start_compression();
    if (!ready) {
      self->problem_ = ready.error().text();
      co_return;
    }
    self->answer_ = co_await talk(on, self->text_);
  }

  static Task<void> run(HandoverTest* self) {
    auto [client, server] = Connection::pair(self->pool_->loop(0)).value();
    TaskGroup group(self->pool_->loop(0));
    group.spawn(serve(self, &server));
    group.spawn(ask(self, &client));
    while (group.running() > 0) co_await yield_to(self->pool_->loop(0));
    EXPECT_FALSE(server.is_open());
    EXPECT_TRUE(server.peer().is_loopback) << "peer() stays";
    self->pool_->stop();
  }

  support::TempDir folder_;
  support::Certificate certificate_ = support::make_certificate(folder_.path()).value();
  std::optional<ClientTls> trust_;
  std::optional<ServerTls> identity_;
  std::unique_ptr<LoopPool> pool_ = LoopPool::create(2).value();
  const std::string text_ = sample(kHops * kPiece);
  std::string problem_;
  Result<std::string> answer_;
};

TEST_P(HandoverTest, GoesOnAsIfNothingHappenedOnTheOtherLoop) {
  TaskGroup group(pool_->loop(0));
  pool_->loop(0)->post([&] { group.spawn(run(this)); });
  pool_->run();
  EXPECT_EQ(problem_, "");
  ASSERT_TRUE(answer_.has_value()) << answer_.error().text();
  EXPECT_TRUE(*answer_ == text_);
}

INSTANTIATE_TEST_SUITE_P(Layers, HandoverTest,
                         ::testing::Values(Layers{}, Layers{.tls = true},
                                           Layers{.compression = true},
                                           Layers{.tls = true, .compression = true}),
                         [](const auto& info) {
                           return std::string(info.param.tls ? "Tls" : "Plain") +
                                  (info.param.compression ? "Compressed" : "");
                         });

TEST(HandoverDropTest, DroppingAHandoverClosesTheConnection) {
  LoopFixture fixture;
  auto [near, far] = Connection::pair(fixture.loop()).value();
  fixture.run(near.release(kLong)).value();
  EXPECT_EQ(fixture.run(far.fill(kLong)).error().code(), Errc::kClosed);
}

TEST(HandoverDropTest, UnreadBytesMoveAlong) {
  LoopFixture fixture;
  auto [near, far] = Connection::pair(fixture.loop()).value();
  far.write("read and unread");
  ASSERT_TRUE(fixture.run(near.fill(kLong)).has_value());
  near.consume(9);
  auto again = Connection::adopt(fixture.loop(), fixture.run(near.release(kLong)).value()).value();
  EXPECT_EQ(again.buffered(), "unread");
  EXPECT_EQ(again.received_bytes(), 15);
}

TEST(HandoverDropTest, AReleaseThatCannotSendKeepsTheConnection) {
  LoopFixture fixture;
  auto [near, far] = Connection::pair(fixture.loop()).value();
  near.write(filled(10'000'000, 'x'));
  EXPECT_EQ(fixture.run(near.release(5ms)).error().code(), Errc::kTimeout);
  EXPECT_TRUE(near.is_open());
  EXPECT_EQ(fixture.run(read_bytes(&far, 10'000'000)).value().size(), 10'000'000);
}

}  // namespace
}  // namespace net
