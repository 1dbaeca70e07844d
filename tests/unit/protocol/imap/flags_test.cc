#include "protocol/imap/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace imap {
namespace {

using testing::ElementsAre;

struct Case {
  const char* name;
  Dialect dialect;
  std::string_view input;
  bool valid;
  std::string_view encoded;
};

constexpr auto kStrict = Dialect::kStrict;
constexpr auto kTolerant = Dialect::kTolerant;

constexpr Case kCases[] = {
    {"Empty", kStrict, "()", true, "()"},
    {"System", kStrict, "(\\seen \\DELETED \\Answered)", true, "(\\Answered \\Deleted \\Seen)"},
    {"Keywords", kStrict, "($Forwarded NonJunk)", true, "($Forwarded NonJunk)"},
    {"DoublesIgnoreCase", kStrict, "(a A \\Seen \\seen b)", true, "(\\Seen a b)"},
    {"RecentFromAClient", kStrict, "(\\Recent)", false, ""},
    {"WildcardFromAClient", kStrict, "(\\*)", false, ""},
    {"UnknownSystemFlag", kStrict, "(\\Foo)", false, ""},
    {"NotAnAtom", kStrict, "(a\"b)", false, ""},
    {"Bracket", kStrict, "(a])", false, ""},
    {"TwoSpaces", kStrict, "(a  b)", false, ""},
    {"TrailingSpace", kStrict, "(a )", false, ""},
    {"NoEnd", kStrict, "(a", false, ""},
    {"Nil", kStrict, "NIL", false, ""},
    {"Permanent", kTolerant, "(\\Seen \\* $Label1)", true, "(\\Seen $Label1 \\*)"},
    {"Recent", kTolerant, "(\\Recent \\Seen)", true, "(\\Seen \\Recent)"},
    {"Extension", kTolerant, "(\\Important)", true, "(\\Important)"},
    {"NilFromAServer", kTolerant, "NIL", true, "()"},
    {"Spaces", kTolerant, "(  \\Seen  a )", true, "(\\Seen a)"},
    {"InQuotes", kTolerant, "(\"\\Seen\" \"x\")", true, "(\\Seen x)"},
    {"NilAmongThem", kTolerant, "(a NIL \"nil\" b)", true, "(a b)"},
    {"NoFlagAtAll", kTolerant, "([x] \xe9 ok {)", true, "(ok)"},
    {"Nested", kTolerant, "((a))", false, ""},
    {"NoEndFromAServer", kTolerant, "(a", false, ""},
};

class FlagListTest : public testing::TestWithParam<Case> {};

TEST_P(FlagListTest, DecodesThenEncodesCanonically) {
  const auto& [name, dialect, input, valid, encoded] = GetParam();
  Lexer lexer(input, {.dialect = dialect});
  const auto flags = decode_flag_list(lexer);
  ASSERT_EQ(flags.has_value(), valid);
  if (!valid) return;
  EXPECT_TRUE(lexer.at_end());
  std::string out;
  Writer writer(out);
  encode_flag_list(writer, *flags);
  EXPECT_EQ(out, encoded);
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, FlagListTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(SystemFlagsTest, IsASetOfBits) {
  SystemFlags flags = {SystemFlag::kSeen, SystemFlag::kDraft};
  EXPECT_EQ(flags.bits(), 0x18);
  flags.remove(SystemFlag::kDraft);
  EXPECT_TRUE(flags.has(SystemFlag::kSeen));
  EXPECT_FALSE(flags.has(SystemFlag::kDraft));
  EXPECT_EQ(flags | SystemFlags{SystemFlag::kDeleted}, SystemFlags::from_bits(0x0c));
  EXPECT_EQ(SystemFlags::all() - flags, SystemFlags::from_bits(0x17));
  EXPECT_EQ(SystemFlags::from_bits(0xff), SystemFlags::all());
}

TEST(FlagListTest, KeepsTheFirstSpelling) {
  FlagList flags;
  flags.add_keyword("$Junk");
  flags.add_keyword("$junk");
  EXPECT_THAT(flags.keywords, ElementsAre("$Junk"));
  EXPECT_TRUE(flags.has_keyword("$JUNK"));
}

TEST(FlagListTest, LimitsNumberAndLength) {
  Lexer many("(a b c)");
  EXPECT_EQ(decode_flag_list(many, 2).error().code(), Errc::kLimit);
  const std::string input = "(" + std::string(256, 'k') + ")";
  Lexer longer(input);
  EXPECT_EQ(decode_flag_list(longer).error().code(), Errc::kLimit);
  EXPECT_TRUE(is_keyword(std::string(255, 'k')));
  EXPECT_FALSE(is_keyword("\\Seen"));
  EXPECT_FALSE(is_keyword(""));
}

}  // namespace
}  // namespace imap
