#include "protocol/imap/capability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace imap {
namespace {

using testing::ElementsAre;

Capabilities of(std::vector<std::string> names) { return Capabilities(names); }

TEST(CapabilitiesTest, KnowsWhatWasSaidInAnyCase) {
  const Capabilities caps = of({"imap4REV1", "Literal+", "X-FOO", "LITERAL+"});
  EXPECT_TRUE(caps.has(Capability::kImap4rev1));
  EXPECT_TRUE(caps.has(Capability::kLiteralPlus));
  EXPECT_FALSE(caps.has(Capability::kLiteralMinus));
  EXPECT_TRUE(caps.has("x-foo"));
  EXPECT_THAT(caps.names(), ElementsAre("imap4REV1", "Literal+", "X-FOO"));
}

TEST(CapabilitiesTest, FollowsImplications) {
  EXPECT_TRUE(of({"QRESYNC"}).has(Capability::kCondstore));
  EXPECT_FALSE(of({"CONDSTORE"}).has(Capability::kQresync));
  EXPECT_TRUE(of({"UTF8=ONLY"}).has(Capability::kUtf8Accept));
}

TEST(CapabilitiesTest, ForgetsALie) {
  Capabilities caps = of({"QRESYNC", "IDLE"});
  caps.remove(Capability::kQresync);
  EXPECT_FALSE(caps.has(Capability::kQresync));
  EXPECT_FALSE(caps.has(Capability::kCondstore)) << "nothing implies it any more";
  EXPECT_TRUE(caps.has(Capability::kIdle));
}

TEST(CapabilitiesTest, ListsMechanisms) {
  const Capabilities caps = of({"AUTH=PLAIN", "auth=XOAUTH2", "AUTHX"});
  EXPECT_THAT(caps.mechanisms(), ElementsAre("PLAIN", "XOAUTH2"));
  EXPECT_TRUE(caps.has_mechanism("xoauth2"));
  EXPECT_FALSE(caps.has_mechanism("LOGIN"));
}

TEST(CapabilitiesTest, ReadsTheAppendLimit) {
  EXPECT_EQ(of({"APPENDLIMIT=35651584"}).append_limit(), 35'651'584U);
  EXPECT_TRUE(of({"APPENDLIMIT=35651584"}).has(Capability::kAppendLimit));
  EXPECT_EQ(of({"APPENDLIMIT"}).append_limit(), std::nullopt);
  EXPECT_EQ(of({"APPENDLIMIT=x"}).append_limit(), std::nullopt);
}

TEST(CapabilitiesTest, EveryCapabilityHasAName) {
  for (int i = 0; i <= static_cast<int>(Capability::kXList); ++i) {
    const auto capability = static_cast<Capability>(i);
    Capabilities caps;
    caps.add(capability);
    EXPECT_TRUE(caps.has(capability)) << i;
  }
}

}  // namespace
}  // namespace imap
