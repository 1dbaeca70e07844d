#include "net/connect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/descriptor.h"
#include "net/dns.h"
#include "net/listener.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/net/streams.h"

namespace net {
namespace {

using namespace std::chrono_literals;
using testing::both;
using ::testing::HasSubstr;
using testing::kLong;
using testing::read_bytes;

// A port on which nothing answers: its queue of unaccepted connections is full, so the kernel drops
// every further attempt without a word.
class BlackHole {
 public:
  BlackHole() {
    listening_.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listening_.get(), raw, size), 0);
    EXPECT_EQ(listen(listening_.get(), 0), 0);
    EXPECT_EQ(getsockname(listening_.get(), raw, &size), 0);
    for (Descriptor& filler : fillers_) {
      filler.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      ::connect(filler.get(), raw, size);
    }
    address_ = Address::from(raw);
  }
  Address address() const { return address_; }

 private:
  Descriptor listening_;
  std::array<Descriptor, 4> fillers_;
  Address address_;
};

// An address on which connections are refused: it was free a moment ago.
Address refusing(Loop* loop, const char* host = "127.0.0.1") {
  const std::uint16_t port = Listener::tcp(loop, host, 0).value().port();
  return *Address::parse(host, port);
}

Address address_of(const Listener& listener) {
  return *Address::parse("127.0.0.1", listener.port());
}

class ConnectTest : public ::testing::Test {
 protected:
  Loop* loop() { return fixture_.loop(); }
  Result<Connection> connect_to(std::vector<Address> addresses,
                                std::chrono::milliseconds deadline = kLong,
                                std::stop_token stop = {}) {
    start_ = loop()->now();
    Result<Connection> made = fixture_.run(connect(loop(), std::move(addresses), deadline, stop));
    took_ = loop()->now() - start_;
    return made;
  }
  LoopFixture fixture_;
  Loop::Clock::time_point start_;
  Loop::Clock::duration took_{};
};

TEST_F(ConnectTest, ConnectsByNameAndByNumber) {
  auto listener = Listener::tcp(loop(), "127.0.0.1", 0).value();
  for (const char* host : {"127.0.0.1", "localhost"}) {
    auto made = fixture_.run(
        connect(loop(), ConnectOptions{.host = host, .port = listener.port(), .deadline = kLong}));
    ASSERT_TRUE(made.has_value()) << made.error().text();
    auto accepted = fixture_.run(listener.accept()).value();
    EXPECT_EQ(made->peer().text, "127.0.0.1:" + std::to_string(listener.port()));
    EXPECT_EQ(accepted.peer().host, "127.0.0.1");
    EXPECT_TRUE(made->peer().is_loopback);
    made->write("hello");
    EXPECT_EQ(fixture_.run(read_bytes(&accepted, 5)).value(), "hello");
  }
}

TEST_F(ConnectTest, AnAddressThatRefusesLetsTheNextOneStartAtOnce) {
  auto listener = Listener::tcp(loop(), "127.0.0.1", 0).value();
  std::vector<Address> addresses(20, refusing(loop()));
  addresses.push_back(address_of(listener));
  const auto made = connect_to(addresses);
  ASSERT_TRUE(made.has_value()) << made.error().text();
  EXPECT_LT(took_, 20 * 250ms) << "a quarter of a second for each that refused";
}

TEST_F(ConnectTest, AnAddressThatDoesNotAnswerDelaysTheNextOneByAQuarterOfASecond) {
  const BlackHole hole;
  auto listener = Listener::tcp(loop(), "127.0.0.1", 0).value();
  const auto made = connect_to({hole.address(), address_of(listener)});
  ASSERT_TRUE(made.has_value()) << made.error().text();
  EXPECT_EQ(made->peer().text, address_of(listener).text());
  EXPECT_GE(took_, 250ms);
  EXPECT_LT(took_, 5s);
}

TEST_F(ConnectTest, WhenAllFailTheErrorListsWhatWasTried) {
  const Address one = refusing(loop());
  const Address two = refusing(loop());
  const auto made = connect_to({one, two});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), Errc::kUnavailable);
  EXPECT_EQ(made.error().text(), "cannot connect: " + one.text() + ": Connection refused; " +
                                     two.text() + ": Connection refused");
}

TEST_F(ConnectTest, TheFamiliesTakeTurns) {
  if (!Listener::tcp(loop(), "::1", 0)) GTEST_SKIP() << "this machine has no IPv6";
  const Address six1 = refusing(loop(), "::1");
  const Address six2 = refusing(loop(), "::1");
  const Address four = refusing(loop());
  const auto made = connect_to({six1, six2, four});
  ASSERT_FALSE(made.has_value());
  const std::string& text = made.error().text();
  EXPECT_LT(text.find(six1.text()), text.find(four.text()));
  EXPECT_LT(text.find(four.text()), text.find(six2.text()));
}

TEST_F(ConnectTest, ABlackHoleAloneTimesOutAndAStopCancels) {
  const BlackHole hole;
  auto made = connect_to({hole.address()}, 20ms);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), Errc::kTimeout);
  EXPECT_THAT(made.error().text(), HasSubstr(hole.address().text() + ": no answer"));
  EXPECT_LT(took_, 5s);

  // The deadline comes before the second attempt would start_.
  made = connect_to({hole.address(), refusing(loop())}, 20ms);
  EXPECT_EQ(made.error().code(), Errc::kTimeout);

  std::stop_source stop;
  loop()->post_after(2ms, [&] { stop.request_stop(); });
  made = connect_to({hole.address(), hole.address()}, kLong, stop.get_token());
  EXPECT_EQ(made.error().code(), Errc::kCancelled);
  EXPECT_LT(took_, 5s);
}

TEST_F(ConnectTest, NoAddressIsAnError) {
  EXPECT_EQ(connect_to({}).error().code(), Errc::kUnavailable);
}

TEST_F(ConnectTest, ANameThatDoesNotExistSaysSo) {
  // Too long a label: refused without asking the network.
  const std::string host = std::string(70, 'a') + ".invalid";
  const auto made =
      fixture_.run(connect(loop(), ConnectOptions{.host = host, .port = 993, .deadline = kLong}));
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), Errc::kUnavailable);
  EXPECT_THAT(made.error().text(), HasSubstr("cannot resolve \"" + host + "\""));
}

TEST_F(ConnectTest, ALookUpCanBeCancelledAndItsAnswerComingLateHarmsNobody) {
  std::stop_source stop;
  loop()->post([&] { stop.request_stop(); });
  const auto found = fixture_.run(resolve(loop(), "localhost", 1, kLong, stop.get_token()));
  // The answer may have been faster.
  if (!found) EXPECT_EQ(found.error().code(), Errc::kCancelled);
  EXPECT_EQ(fixture_.run(resolve(loop(), "localhost", 1, 0ms)).error().code(), Errc::kTimeout);
  EXPECT_EQ(fixture_.run(resolve(loop(), "::1", 1, 0ms)).value().front().text(), "[::1]:1");
}

TEST_F(ConnectTest, ConnectsToAUnixSocket) {
  const support::TempDir folder;
  const std::string path = folder / "socket";
  const auto missing = fixture_.run(connect_unix(loop(), path, kLong));
  EXPECT_EQ(missing.error().code(), Errc::kUnavailable);
  EXPECT_THAT(missing.error().text(), HasSubstr(path));

  auto listener = Listener::unix_socket(loop(), path).value();
  const auto [made, accepted] =
      fixture_.run(both(loop(), connect_unix(loop(), path, kLong), listener.accept()));
  ASSERT_TRUE(made.has_value()) << made.error().text();
  EXPECT_EQ(made->peer().text, "unix:" + path);
  EXPECT_TRUE(accepted->peer().is_loopback);
}

}  // namespace
}  // namespace net
