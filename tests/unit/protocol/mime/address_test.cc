#include "protocol/mime/address.h"

#include <gtest/gtest.h>

#include <string>

namespace mime {
namespace {

std::string show(const std::vector<imap::Address>& addresses) {
  const auto field = [](const imap::NString& text) { return text ? "'" + *text + "'" : "NIL"; };
  std::string out;
  for (const imap::Address& a : addresses) {
    if (!out.empty()) out += ", ";
    out += field(a.name) + " " + field(a.adl) + " " + field(a.mailbox) + " " + field(a.host);
  }
  return out;
}

struct Case {
  const char* name;
  std::string_view input;
  const char* expected;  // name, route, mailbox, host of each
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class AddressTest : public testing::TestWithParam<Case> {};
TEST_P(AddressTest, IsReadAs) {
  EXPECT_EQ(show(parse_addresses(GetParam().input, 100)), GetParam().expected);
}

constexpr Case kGood[] = {
    // RFC 5322 3.4 and appendix A
    {"Empty", "  ", ""},
    {"AddrSpec", "a@b.c", "NIL NIL 'a' 'b.c'"},
    {"AngleAddr", "<a@b.c>", "NIL NIL 'a' 'b.c'"},
    {"NameAddr", "John Doe <a@b.c>", "'John Doe' NIL 'a' 'b.c'"},
    {"QuotedName", R"("Joe \"Q.\" \\ Public" <a@b>)", R"('Joe "Q." \ Public' NIL 'a' 'b')"},
    {"CommaInQuotes", R"("Doe, John" <a@b>, c@d)", "'Doe, John' NIL 'a' 'b', NIL NIL 'c' 'd'"},
    {"NameInAComment", "a@b (Pete (his) \\) place)", "'Pete (his) ) place' NIL 'a' 'b'"},
    {"CommentsElsewhere", "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
     "'Pete' NIL 'pete' 'silly.test'"},
    {"EncodedWordsStay", "=?utf-8?q?A_B?= <a@b>", "'=?utf-8?q?A_B?=' NIL 'a' 'b'"},
    {"QuotedLocalPart", R"("a b"@c.d)", "NIL NIL 'a b' 'c.d'"},
    {"EmptyLocalPart", R"(""@c)", "NIL NIL '' 'c'"},
    {"DomainLiteral", "a@[127.0.0.1]", "NIL NIL 'a' '[127.0.0.1]'"},
    {"Folded", "Name\r\n\tMore <a@b>,\r\n Other <c@d>",
     "'Name More' NIL 'a' 'b', 'Other' NIL 'c' 'd'"},
    {"EightBit", "Jos\xe9 <a@b>", "'Jos\xe9' NIL 'a' 'b'"},
    {"WideBlanksInNames", "\"A   B\" <a@b>", "'A B' NIL 'a' 'b'"},
    // Groups (RFC 3501 7.4.2)
    {"Group", "My Group: a@b, C <c@d>;",
     "NIL NIL 'My Group' NIL, NIL NIL 'a' 'b', 'C' NIL 'c' 'd', NIL NIL NIL NIL"},
    {"EmptyGroup", "Undisclosed recipients:;",
     "NIL NIL 'Undisclosed recipients' NIL, NIL NIL NIL NIL"},
    {"GroupAmongOthers", "x@y, \"G\":a@b;, z@w",
     "NIL NIL 'x' 'y', NIL NIL 'G' NIL, NIL NIL 'a' 'b', NIL NIL NIL NIL, NIL NIL 'z' 'w'"},
    // Obsolete forms (RFC 5322 4.4)
    {"Route", "N <@r1.x,@r2.x:a@b>", "'N' '@r1.x,@r2.x' 'a' 'b'"},
    {"BlanksAroundDots", "a . b @ c . d", "NIL NIL 'a.b' 'c.d'"},
    {"QuotedWordInLocalPart", "<a.\"b c\".d@e>", "NIL NIL 'a.b c.d' 'e'"},
    {"DotInAName", "John Q. Public <a@b>", "'John Q. Public' NIL 'a' 'b'"},
    {"EmptyElements", ",a@b,, (x) ,c@d,", "NIL NIL 'a' 'b', NIL NIL 'c' 'd'"},
};
INSTANTIATE_TEST_SUITE_P(Good, AddressTest, testing::ValuesIn(kGood),
                         [](const auto& info) { return info.param.name; });

constexpr Case kBroken[] = {
    {"NoDomain", "root", "NIL NIL 'root' 'MISSING_DOMAIN'"},
    {"EmptyDomain", "a@", "NIL NIL 'a' 'MISSING_DOMAIN'"},
    {"NoMailbox", "@b", "NIL NIL 'MISSING_MAILBOX' 'b'"},
    {"OnlyAName", "two words", "'two words' NIL 'MISSING_MAILBOX' 'MISSING_DOMAIN'"},
    {"OnlyAQuotedName", "\"Name\"", "'Name' NIL 'MISSING_MAILBOX' 'MISSING_DOMAIN'"},
    {"EmptyAngle", "N <>", "'N' NIL 'MISSING_MAILBOX' 'MISSING_DOMAIN'"},
    {"NoDomainInAngle", "N <root>", "'N' NIL 'root' 'MISSING_DOMAIN'"},
    {"NameWithoutBrackets", "Some Name a@b", "'Some Name' NIL 'a' 'b'"},
    {"NoClosingBracket", "N <a@b", "'N' NIL 'a' 'SYNTAX_ERROR'"},
    {"NoClosingBracketThenMore", "N <a@b, c@d", "'N' NIL 'a' 'SYNTAX_ERROR', NIL NIL 'c' 'd'"},
    {"BlankInAngle", "<a b@c>, d@e", "NIL NIL 'a' 'SYNTAX_ERROR', NIL NIL 'd' 'e'"},
    {"BadRoute", "<@r a@b>", "NIL 'INVALID_ROUTE' 'a' 'b'"},
    {"QuoteWithoutEnd", "\"abc <a@b>", "'abc <a@b>' NIL 'MISSING_MAILBOX' 'MISSING_DOMAIN'"},
    {"CommentWithoutEnd", "a@b (abc", "'abc' NIL 'a' 'b'"},
    {"SemicolonsAsSeparators", "a@b; c@d", "NIL NIL 'a' 'b', NIL NIL 'c' 'd'"},
    {"GroupWithoutEnd", "G: a@b", "NIL NIL 'G' NIL, NIL NIL 'a' 'b', NIL NIL NIL NIL"},
    {"GarbageBehind", "<a@b> junk, c@d", "NIL NIL 'a' 'b', NIL NIL 'c' 'd'"},
    {"TwoAngles", "<<a@b>>", "NIL NIL 'MISSING_MAILBOX' 'SYNTAX_ERROR'"},
    {"Backslash", "a\\", "NIL NIL 'a' 'MISSING_DOMAIN'"},
};
INSTANTIATE_TEST_SUITE_P(Broken, AddressTest, testing::ValuesIn(kBroken),
                         [](const auto& info) { return info.param.name; });

TEST(AddressLimitTest, AGroupIsClosedWithinTheLimit) {
  const auto addresses = parse_addresses("G: a@b, c@d, e@f;", 3);
  EXPECT_EQ(show(addresses), "NIL NIL 'G' NIL, NIL NIL 'a' 'b', NIL NIL NIL NIL");
  EXPECT_EQ(parse_addresses("G: a@b;", 1).size(), 1U);
  EXPECT_TRUE(parse_addresses("a@b", 0).empty());
}

}  // namespace
}  // namespace mime
