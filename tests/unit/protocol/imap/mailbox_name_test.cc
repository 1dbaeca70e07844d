#include "protocol/imap/mailbox_name.h"

#include <gtest/gtest.h>

#include <string>

namespace imap {
namespace {

TEST(MailboxNameTest, InboxIsOneNameInAnyCase) {
  EXPECT_EQ(*MailboxName::make("iNbOx"), MailboxName::inbox());
  EXPECT_EQ(*MailboxName::from_client("inbox", false), MailboxName::inbox());
  EXPECT_EQ(MailboxName::from_server("Inbox", false), MailboxName::inbox());
  EXPECT_EQ(MailboxName::inbox().wire(false), "INBOX");
  EXPECT_TRUE(MailboxName::inbox().is_inbox());
  EXPECT_EQ(MailboxName::make("inbox/a")->utf8(), "inbox/a") << "only the name itself";
}

TEST(MailboxNameTest, RefusesWhatIsNoName) {
  EXPECT_FALSE(MailboxName::make(""));
  EXPECT_FALSE(MailboxName::make(std::string_view("a\0b", 3)));
  EXPECT_FALSE(MailboxName::make("\xff"));
  EXPECT_EQ(MailboxName::make(std::string(1'001, 'a')).error().code(), Errc::kLimit);
  EXPECT_TRUE(MailboxName::make(std::string(1'000, 'a')));
  EXPECT_EQ(MailboxName::from_client(std::string(60'000, '&'), false).error().code(), Errc::kLimit);
}

TEST(MailboxNameTest, ClientsMustWriteTheOneForm) {
  EXPECT_EQ(MailboxName::from_client("Entw&APw-rfe", false)->utf8(), "Entw\xc3\xbcrfe");
  EXPECT_FALSE(MailboxName::from_client("R&D", false));
  EXPECT_FALSE(MailboxName::from_client("Entw\xc3\xbcrfe", false));
  EXPECT_EQ(MailboxName::from_client("R&D", true)->utf8(), "R&D");
  EXPECT_EQ(MailboxName::from_client("Entw\xc3\xbcrfe", true)->utf8(), "Entw\xc3\xbcrfe");
}

TEST(MailboxNameTest, AServersNameGoesBackAsItCame) {
  for (const std::string wire : {"INBOX.Sent", "Entw&APw-rfe", "R&D", "R&-D", "&AGE-", "\xe9t\xe9",
                                 "\xc3\xa9", "&AOk", "a\tb", "&AAk-", ""}) {
    const MailboxName name = MailboxName::from_server(wire, false);
    EXPECT_EQ(name.wire(false), wire);
  }
  EXPECT_FALSE(MailboxName::from_server("Entw&APw-rfe", false).has_raw());
  EXPECT_TRUE(MailboxName::from_server("R&D", false).has_raw());
  EXPECT_NE(MailboxName::from_server("R&D", false), MailboxName::from_server("R&-D", false))
      << "two mailboxes on the server stay two here";
}

TEST(MailboxNameTest, IsAnAstring) {
  Lexer lexer("\"Sent Mail\" x");
  const auto name = decode_mailbox(lexer);
  ASSERT_TRUE(name);
  EXPECT_EQ(name->utf8(), "Sent Mail");
  std::string out;
  Writer writer(out);
  encode_mailbox(writer, *name);
  encode_mailbox(writer, MailboxName::inbox());
  EXPECT_EQ(out, "\"Sent Mail\"INBOX");
  Lexer broken("&a");
  EXPECT_FALSE(decode_mailbox(broken));
  EXPECT_EQ(broken.position(), 0U);
}

struct PatternCase {
  const char* name;
  std::string_view pattern;
  std::string_view mailbox;
  bool matches;
};

constexpr PatternCase kPatterns[] = {
    {"Exact", "Work", "Work", true},
    {"CaseMatters", "work", "Work", false},
    {"Star", "*", "Work/2024/May", true},
    {"StarMatchesNothing", "Work*", "Work", true},
    {"PercentStopsAtTheSeparator", "%", "Work/2024", false},
    {"PercentOneLevel", "%", "Work", true},
    {"PercentMatchesNothing", "Work%", "Work", true},
    {"PercentBelow", "Work/%", "Work/2024", true},
    {"PercentNotTwoLevels", "Work/%", "Work/2024/May", false},
    {"TwoPercents", "%/%", "Work/2024", true},
    {"StarThenText", "*May", "Work/2024/May", true},
    {"StarThenOtherText", "*June", "Work/2024/May", false},
    {"PercentThenStar", "%*", "Work/2024/May", true},
    {"InboxIgnoresCase", "inbox", "INBOX", true},
    {"InboxLevelIgnoresCase", "inbox/%", "INBOX/a", true},
    {"NotAnInboxLevel", "inboxes", "INBOXes", false},
    {"EmptyPattern", "", "Work", false},
    {"EmptyBoth", "", "", true},
    {"Suffix", "a", "ab", false},
};

class ListPatternTest : public testing::TestWithParam<PatternCase> {};

TEST_P(ListPatternTest, Matches) {
  EXPECT_EQ(matches_list_pattern(GetParam().pattern, GetParam().mailbox), GetParam().matches);
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, ListPatternTest, testing::ValuesIn(kPatterns),
                         [](const auto& info) { return info.param.name; });

TEST(ListPatternTest, UsesTheGivenSeparator) {
  EXPECT_TRUE(matches_list_pattern("%", "a/b", '.'));
  EXPECT_FALSE(matches_list_pattern("%", "a.b", '.'));
}

// Backtracking would need longer than the universe has.
TEST(ListPatternTest, ManyWildcardsTakeNoLonger) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a%";
  const std::string name(1'000, 'a');
  EXPECT_TRUE(matches_list_pattern(pattern, name));
  EXPECT_FALSE(matches_list_pattern(pattern + "b", name));
}

}  // namespace
}  // namespace imap
