#include "protocol/imap/fetch_item.h"

#include <gtest/gtest.h>

#include <string>

namespace imap {
namespace {

struct Case {
  const char* name;
  std::string_view input;
  bool valid;
  std::string_view encoded;
};

constexpr Case kCases[] = {
    // RFC 3501 6.4.5
    {"One", "flags", true, "FLAGS"},
    {"OneInParentheses", "(UID)", true, "UID"},
    {"Several", "(UID FLAGS)", true, "(UID FLAGS)"},
    {"Fast", "FAST", true, "(FLAGS INTERNALDATE RFC822.SIZE)"},
    {"All", "all", true, "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"},
    {"Full", "FULL", true, "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)"},
    {"MacroInAList", "(ALL)", false, ""},
    {"MacroWithMore", "(FLAGS FAST)", false, ""},
    {"Body", "BODY", true, "BODY"},
    {"BodyStructure", "(BODYSTRUCTURE BODY)", true, "(BODYSTRUCTURE BODY)"},
    {"BodySection", "BODY[]", true, "BODY[]"},
    {"BodyPeek", "body.peek[1.2.mime]", true, "BODY.PEEK[1.2.MIME]"},
    {"Partial", "BODY.PEEK[TEXT]<0.100>", true, "BODY.PEEK[TEXT]<0.100>"},
    {"PeekWithoutSection", "BODY.PEEK", false, ""},
    {"BodyX", "BODYX", false, ""},
    {"Rfc822", "(RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE)", true,
     "(RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE)"},
    {"Rfc822Peek", "RFC822.PEEK", false, ""},
    {"Extensions", "(MODSEQ EMAILID THREADID)", true, "(MODSEQ EMAILID THREADID)"},
    {"GmailIsNotForClients", "X-GM-MSGID", false, ""},
    {"Doubles", "(UID FLAGS UID)", true, "(UID FLAGS)"},
    {"Empty", "()", false, ""},
    {"TwoSpaces", "(UID  FLAGS)", false, ""},
    {"NoEnd", "(UID", false, ""},
    {"Unknown", "FOO", false, ""},
};

class FetchItemTest : public testing::TestWithParam<Case> {};

TEST_P(FetchItemTest, DecodesThenEncodesCanonically) {
  Lexer lexer(GetParam().input);
  const auto items = decode_fetch_items(lexer);
  const bool valid = items && lexer.at_end();
  ASSERT_EQ(valid, GetParam().valid);
  if (!valid) return;
  std::string out;
  Writer writer(out);
  encode_fetch_items(writer, *items);
  EXPECT_EQ(out, GetParam().encoded);
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, FetchItemTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(FetchItemTest, KnowsWhatSetsSeen) {
  EXPECT_TRUE(FetchItem::body({}, false).sets_seen());
  EXPECT_FALSE(FetchItem::body({}, true).sets_seen());
  EXPECT_TRUE(FetchItem{.kind = FetchKind::kRfc822}.sets_seen());
  EXPECT_TRUE(FetchItem{.kind = FetchKind::kRfc822Text}.sets_seen());
  EXPECT_FALSE(FetchItem{.kind = FetchKind::kRfc822Header}.sets_seen());
  EXPECT_FALSE(FetchItem{.kind = FetchKind::kBody}.sets_seen());
}

TEST(FetchItemTest, LimitsTheirNumber) {
  Lexer lexer("(BODY[1] BODY[2] BODY[3])");
  EXPECT_EQ(decode_fetch_items(lexer, 2).error().code(), Errc::kLimit);
}

TEST(FetchItemTest, WritesGmailItemsForUpstream) {
  std::string out;
  Writer writer(out);
  encode_fetch_items(writer, {{.kind = FetchKind::kUid}, {.kind = FetchKind::kGmailMessageId}});
  EXPECT_EQ(out, "(UID X-GM-MSGID)");
}

}  // namespace
}  // namespace imap
