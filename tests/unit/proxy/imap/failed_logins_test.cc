#include "proxy/imap/failed_logins.h"

#include <gtest/gtest.h>

namespace proxy {
namespace {

using namespace std::chrono_literals;

class FailedLoginsTest : public testing::Test {
 protected:
  std::chrono::milliseconds wait(std::string_view host) {
    return failed_.wait_of(host, 3, 2s, now_);
  }
  void note(std::string_view host, int times) {
    for (int i = 0; i < times; ++i) failed_.note(host, now_);
  }

  FailedLogins failed_;
  FailedLogins::Clock::time_point now_ = FailedLogins::Clock::now();
};

TEST_F(FailedLoginsTest, SomeAreAllowedThenTheWaitGrowsUpToALimit) {
  note("192.0.2.1", 2);
  EXPECT_EQ(wait("192.0.2.1"), 0s);
  note("192.0.2.1", 1);
  EXPECT_EQ(wait("192.0.2.1"), 2s);
  note("192.0.2.1", 2);
  EXPECT_EQ(wait("192.0.2.1"), 6s);
  note("192.0.2.1", 10'000);
  EXPECT_EQ(wait("192.0.2.1"), FailedLogins::kLongestWait);
  EXPECT_EQ(wait("192.0.2.2"), 0s) << "another address";
}

TEST_F(FailedLoginsTest, IsForgottenAfterAWhileAndWithALoginThatWorks) {
  note("192.0.2.1", 3);
  note("192.0.2.2", 3);
  failed_.forget("192.0.2.1");
  EXPECT_EQ(wait("192.0.2.1"), 0s);
  now_ += FailedLogins::kMemory - 1s;
  EXPECT_EQ(wait("192.0.2.2"), 2s);
  note("192.0.2.2", 1);  // begins anew
  now_ += FailedLogins::kMemory - 1s;
  EXPECT_EQ(wait("192.0.2.2"), 4s);
  now_ += 1s;
  EXPECT_EQ(wait("192.0.2.2"), 0s);
  EXPECT_EQ(failed_.size(), 0U);
}

TEST_F(FailedLoginsTest, AnIpv6HostIsItsNetworkAndAMappedAddressIsIpv4) {
  note("2001:db8:0:1::1", 1);
  note("2001:db8:0:1:ffff::2", 1);
  note("2001:db8:0:1::3", 1);
  EXPECT_EQ(wait("2001:db8:0:1:abcd::"), 2s);
  EXPECT_EQ(wait("2001:db8:0:2::1"), 0s);
  note("::ffff:192.0.2.7", 3);
  EXPECT_EQ(wait("::ffff:192.0.2.7"), 2s);
  EXPECT_EQ(wait("::ffff:192.0.2.8"), 0s);
}

TEST_F(FailedLoginsTest, RemembersABoundedNumberTheLatestOnes) {
  for (std::size_t i = 0; i < FailedLogins::kMost + 1'000; ++i) {
    note("10." + std::to_string(i / 62'500) + "." + std::to_string(i / 250 % 250) + "." +
             std::to_string(i % 250),
         3);
  }
  EXPECT_EQ(failed_.size(), FailedLogins::kMost);
  EXPECT_EQ(wait("10.0.0.0"), 0s);
  EXPECT_EQ(wait("10.0.20.0"), 2s);
}

}  // namespace
}  // namespace proxy
