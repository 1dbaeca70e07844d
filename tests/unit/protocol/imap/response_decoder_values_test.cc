#include "protocol/imap/response_decoder_values.h"

#include <gtest/gtest.h>

#include <chrono>

namespace imap {
namespace {

// "a", 'string', 'es\"caped', <streamed>, NIL, (list): what the tree made of a text.
std::string shape(Values values) {
  std::string out;
  while (!values.done()) {
    const Value value = values.take();
    if (!out.empty()) out += ' ';
    switch (value.kind()) {
      case ValueKind::kAbsent:
        out += "absent";
        break;
      case ValueKind::kNil:
        out += "NIL";
        break;
      case ValueKind::kAtom:
        out += value.raw();
        break;
      case ValueKind::kString:
      case ValueKind::kEscaped:
        out += "'" + value.bytes() + "'";
        break;
      case ValueKind::kStreamed:
        out += "<" + std::to_string(value.streamed_index()) + ">";
        break;
      case ValueKind::kList:
        out += "(" + shape(value.children()) + ")";
        break;
    }
  }
  return out;
}

struct Case {
  const char* name;
  std::string_view text;
  std::string_view shape;
};

constexpr Case kCases[] = {
    {"Nothing", "", ""},
    {"Atoms", "a  b\tc 12 \\Seen nil", "a b c 12 \\Seen NIL"},
    {"Strings", R"("" "a b" "c\"d\\e")", R"('' 'a b' 'c"d\e')"},
    {"Lists", "() (a (b \"c\") NIL)(d)", "() (a (b 'c') NIL) (d)"},
    {"Literal", "{3}\r\na)( b", "'a)(' b"},
    {"Literal8", "~{3}\r\na\"b {1+}\r\nc", "'a\"b' 'c'"},
    {"LiteralWithBareLineFeed", "{1}\na b", "'a' b"},
    {"EmptyLiteral", "({0}\r\n)", "('')"},
    {"LiteralCutOff", "(a {9}\r\nbc", "(a 'bc')"},
    {"BraceThatIsNoLiteral", "{a} {1}x }", "{a} {1}x }"},
    {"HugeLiteral", "{99999999999999999999}\r\nx", "{99999999999999999999}"},
    {"Section", "BODY[HEADER.FIELDS (A \"b]\")]<0> x BODY[]",
     "BODY[HEADER.FIELDS (A \"b]\")]<0> x BODY[]"},
    {"SectionWithoutEnd", "(BODY[TEXT x) y", "(BODY[TEXT x) y"},
    {"BracketElsewhere", "(foo[ x) ]", "(foo[ x) ]"},
    {"StopsAtTheLineEnd", "a b\r\nc", "a b"},
    {"UnescapedQuote", "(\"a \"b\" c\" 5)", "('a \"b\" c' 5)"},
    {"UnescapedQuoteBeforeALetter", "(\"<\"a\"@b>\" \"c\")", "('<\"a\"@b>' 'c')"},
    {"StringWithoutEnd", "(a \"b c) d", "(a b c) d"},
    {"ListWithoutEnd", "(a (b", "(a (b))"},
    {"ParenthesisTooMany", "a) b (c)) d", "a b (c) d"},
    {"BackslashBeforeOther", R"("a\b")", R"('a\b')"},
    {"LoneBackslash", R"("\" "a")", R"('\' 'a')"},
    {"QuoteInAnAtom", "a\"b\"c d", "a b c d"},
};

class ValueTreeTest : public testing::TestWithParam<Case> {};

TEST_P(ValueTreeTest, FindsTheValues) {
  const auto& [name, text, want] = GetParam();
  ValueTree tree;
  tree.parse({.text = text});
  EXPECT_EQ(shape(tree.top()), want);
  for (std::size_t n = 0; n < text.size(); ++n) {
    tree.parse({.text = text.substr(0, n)});
    (void)shape(tree.top());
    tree.parse_partial({.text = text.substr(0, n)});
    (void)shape(tree.top());
  }
}

INSTANTIATE_TEST_SUITE_P(Texts, ValueTreeTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(ValueTreeTest, StreamedLiteralsHaveNoBytes) {
  const std::string_view text = "(a {5}\r\n {1}\r\nb {7}\r\n)";
  const StreamedLiteral streamed[] = {{8, 5, false}, {21, 7, false}};
  ValueTree tree;
  tree.parse({text, streamed});
  EXPECT_EQ(shape(tree.top()), "(a <0> 'b' <1>)");
}

TEST(ValueTreeTest, AbsentValuesReadAsNothing) {
  ValueTree tree;
  tree.parse({.text = "(a)"});
  Values list = tree.top().take().children();
  list.take();
  const Value absent = list.take();
  EXPECT_EQ(absent.kind(), ValueKind::kAbsent);
  EXPECT_TRUE(absent.is_nil());
  EXPECT_TRUE(absent.children().done());
  EXPECT_EQ(absent.raw(), "");
  EXPECT_EQ(absent.number(), std::nullopt);
  EXPECT_EQ(absent.optional_bytes(), std::nullopt);
}

TEST(ValueTreeTest, DepthAndCountAreLimited) {
  ValueTree tree;
  const std::string deep = std::string(5'000, '(') + "a" + std::string(5'000, ')') + " b";
  tree.parse({.text = deep});
  std::size_t depth = 0;
  for (Values v = tree.top(); v.peek().is_list(); v = v.peek().children()) ++depth;
  EXPECT_EQ(depth, ValueTree::kMaxDepth + 1);
  Values top = tree.top();
  top.take();
  EXPECT_TRUE(top.take().equals("b"));

  std::string many;
  for (std::size_t i = 0; i < ValueTree::kMaxValues + 10; ++i) many += "a ";
  tree.parse({.text = many});
  std::size_t count = 0;
  for (Values v = tree.top(); !v.done(); v.take()) ++count;
  EXPECT_EQ(count, ValueTree::kMaxValues);
}

// Each of these would take minutes if a byte were looked at once for each quote before it.
TEST(ValueTreeTest, BrokenTextTakesLinearTime) {
  const auto repeat = [](std::string_view piece) {
    std::string text;
    while (text.size() < 300'000) text += piece;
    return text;
  };
  ValueTree tree;
  for (const char* piece : {"\"", "\" a", "\\\"", "\"\\\" ", "\\\" ", "\"\\", "(\"", "BODY[",
                            "BODY[ ", "BODY[{1}\r\n ", "BODY[\"", "{1", "\"a\"b", "\\\" )"}) {
    const std::string text = repeat(piece);
    const auto begin = std::chrono::steady_clock::now();
    tree.parse({.text = text});
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(took, std::chrono::seconds(5)) << piece;
  }
}

TEST(ParseTolerantNumberTest, TakesWhatServersWrite) {
  EXPECT_EQ(parse_tolerant_number("0"), 0U);
  EXPECT_EQ(parse_tolerant_number("5000000000"), 5'000'000'000U);
  EXPECT_EQ(parse_tolerant_number("9.3736e+06"), 9'373'600U);
  EXPECT_EQ(parse_tolerant_number("12.0"), 12U);
  EXPECT_EQ(parse_tolerant_number("1e300"), std::nullopt);
  EXPECT_EQ(parse_tolerant_number("1e999"), std::nullopt);
  EXPECT_EQ(parse_tolerant_number("-1"), std::nullopt);
  EXPECT_EQ(parse_tolerant_number(""), std::nullopt);
  EXPECT_EQ(parse_tolerant_number("12x"), std::nullopt);
  EXPECT_EQ(parse_tolerant_number("nan"), std::nullopt);
  EXPECT_EQ(parse_tolerant_number("0x10"), std::nullopt);
  EXPECT_EQ(parse_tolerant_number("99999999999999999999"), std::nullopt);
}

}  // namespace
}  // namespace imap
