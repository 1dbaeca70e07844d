#include "protocol/imap/lexer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace imap {
namespace {

using Form = StringToken::Form;
using std::string_literals::operator""s;

constexpr LexerOptions kStrict = {};
constexpr LexerOptions kTolerant = {.dialect = Dialect::kTolerant};
constexpr LexerOptions kUtf8 = {.utf8 = true};

struct StringCase {
  const char* name;
  LexerOptions options;
  std::string input;
  bool valid;
  std::string value;
  std::string left;  // behind the string
};

const StringCase kStrings[] = {
    {"Quoted", kStrict, "\"a b\" c", true, "a b", " c"},
    {"Empty", kStrict, "\"\"", true, "", ""},
    {"Escapes", kStrict, R"("a\"b\\c")", true, R"(a"b\c)", ""},
    {"BadEscape", kStrict, R"("a\b")", false, "", ""},
    {"BadEscapeFromAServer", kTolerant, R"("C:\b")", true, R"(C:\b)", ""},
    {"NoEnd", kStrict, "\"abc", false, "", ""},
    {"EscapedEnd", kStrict, "\"abc\\\"", false, "", ""},
    {"NoEndFromAServer", kTolerant, "\"abc", false, "", ""},
    {"Nul", kStrict, "\"a\0b\""s, false, "", ""},
    {"NulFromAServer", kTolerant, "\"a\0b\""s, true, "a\0b"s, ""},
    {"CarriageReturn", kStrict, "\"a\rb\"", false, "", ""},
    {"EightBit", kStrict, "\"\xc3\xa9\"", false, "", ""},
    {"EightBitFromAServer", kTolerant, "\"\xe9\"", true, "\xe9", ""},
    {"Utf8Enabled", kUtf8, "\"\xc3\xa9\"", true, "\xc3\xa9", ""},
    {"BrokenUtf8", kUtf8, "\"\xc3\"", false, "", ""},
    {"UnescapedQuotes", kTolerant, R"("<a"b"c@x>" NIL)", true, R"(<a"b"c@x>)", " NIL"},
    {"UnescapedQuotesInAList", kTolerant, R"("a"b") x)", true, R"(a"b)", ") x"},
    {"UnescapedQuotesFromAClient", kStrict, R"("a"b")", true, "a", "b\""},
    {"Literal", kStrict, "{3}\r\na)\" b", true, "a)\"", " b"},
    {"LiteralPlus", kStrict, "{3+}\r\nabcd", true, "abc", "d"},
    {"EmptyLiteral", kStrict, "{0}\r\n x", true, "", " x"},
    {"ShortLiteral", kStrict, "{4}\r\nabc", false, "", ""},
    {"HugeLiteral", kStrict, "{18446744073709551617}\r\nabc", false, "", ""},
    {"LiteralWithNul", kStrict, "{3}\r\na\0b"s, false, "", ""},
    {"LiteralWithNulFromAServer", kTolerant, "{3}\r\na\0b"s, true, "a\0b"s, ""},
    {"LiteralBareLf", kStrict, "{1}\na", false, "", ""},
    {"LiteralBareLfFromAServer", kTolerant, "{1}\na", true, "a", ""},
    {"LiteralWithoutDigits", kStrict, "{}\r\n", false, "", ""},
    {"Literal8", kStrict, "~{1}\r\na", false, "", ""},
    {"Literal8FromAServer", kTolerant, "~{2}\r\na\0"s, true, "a\0"s, ""},
    {"Atom", kStrict, "abc", false, "", ""},
    {"Nothing", kStrict, "", false, "", ""},
};

class LexerStringTest : public testing::TestWithParam<StringCase> {};

TEST_P(LexerStringTest, ReadsAString) {
  const StringCase& c = GetParam();
  Lexer lexer(c.input, c.options);
  const auto value = lexer.string_value();
  ASSERT_EQ(value.has_value(), c.valid) << (value ? *value : value.error().text());
  if (!c.valid) {
    EXPECT_EQ(lexer.position(), 0U) << "a failure must not move";
    EXPECT_EQ(value.error().code(),
              c.options.dialect == Dialect::kStrict ? Errc::kInvalid : Errc::kProtocol);
    return;
  }
  EXPECT_EQ(*value, c.value);
  EXPECT_EQ(lexer.rest(), c.left);
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, LexerStringTest, testing::ValuesIn(kStrings),
                         [](const auto& info) { return info.param.name; });

struct NumberCase {
  const char* name;
  LexerOptions options;
  std::string_view input;
  std::optional<std::uint32_t> value;
  std::string_view left;
};

constexpr NumberCase kNumbers[] = {
    {"Zero", kStrict, "0 ", 0, " "},
    {"LeadingZeros", kStrict, "007)", 7, ")"},
    {"Largest", kStrict, "4294967295", 4294967295U, ""},
    {"TooLarge", kStrict, "4294967296", std::nullopt, ""},
    {"MuchTooLarge", kStrict, "99999999999999999999999999", std::nullopt, ""},
    {"Negative", kStrict, "-1", std::nullopt, ""},
    {"NegativeFromAServer", kTolerant, "-1 x", 0, " x"},
    {"NoNumber", kStrict, "x", std::nullopt, ""},
    {"NoNumberFromAServer", kTolerant, "-", std::nullopt, ""},
    {"Float", kStrict, "9.5", 9, ".5"},
    {"FloatFromAServer", kTolerant, "9.3736e+06)", 9373600, ")"},
    {"FractionFromAServer", kTolerant, "12.75 ", 12, " "},
    {"SmallExponentFromAServer", kTolerant, "1.2345e+02 ", 123, " "},
    {"HugeExponentFromAServer", kTolerant, "1e+99 ", std::nullopt, ""},
};

class LexerNumberTest : public testing::TestWithParam<NumberCase> {};

TEST_P(LexerNumberTest, ReadsANumber) {
  const NumberCase& c = GetParam();
  Lexer lexer(c.input, c.options);
  const auto value = lexer.number();
  ASSERT_EQ(value.has_value(), c.value.has_value());
  if (!c.value) {
    EXPECT_EQ(lexer.position(), 0U);
    return;
  }
  EXPECT_EQ(*value, *c.value);
  EXPECT_EQ(lexer.rest(), c.left);
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, LexerNumberTest, testing::ValuesIn(kNumbers),
                         [](const auto& info) { return info.param.name; });

TEST(LexerTest, KeepsNumbersIn63Bits) {
  EXPECT_EQ(*Lexer("9223372036854775807").number64(), 9223372036854775807U);
  EXPECT_FALSE(Lexer("9223372036854775808").number64());
  EXPECT_FALSE(Lexer("0").nz_number());
  EXPECT_EQ(*Lexer("0", kTolerant).nz_number(), 0U);
}

TEST(LexerTest, WordsEndWhereAtomsEnd) {
  Lexer lexer("uid UIDNEXT FLAGS)");
  EXPECT_TRUE(lexer.accept_word("UID"));
  EXPECT_TRUE(lexer.accept(' '));
  EXPECT_FALSE(lexer.accept_word("UID"));
  EXPECT_TRUE(lexer.accept_prefix("uid"));
  EXPECT_EQ(*lexer.atom(), "NEXT");
  EXPECT_TRUE(lexer.space());
  EXPECT_TRUE(lexer.accept_word("flags"));
  EXPECT_TRUE(lexer.expect(')'));
  EXPECT_TRUE(lexer.expect_end());
  EXPECT_EQ(lexer.peek(), '\0');
  EXPECT_FALSE(lexer.accept('\0')) << "the end is no character";
}

TEST(LexerTest, OneSpaceFromClientsManyFromServers) {
  Lexer strict("  x");
  EXPECT_TRUE(strict.space());
  EXPECT_FALSE(strict.atom());
  Lexer tolerant("  x  ", kTolerant);
  EXPECT_TRUE(tolerant.space());
  EXPECT_EQ(*tolerant.atom(), "x");
  EXPECT_TRUE(tolerant.expect_end());
}

TEST(LexerTest, AstringsAndPatterns) {
  EXPECT_EQ(*Lexer("a]b ").astring_value(), "a]b");
  EXPECT_EQ(*Lexer("\"a b\"").astring_value(), "a b");
  EXPECT_EQ(*Lexer("NIL").astring_value(), "NIL");
  EXPECT_FALSE(Lexer("a*").astring_value().value() == "a*");
  EXPECT_EQ(Lexer("a*b% x").list_mailbox()->raw, "a*b%");
  EXPECT_FALSE(Lexer("(a)").astring_value());
  EXPECT_FALSE(Lexer("~{1}\r\na").astring_value());
  EXPECT_EQ(*Lexer("~a").astring_value(), "~a");
}

TEST(LexerTest, NilIsNotAString) {
  EXPECT_TRUE(Lexer("nil ").nstring()->is_nil());
  EXPECT_EQ(*Lexer("\"NIL\"").nstring_value(), "NIL");
  EXPECT_FALSE(Lexer("NILS").nstring());
  EXPECT_EQ(*Lexer("NILS", kTolerant).nstring_value(), "NILS");
}

TEST(LexerTest, TagsHoldNoPlus) {
  EXPECT_EQ(*Lexer("a.1] X").tag(), "a.1]");
  EXPECT_EQ(*Lexer("a+1").tag(), "a");
  EXPECT_FALSE(Lexer("*").tag());
}

TEST(LexerTest, SeesStreamedLiteralsWhereTheyWere) {
  const std::string text = "BODY[] {42}\r\n BODY[1] ~{0}\r\n X {1}\r\nz";
  const std::vector<StreamedLiteral> streamed = {{13, 42, false}, {28, 0, true}};
  Lexer lexer(Frame{text, streamed});
  EXPECT_TRUE(lexer.skip_value());
  EXPECT_TRUE(lexer.space());
  const auto first = lexer.nstring();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->form, Form::kStreamed);
  EXPECT_EQ(first->size_bytes, 42U);
  EXPECT_EQ(first->streamed_index, 0U);
  EXPECT_TRUE(lexer.space());
  EXPECT_TRUE(lexer.skip_value());
  EXPECT_TRUE(lexer.space());
  EXPECT_FALSE(lexer.nstring()) << "literal8 only where it is allowed";
  const auto second = lexer.nstring(true);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->form, Form::kStreamed);
  EXPECT_EQ(second->streamed_index, 1U);
  EXPECT_TRUE(second->binary);
  EXPECT_TRUE(lexer.accept_prefix(" X "));
  EXPECT_EQ(*lexer.string_value(), "z");
}

TEST(LexerTest, AStreamedLiteralIsNoShortString) {
  const std::vector<StreamedLiteral> streamed = {{6, 42, false}};
  Lexer lexer(Frame{"{42}\r\n", streamed});
  EXPECT_FALSE(lexer.string_value());
  EXPECT_FALSE(lexer.astring_value());
  EXPECT_FALSE(lexer.nstring_value());
  EXPECT_EQ(lexer.position(), 0U);
}

TEST(LexerTest, SkipsWholeValues) {
  const std::string text =
      "((\"a(\" {2}\r\n)) NIL) BODY[1.HEADER.FIELDS (A \"B\")]<0>) \"q\"x 12 z";
  Lexer lexer(text);
  EXPECT_EQ(*lexer.skip_value(), "((\"a(\" {2}\r\n)) NIL) BODY[1.HEADER.FIELDS (A \"B\")]<0>)");
  EXPECT_TRUE(lexer.space());
  EXPECT_EQ(*lexer.skip_value(), "\"q\"");
  EXPECT_EQ(*lexer.skip_value(), "x");
  EXPECT_TRUE(lexer.space());
  EXPECT_EQ(*lexer.skip_value(), "12");
  EXPECT_FALSE(lexer.skip_value()) << "a space is no value";
}

TEST(LexerTest, SkippingDeepNestingIsAnErrorNotACrash) {
  const std::string deep = std::string(10'000, '(') + std::string(10'000, ')');
  Lexer lexer(deep);
  EXPECT_FALSE(lexer.skip_value());
  EXPECT_EQ(lexer.position(), 0U);
  EXPECT_TRUE(lexer.skip_value(10'000));
  EXPECT_FALSE(Lexer("((a)").skip_value());
  EXPECT_FALSE(Lexer(")").skip_value());
}

TEST(LexerTest, ErrorsSayWhereAndNotWhat) {
  Lexer lexer("A1 secret");
  lexer.seek(3);
  const auto number = lexer.number();
  ASSERT_FALSE(number);
  EXPECT_EQ(number.error().text(), "expected a number at byte 3");
}

}  // namespace
}  // namespace imap
