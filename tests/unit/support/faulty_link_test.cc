#include "tests/support/faulty_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <numeric>
#include <thread>

#include "tests/support/raw_imap.h"
#include "tests/support/scripted_server.h"

namespace support {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A server whose rules answer anything, behind a link.
class FaultyLinkTest : public testing::Test {
 protected:
  void start(LinkOptions options = {}) {
    auto server = ScriptedServer::start({}, {{"BIG", {std::string(kBig, 'x')}}, {"*", {}}});
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
    auto link = FaultyLink::start(server_->port(), options);
    ASSERT_TRUE(link) << link.error().text();
    link_ = std::move(*link);
  }
  std::unique_ptr<RawImap> connect() {
    auto client = RawImap::connect(link_->port(), {}, 5s);
    EXPECT_TRUE(client) << client.error().text();
    return client ? std::move(*client) : nullptr;
  }

  // What the server has got, once it is as much as that: it reads on threads of its own.
  std::vector<std::string> received(std::size_t lines) {
    for (int i = 0; i < 400 && server_->received().size() < lines; ++i) {
      std::this_thread::sleep_for(5ms);
    }
    return server_->received();
  }

  static constexpr std::size_t kBig = 1'000'000;
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<FaultyLink> link_;
};

TEST_F(FaultyLinkTest, PassesBytesBothWaysAndCounts) {
  start();
  auto client = connect();
  ASSERT_TRUE(client);
  const auto reply = client->command("NOOP");
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(reply->str(), "<tag> OK done");
  const LinkCounters counters = link_->counters();
  EXPECT_EQ(counters.connections, 1U);
  EXPECT_EQ(counters.open, 1U);
  EXPECT_EQ(counters.bytes_to_server, std::string("t1 NOOP\r\n").size());
  EXPECT_EQ(counters.bytes_to_client, std::string("* OK ready\r\nt1 OK done\r\n").size());
  EXPECT_EQ(counters.round_trips, 1U);
}

TEST_F(FaultyLinkTest, ARoundTripTakesItsTimeAndPipeliningSavesIt) {
  start({.round_trip = 60ms});
  const auto begin = Clock::now();
  auto client = connect();
  ASSERT_TRUE(client);
  const auto greeted = Clock::now();
  EXPECT_GE(greeted - begin, 120ms);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(client->send_command("NOOP"));
  ASSERT_TRUE(client->collect("t5"));
  const auto taken = Clock::now() - greeted;
  EXPECT_GE(taken, 60ms);
  EXPECT_LT(taken, 240ms);  // one by one they would need 300 ms
  EXPECT_EQ(link_->counters().round_trips, 1U);
  ASSERT_TRUE(client->command("NOOP"));
  EXPECT_EQ(link_->counters().round_trips, 2U);
  EXPECT_EQ(link_->counters().most_round_trips, 2U);
}

TEST_F(FaultyLinkTest, TheRateIsSharedAndExact) {
  start({.bytes_per_second = 4'000'000});
  auto first = connect();
  auto second = connect();
  ASSERT_TRUE(first && second);
  const auto begin = Clock::now();
  ASSERT_TRUE(first->send_command("BIG"));
  const auto reply = second->command("BIG");
  ASSERT_TRUE(reply);
  ASSERT_TRUE(first->collect("t1"));
  const std::chrono::duration<double> taken = Clock::now() - begin;
  EXPECT_GE(taken.count(), 0.49);  // 2 MB at 4 MB/s
  EXPECT_LT(taken.count(), 0.90);  // not twice as long, on a busy machine neither
}

TEST_F(FaultyLinkTest, ABulkTransferLeavesRoomForOthers) {
  start({.bytes_per_second = 2'000'000});
  auto bulk = connect();
  auto small = connect();
  ASSERT_TRUE(bulk && small);
  ASSERT_TRUE(bulk->send_command("BIG"));
  std::this_thread::sleep_for(50ms);
  const auto begin = Clock::now();
  ASSERT_TRUE(small->command("NOOP"));
  EXPECT_LT(Clock::now() - begin, 250ms);  // the bulk needs 500 ms
}

TEST_F(FaultyLinkTest, StallKeepsWhatWaits) {
  start();
  auto client = connect();
  ASSERT_TRUE(client);
  link_->stall();
  client->set_timeout(100ms);
  EXPECT_EQ(client->command("NOOP").error().code(), Errc::kTimeout);
  link_->up();
  client->set_timeout(5s);
  EXPECT_TRUE(client->collect("t1"));
}

TEST_F(FaultyLinkTest, DownResetsAndRefuses) {
  start();
  auto client = connect();
  ASSERT_TRUE(client);
  link_->down();
  EXPECT_EQ(client->command("NOOP").error().code(), Errc::kClosed);
  EXPECT_EQ(RawImap::connect(link_->port()).error().code(), Errc::kClosed);
  EXPECT_EQ(link_->counters().refused, 1U);
  link_->up();
  EXPECT_TRUE(connect());
}

TEST_F(FaultyLinkTest, RefusesItsShare) {
  start();
  link_->refuse_share(0.5);
  int refused = 0;
  for (int i = 0; i < 40; ++i) refused += RawImap::connect(link_->port()) ? 0 : 1;
  EXPECT_GT(refused, 8);
  EXPECT_LT(refused, 32);
}

TEST_F(FaultyLinkTest, CutsAfterExactlyTheBytesToTheClient) {
  const std::string whole = "t1 OK done\r\n";
  for (std::size_t n = 0; n < whole.size(); ++n) {
    start();
    auto client = connect();
    ASSERT_TRUE(client);
    link_->cut_after(LinkDirection::kToClient, n);
    ASSERT_TRUE(client->send_raw("t1 NOOP\r\n"));
    client->set_timeout(2s);
    EXPECT_EQ(client->read_line().error().code(), Errc::kClosed);
    EXPECT_TRUE(link_->cut_done());
    EXPECT_EQ(link_->counters().bytes_to_client, std::string("* OK ready\r\n").size() + n);
    EXPECT_EQ(received(1).size(), 1U);
  }
}

TEST_F(FaultyLinkTest, CutsAfterExactlyTheBytesToTheServer) {
  start();
  auto client = connect();
  ASSERT_TRUE(client);
  link_->cut_after(LinkDirection::kToServer, 9);
  ASSERT_TRUE(client->send_raw("t1 NOOP\r\nt2 NOOP\r\n"));
  client->set_timeout(2s);
  EXPECT_EQ(client->read_line().error().code(), Errc::kClosed);  // even the answer to t1
  EXPECT_EQ(received(1), std::vector<std::string>{"1: t1 NOOP"});
  EXPECT_TRUE(connect());
}

TEST_F(FaultyLinkTest, AResetAndAHalfOpenConnectionAreTwoThings) {
  start();
  auto client = connect();
  ASSERT_TRUE(client);
  link_->cut_after(LinkDirection::kToServer, 3, CutStyle::kReset);
  ASSERT_TRUE(client->send_raw("t1 NOOP\r\n"));
  EXPECT_EQ(client->read_line().error().code(), Errc::kClosed);
  client = connect();
  ASSERT_TRUE(client);
  link_->cut_after(LinkDirection::kToServer, 3, CutStyle::kStall);
  ASSERT_TRUE(client->send_raw("t1 NOOP\r\n"));
  client->set_timeout(100ms);
  EXPECT_EQ(client->read_line().error().code(), Errc::kTimeout);
  EXPECT_TRUE(link_->cut_done());
}

TEST_F(FaultyLinkTest, TheEndOfOneSideReachesTheOther) {
  start();
  auto client = connect();
  ASSERT_TRUE(client);
  client->disconnect();
  for (int i = 0; i < 200 && link_->counters().open > 0; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(link_->counters().open, 0U);
}

}  // namespace
}  // namespace support
