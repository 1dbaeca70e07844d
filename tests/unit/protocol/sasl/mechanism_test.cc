#include "protocol/sasl/mechanism.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace sasl {
namespace {

using Offer = std::vector<std::string>;

TEST(MechanismTest, NamesGoThereAndBack) {
  for (const Mechanism mechanism :
       {Mechanism::kPlain, Mechanism::kLogin, Mechanism::kScramSha1, Mechanism::kScramSha256,
        Mechanism::kOauthbearer, Mechanism::kXoauth2}) {
    EXPECT_EQ(mechanism_named(name_of(mechanism)), mechanism);
  }
  EXPECT_EQ(mechanism_named("scram-sha-256"), Mechanism::kScramSha256);
  for (const char* name : {"", "PLAI", "PLAINX", "SCRAM-SHA-256-PLUS", "CRAM-MD5"}) {
    EXPECT_EQ(mechanism_named(name), std::nullopt) << name;
  }
}

TEST(PickMechanismTest, TakesTheStrongestOffered) {
  const PickOptions safe{.is_protected = true};
  EXPECT_EQ(pick_mechanism(Offer{"LOGIN", "PLAIN", "SCRAM-SHA-1", "scram-sha-256"}, safe),
            Mechanism::kScramSha256);
  EXPECT_EQ(pick_mechanism(Offer{"PLAIN", "LOGIN", "SCRAM-SHA-1"}, safe), Mechanism::kScramSha1);
  EXPECT_EQ(pick_mechanism(Offer{"LOGIN", "PLAIN", "XOAUTH2"}, safe), Mechanism::kPlain);
  EXPECT_EQ(pick_mechanism(Offer{"GSSAPI", "LOGIN"}, safe), Mechanism::kLogin);
}

TEST(PickMechanismTest, ATokenNeedsAMechanismForIt) {
  const PickOptions token{.is_protected = true, .has_token = true};
  EXPECT_EQ(pick_mechanism(Offer{"PLAIN", "XOAUTH2", "OAUTHBEARER"}, token),
            Mechanism::kOauthbearer);
  EXPECT_EQ(pick_mechanism(Offer{"PLAIN", "XOAUTH2"}, token), Mechanism::kXoauth2);
  EXPECT_EQ(pick_mechanism(Offer{"PLAIN", "SCRAM-SHA-256"}, token).error().code(), Errc::kNotFound);
}

TEST(PickMechanismTest, NoSecretIsShownWithoutProtection) {
  EXPECT_EQ(pick_mechanism(Offer{"PLAIN", "LOGIN"}, {}).error().code(), Errc::kPermission);
  EXPECT_EQ(pick_mechanism(Offer{"PLAIN", "SCRAM-SHA-256"}, {}), Mechanism::kScramSha256);
  EXPECT_EQ(pick_mechanism(Offer{"XOAUTH2"}, {.has_token = true}).error().code(),
            Errc::kPermission);
  EXPECT_EQ(
      pick_mechanism(Offer{"PLAIN", "SCRAM-SHA-256"}, {.wanted = Mechanism::kPlain}).error().code(),
      Errc::kPermission);
}

TEST(PickMechanismTest, WhatIsWantedIsTakenOrNothing) {
  const PickOptions plain{.wanted = Mechanism::kPlain, .is_protected = true};
  EXPECT_EQ(pick_mechanism(Offer{"SCRAM-SHA-256", "PLAIN"}, plain), Mechanism::kPlain);
  const auto missing = pick_mechanism(Offer{"SCRAM-SHA-256", "evil\r\nname"}, plain);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Errc::kNotFound);
  EXPECT_EQ(missing.error().text(),
            "the server does not offer PLAIN (it offers SCRAM-SHA-256 evil??name)");
  EXPECT_THAT(pick_mechanism(Offer{}, plain).error().text(), testing::HasSubstr("offers nothing"));
}

}  // namespace
}  // namespace sasl
