#include "net/listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "net/connect.h"
#include "net/descriptor.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/net/streams.h"

namespace net {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::both;
using ::testing::HasSubstr;
using testing::kLong;
using testing::read_bytes;

class ListenerTest : public ::testing::Test {
 protected:
  Loop* loop() { return fixture_.loop(); }
  Result<Connection> dial(const Listener& listener, const char* host = "127.0.0.1") {
    return fixture_.run(
        connect(loop(), ConnectOptions{.host = host, .port = listener.port(), .deadline = kLong}));
  }
  LoopFixture fixture_;
  support::TempDir folder_;
};

TEST_F(ListenerTest, TakesAFreePortAndAcceptsManyConnections) {
  auto listener = Listener::tcp(loop(), "127.0.0.1", 0).value();
  EXPECT_GT(listener.port(), 0);
  EXPECT_EQ(listener.text(), "127.0.0.1:" + std::to_string(listener.port()));
  std::vector<Connection> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(dial(listener).value());
  for (Connection& client : clients) {
    Connection server = fixture_.run(listener.accept()).value();
    server.write("hi");
    EXPECT_EQ(fixture_.run(read_bytes(&client, 2)).value(), "hi");
  }
}

TEST_F(ListenerTest, ListensOnIpv6Too) {
  auto listener = Listener::tcp(loop(), "::1", 0);
  if (!listener) GTEST_SKIP() << "this machine has no IPv6";
  auto made = dial(*listener, "::1");
  ASSERT_TRUE(made.has_value()) << made.error().text();
  EXPECT_EQ(fixture_.run(listener->accept()).value().peer().host, "::1");
}

TEST_F(ListenerTest, ATakenPortIsOneClearError) {
  auto first = Listener::tcp(loop(), "127.0.0.1", 0).value();
  const auto second = Listener::tcp(loop(), "127.0.0.1", first.port());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Errc::kAlreadyExists);
  EXPECT_THAT(second.error().text(), AllOf(HasSubstr(first.text()), HasSubstr("another port")));
}

TEST_F(ListenerTest, AnAddressThatIsNoneOrNotOursIsRefused) {
  EXPECT_EQ(Listener::tcp(loop(), "localhost", 0).error().code(), Errc::kInvalid);
  const auto foreign = Listener::tcp(loop(), "192.0.2.1", 0);
  ASSERT_FALSE(foreign.has_value());
  EXPECT_EQ(foreign.error().code(), Errc::kInvalid);
  EXPECT_THAT(foreign.error().text(), HasSubstr("does not have that address"));
}

TEST_F(ListenerTest, AWaitingAcceptIsCancelledAndCanBeAskedAgain) {
  auto listener = Listener::tcp(loop(), "127.0.0.1", 0).value();
  std::stop_source stop;
  loop()->post_after(2ms, [&] { stop.request_stop(); });
  EXPECT_EQ(fixture_.run(listener.accept(stop.get_token())).error().code(), Errc::kCancelled);
  EXPECT_EQ(fixture_.run(listener.accept(stop.get_token())).error().code(), Errc::kCancelled);
  const auto made = dial(listener);
  EXPECT_TRUE(fixture_.run(listener.accept()).has_value());
}

TEST_F(ListenerTest, SurvivesRunningOutOfDescriptors) {
  auto listener = Listener::tcp(loop(), "127.0.0.1", 0).value();
  auto client = dial(listener).value();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const Descriptor highest(open("/dev/null", O_RDONLY | O_CLOEXEC));
  // Everything below is taken, so not one more can be had.
  rlimit lower = before;
  lower.rlim_cur = static_cast<rlim_t>(highest.get()) + 1;
  std::vector<Descriptor> holes;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
  for (int fd = 0; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) holes.emplace_back(fd);

  std::stop_source stop;
  loop()->post_after(20ms, [&] { stop.request_stop(); });
  EXPECT_EQ(fixture_.run(listener.accept(stop.get_token())).error().code(), Errc::kCancelled);
  loop()->post_after(20ms, [&] { setrlimit(RLIMIT_NOFILE, &before); });
  auto accepted = fixture_.run(listener.accept());
  ASSERT_TRUE(accepted.has_value()) << accepted.error().text();
  client.write("finally");
  EXPECT_EQ(fixture_.run(read_bytes(&*accepted, 7)).value(), "finally");
}

TEST_F(ListenerTest, AUnixSocketIsOursAloneAndItsFileGoesWithIt) {
  const std::string path = folder_ / "control";
  {
    auto listener = Listener::unix_socket(loop(), path).value();
    EXPECT_EQ(listener.text(), "unix:" + path);
    EXPECT_EQ(listener.port(), 0);
    struct stat info{};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ListenerTest, AStaleSocketFileIsReplaced) {
  const std::string path = folder_ / "control";
  {
    auto listener = Listener::unix_socket(loop(), path).value();
    // As after a crash: the file stays and nobody listens.
    std::filesystem::rename(path, folder_ / "kept");
  }
  std::filesystem::rename(folder_ / "kept", path);
  auto listener = Listener::unix_socket(loop(), path);
  ASSERT_TRUE(listener.has_value()) << listener.error().text();
  EXPECT_TRUE(fixture_.run(connect_unix(loop(), path, kLong)).has_value());
}

TEST_F(ListenerTest, ALivingSocketIsNotReplaced) {
  const std::string path = folder_ / "control";
  auto first = Listener::unix_socket(loop(), path).value();
  const auto second = Listener::unix_socket(loop(), path);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Errc::kAlreadyExists);
  EXPECT_THAT(second.error().text(), HasSubstr("another process answers"));
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ListenerTest, AFileThatIsNoSocketIsLeftAlone) {
  const std::string path = folder_ / "control";
  std::ofstream(path) << "precious";
  const auto listener = Listener::unix_socket(loop(), path);
  ASSERT_FALSE(listener.has_value());
  EXPECT_EQ(listener.error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(std::filesystem::file_size(path), 8);
}

TEST_F(ListenerTest, APathThatIsTooLongIsAnError) {
  const auto listener = Listener::unix_socket(loop(), folder_ / std::string(120, 'x'));
  ASSERT_FALSE(listener.has_value());
  EXPECT_EQ(listener.error().code(), Errc::kInvalid);
}

}  // namespace
}  // namespace net
