#include "protocol/imap/writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "protocol/imap/lexer.h"

namespace imap {
namespace {

using std::string_literals::operator""s;

template <class F>
std::string written(WriterOptions options, F write) {
  std::string out;
  Writer writer(out, options);
  write(writer);
  return out;
}

struct Case {
  const char* name;
  std::string value;
  std::string string;   // as string()
  std::string astring;  // as astring()
};

const Case kCases[] = {
    {"Empty", "", "\"\"", "\"\""},
    {"Plain", "INBOX", "\"INBOX\"", "INBOX"},
    {"Space", "a b", "\"a b\"", "\"a b\""},
    {"Specials", "a\"b\\c", "\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\""},
    {"Bracket", "a]", "\"a]\"", "\"a]\""},
    {"Nil", "nil", "\"nil\"", "\"nil\""},
    {"Wildcard", "a*", "\"a*\"", "\"a*\""},
    {"Tilde", "~{1}", "\"~{1}\"", "\"~{1}\""},
    {"LineEnd", "a\r\nb", "{4}\r\na\r\nb", "{4}\r\na\r\nb"},
    {"EightBit", "\xc3\xa9", "{2}\r\n\xc3\xa9", "{2}\r\n\xc3\xa9"},
};

class WriterStringTest : public testing::TestWithParam<Case> {};

TEST_P(WriterStringTest, ChoosesTheForm) {
  const Case& c = GetParam();
  EXPECT_EQ(written({}, [&](Writer& w) { w.string(c.value); }), c.string);
  EXPECT_EQ(written({}, [&](Writer& w) { w.astring(c.value); }), c.astring);
}

TEST_P(WriterStringTest, TheLexerReadsItBack) {
  const Case& c = GetParam();
  const std::string text = written({}, [&](Writer& w) { w.astring(c.value); });
  Lexer lexer(text);
  EXPECT_EQ(*lexer.astring_value(), c.value);
  EXPECT_TRUE(lexer.at_end());
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, WriterStringTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(WriterTest, LongStringsAreLiterals) {
  const std::string text(5'000, 'x');
  EXPECT_TRUE(written({}, [&](Writer& w) { w.astring(text); }).starts_with("{5000}\r\nxxx"));
}

TEST(WriterTest, Utf8IsQuotedWhenEnabled) {
  EXPECT_EQ(written({.utf8 = true}, [](Writer& w) { w.string("\xc3\xa9"); }), "\"\xc3\xa9\"");
  EXPECT_EQ(written({.utf8 = true}, [](Writer& w) { w.string("\xc3"); }), "{1}\r\n\xc3");
}

TEST(WriterTest, WritesNumbersAndNil) {
  const std::string text = written({}, [](Writer& w) {
    w.number(0);
    w.space();
    w.number(std::numeric_limits<std::uint64_t>::max());
    w.space();
    w.nstring(std::optional<std::string>());
    w.space();
    w.nstring(std::optional<std::string>("x"));
  });
  EXPECT_EQ(text, "0 18446744073709551615 NIL \"x\"");
}

struct StyleCase {
  const char* name;
  LiteralStyle style;
  std::size_t size;
  std::string header;
  bool waits;
};

const StyleCase kStyles[] = {
    {"Response", LiteralStyle::kResponse, 9, "{9}\r\n", false},
    {"Synchronizing", LiteralStyle::kSynchronizing, 9, "{9}\r\n", true},
    {"Plus", LiteralStyle::kPlus, 9'000, "{9000+}\r\n", false},
    {"MinusSmall", LiteralStyle::kMinus, 4'096, "{4096+}\r\n", false},
    {"MinusLarge", LiteralStyle::kMinus, 4'097, "{4097}\r\n", true},
};

class WriterStyleTest : public testing::TestWithParam<StyleCase> {};

TEST_P(WriterStyleTest, KnowsWhereToWait) {
  const StyleCase& c = GetParam();
  std::string out = "A ";
  Writer writer(out, {.literals = c.style});
  writer.literal(std::string(c.size, 'x'));
  EXPECT_TRUE(out.starts_with("A " + c.header));
  ASSERT_EQ(writer.breaks().size(), c.waits ? 1U : 0U);
  if (c.waits) {
    EXPECT_EQ(writer.breaks()[0], (Writer::Break{2 + c.header.size(), true, std::nullopt}));
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc7888, WriterStyleTest, testing::ValuesIn(kStyles),
                         [](const auto& info) { return info.param.name; });

TEST(WriterTest, StreamedLiteralsAlwaysBreak) {
  std::string out;
  Writer writer(out, {.literals = LiteralStyle::kPlus});
  writer.literal_header(1ULL << 33, true, 2);
  EXPECT_EQ(out, "~{8589934592+}\r\n");
  ASSERT_EQ(writer.breaks().size(), 1U);
  EXPECT_EQ(writer.breaks()[0], (Writer::Break{out.size(), false, 2}));
}

TEST(WriterTest, ALogGetsOneHarmlessLine) {
  const std::string text = written({.literals = LiteralStyle::kTrace}, [](Writer& w) {
    w.string("a\r\nb\x1b[2J\0"s);
    w.space();
    w.literal_header(99);
    w.space();
    w.string(std::string(300, 'x'));
  });
  EXPECT_EQ(text, "\"a??b?[2J?\" {99} \"" + std::string(200, 'x') + "...\"");
}

}  // namespace
}  // namespace imap
