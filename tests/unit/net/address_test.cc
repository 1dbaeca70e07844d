#include "net/address.h"

#include <gtest/gtest.h>

namespace net {
namespace {

struct Case {
  const char* name;
  std::string_view input;
  std::string_view text;  // empty: no address
  bool loopback;
};
constexpr Case kCases[] = {
    {"Ipv4", "192.0.2.7", "192.0.2.7:993", false},
    {"Ipv4Loopback", "127.0.0.1", "127.0.0.1:993", true},
    {"AllOf127IsLoopback", "127.1.2.3", "127.1.2.3:993", true},
    {"Ipv6", "2001:db8::7", "[2001:db8::7]:993", false},
    {"Ipv6InBrackets", "[2001:db8::7]", "[2001:db8::7]:993", false},
    {"Ipv6Loopback", "::1", "[::1]:993", true},
    {"MappedLoopback", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]:993", true},
    {"MappedOther", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:993", false},
    {"WithANumericZone", "fe80::1%1", "[fe80::1]:993", false},
    {"Any", "0.0.0.0", "0.0.0.0:993", false},
    {"Name", "localhost", "", false},
    {"Empty", "", "", false},
    {"ShortIpv4", "127.1", "", false},
    {"NoSuchZone", "fe80::1%no-such-interface", "", false},
    {"ZoneOnIpv4", "127.0.0.1%1", "", false},
};
class AddressTest : public testing::TestWithParam<Case> {};
TEST_P(AddressTest, ReadsNumericAddressesAndNothingElse) {
  const auto [name, input, text, loopback] = GetParam();
  const std::optional<Address> got = Address::parse(input, 993);
  ASSERT_EQ(got.has_value(), !text.empty());
  if (!got) return;
  EXPECT_EQ(got->text(), text);
  EXPECT_EQ(got->is_loopback(), loopback);
  EXPECT_EQ(got->port(), 993);
  EXPECT_EQ(Address::from(got->raw()).text(), text);
}
INSTANTIATE_TEST_SUITE_P(All, AddressTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace net
