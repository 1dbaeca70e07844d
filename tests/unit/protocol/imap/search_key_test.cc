#include "protocol/imap/search_key.h"

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
    // RFC 3501 section 9: search-key
    {"One", "ALL", true, "ALL"},
    {"Flags", "answered deleted draft flagged new old recent seen", true,
     "ANSWERED DELETED DRAFT FLAGGED NEW OLD RECENT SEEN"},
    {"Unflags", "UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNSEEN", true,
     "UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNSEEN"},
    {"Addresses", "BCC a CC \"b c\" FROM d TO e", true, "BCC \"a\" CC \"b c\" FROM \"d\" TO \"e\""},
    {"Texts", "BODY x SUBJECT {3}\r\na\"b TEXT z", true,
     "BODY \"x\" SUBJECT \"a\\\"b\" TEXT \"z\""},
    {"Header", "HEADER Message-ID \"<a@b>\"", true, "HEADER Message-ID \"<a@b>\""},
    {"HeaderIsThere", "HEADER X-Spam \"\"", true, "HEADER X-Spam \"\""},
    {"Keywords", "KEYWORD $Junk UNKEYWORD a", true, "KEYWORD $Junk UNKEYWORD a"},
    {"KeywordWithBackslash", "KEYWORD \\Seen", false, ""},
    {"KeywordInQuotes", "KEYWORD \"a\"", false, ""},
    {"Dates", "BEFORE 1-Feb-1994 ON \"02-feb-1994\" SINCE 3-Feb-1994", true,
     "BEFORE 1-Feb-1994 ON 2-Feb-1994 SINCE 3-Feb-1994"},
    {"SentDates", "SENTBEFORE 1-Feb-1994 SENTON 2-Feb-1994 SENTSINCE 3-Feb-1994", true,
     "SENTBEFORE 1-Feb-1994 SENTON 2-Feb-1994 SENTSINCE 3-Feb-1994"},
    {"BadDate", "SINCE 31-Feb-1994", false, ""},
    {"Sizes", "LARGER 0 SMALLER 4294967296", true, "LARGER 0 SMALLER 4294967296"},
    {"Sets", "2:1,9 UID 5:*", true, "1:2,9 UID 5:*"},
    {"StarSet", "*", true, "*"},
    {"Intervals", "OLDER 60 YOUNGER 3600", true, "OLDER 60 YOUNGER 3600"},
    {"IntervalOfZero", "OLDER 0", false, ""},
    {"ModSeq", "MODSEQ 620162338", true, "MODSEQ 620162338"},
    {"ModSeqZero", "MODSEQ 0", true, "MODSEQ 0"},
    {"ModSeqOfAFlag", "MODSEQ \"/flags/\\\\draft\" all 620162338", true,
     "MODSEQ \"/flags/\\\\draft\" all 620162338"},
    {"ModSeq64", "MODSEQ 9223372036854775808", false, ""},
    {"ObjectIds", "EMAILID M6d99ac3275 THREADID T64b478", true,
     "EMAILID M6d99ac3275 THREADID T64b478"},
    {"BadObjectId", "EMAILID a.b", false, ""},
    {"Not", "NOT SEEN", true, "NOT SEEN"},
    {"NotAList", "NOT (SEEN DELETED)", true, "NOT (SEEN DELETED)"},
    {"Or", "OR SEEN (1:2 FROM x)", true, "OR SEEN (1:2 FROM \"x\")"},
    {"OrOfOrs", "OR OR SEEN DRAFT NOT OR OLD NEW", true, "OR OR SEEN DRAFT NOT OR OLD NEW"},
    {"ParenthesesOfOne", "((SEEN))", true, "SEEN"},
    {"ParenthesesAtTheTop", "(SEEN DRAFT)", true, "SEEN DRAFT"},
    {"ListInAList", "(SEEN (DRAFT OLD))", true, "SEEN (DRAFT OLD)"},
    {"Empty", "", false, ""},
    {"EmptyList", "()", false, ""},
    {"OrOfOne", "OR SEEN", false, ""},
    {"NotOfNothing", "NOT", false, ""},
    {"NoArgument", "FROM", false, ""},
    {"NoEnd", "(SEEN", false, ""},
    {"Unknown", "FOO", false, ""},
    {"TwoSpaces", "SEEN  DRAFT", false, ""},
    {"TrailingSpace", "SEEN ", false, ""},
};

class SearchKeyTest : public testing::TestWithParam<Case> {};

TEST_P(SearchKeyTest, DecodesThenEncodesCanonically) {
  Lexer lexer(GetParam().input);
  const auto key = decode_search_keys(lexer);
  const bool valid = key && lexer.at_end();
  ASSERT_EQ(valid, GetParam().valid) << (key ? "" : key.error().text());
  if (!valid) return;
  std::string out;
  Writer writer(out);
  encode_search_keys(writer, *key);
  EXPECT_EQ(out, GetParam().encoded);
  Lexer again(out);
  EXPECT_EQ(decode_search_keys(again).value(), *key);
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, SearchKeyTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(SearchKeyTest, DeepNestingIsAnErrorNotACrash) {
  std::string nots;
  for (int i = 0; i < 10'000; ++i) nots += "NOT ";
  std::string ors;
  for (int i = 0; i < 10'000; ++i) ors += "OR SEEN ";
  for (const std::string& input : {std::string(10'000, '(') + "SEEN" + std::string(10'000, ')'),
                                   nots + "SEEN", ors + "SEEN"}) {
    Lexer lexer(input);
    const auto key = decode_search_keys(lexer);
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code(), Errc::kLimit);
  }
}

TEST(SearchKeyTest, LimitsTheNumberOfKeys) {
  std::string many = "SEEN";
  for (int i = 0; i < 1'000; ++i) many += " SEEN";
  Lexer lexer(many);
  EXPECT_EQ(decode_search_keys(lexer).error().code(), Errc::kLimit);
  many.resize(many.size() - 5);
  Lexer fits(many);
  EXPECT_TRUE(decode_search_keys(fits));
}

TEST(SearchKeyTest, KnowsWhatItMentions) {
  Lexer lexer("OR NOT (1:2 SEEN) SUBJECT x");
  const auto key = decode_search_keys(lexer);
  ASSERT_TRUE(key);
  EXPECT_TRUE(key->mentions(SearchKind::kSequence));
  EXPECT_TRUE(key->mentions(SearchKind::kSubject));
  EXPECT_FALSE(key->mentions(SearchKind::kUid));
  EXPECT_FALSE(needs_charset(*key));
  EXPECT_TRUE(needs_charset(
      {.kind = SearchKind::kNot, .children = {{.kind = SearchKind::kTo, .text = "\xc3\xa9"}}}));
}

TEST(SearchKeyTest, NoConditionIsAll) {
  std::string out;
  Writer writer(out);
  encode_search_keys(writer, {.kind = SearchKind::kAnd});
  EXPECT_EQ(out, "ALL");
}

}  // namespace
}  // namespace imap
