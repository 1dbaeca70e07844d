#include "upstream/profiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "upstream/answers.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;

struct ProfileCase {
  const char* host;
  const char* greeting;
  const char* id;
  const char* capability;
  const char* name;  // empty: no profile
};
class ProfilesTest : public testing::TestWithParam<ProfileCase> {};

TEST_P(ProfilesTest, AreRecognized) {
  const ProfileCase& one = GetParam();
  const std::vector<std::string> names = {"IMAP4rev1", one.capability};
  const imap::Capabilities capabilities{std::span<const std::string>(names)};
  EXPECT_EQ(recognize({one.host, one.greeting, one.id, &capabilities}).name, one.name);
}

INSTANTIATE_TEST_SUITE_P(
    All, ProfilesTest,
    testing::Values(ProfileCase{"imap.gmail.com", "Gimap ready", "", "IDLE", "Gmail"},
                    ProfileCase{"mail.example.org", "ready", "", "X-GM-EXT-1", "Gmail"},
                    ProfileCase{"imap.mail.me.com", "ready", "", "IDLE", "iCloud"},
                    ProfileCase{"Outlook.Office365.com", "ready", "", "IDLE", "Exchange"},
                    ProfileCase{"mail.example.org",
                                "The Microsoft Exchange IMAP4 service is ready.", "", "IDLE",
                                "Exchange"},
                    ProfileCase{"imap.163.com", "ready", "", "ID", "Coremail"},
                    ProfileCase{"mail.example.org", "ready", "Coremail ", "ID", "Coremail"},
                    ProfileCase{"mail.example.org", "Dovecot ready.", "", "IDLE", "Dovecot"},
                    ProfileCase{"localhost", "ready", "Proton Mail Bridge ", "ID", "Proton Bridge"},
                    // The end of a name, not a part of it.
                    ProfileCase{"notgmail.com", "ready", "", "IDLE", ""},
                    ProfileCase{"gmail.com.example.org", "ready", "", "IDLE", ""}));

TEST(ProfilesTest, NeverUsesTheQresyncOfICloud) {
  const Profile& profile = recognize({"imap.mail.me.com", "", "", nullptr});
  EXPECT_NE(std::ranges::find(profile.faulty, imap::Capability::kQresync), profile.faulty.end());
}

struct ThrottleCase {
  const char* text;
  std::chrono::milliseconds wait;  // 0: not throttled
};
class ThrottleTest : public testing::TestWithParam<ThrottleCase> {};

TEST_P(ThrottleTest, IsObeyedAndCapped) {
  const auto found = throttle_of(Error(Errc::kUnavailable, GetParam().text));
  EXPECT_EQ(found.value_or(0ms), GetParam().wait) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    All, ThrottleTest,
    testing::Values(
        ThrottleCase{"BAD Request is throttled. Suggested Backoff Time: 5000 milliseconds", 5s},
        ThrottleCase{"Request is throttled. Suggested Backoff Time: 99999999 milliseconds", 1h},
        ThrottleCase{"Suggested Backoff Time: 99999999999999999999999 milliseconds", 1h},
        ThrottleCase{"Request is throttled. Suggested Backoff Time: soon", 1min},
        ThrottleCase{"FETCH: NO [THROTTLED] slow down", 1min},
        ThrottleCase{"SELECT: NO [LIMIT] hit", 1min}, ThrottleCase{"no such mailbox", 0ms}));

TEST(ThrottleTest, IsToldByTheResponseCodeAlone) {
  Answer answer;
  answer.condition = imap::Condition::kNo;
  answer.text.code = imap::Code::kThrottled;
  answer.text.text = "later";
  EXPECT_TRUE(throttle_of(error_of(answer, "FETCH")));
}

}  // namespace
}  // namespace upstream
