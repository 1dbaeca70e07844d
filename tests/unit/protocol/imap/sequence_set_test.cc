#include "protocol/imap/sequence_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace imap {
namespace {

using testing::ElementsAre;

SequenceSet parse(std::string_view text) {
  Lexer lexer(text);
  auto set = decode_sequence_set(lexer);
  EXPECT_TRUE(set && lexer.at_end()) << text;
  return set.value_or(SequenceSet());
}

struct Case {
  const char* name;
  std::string_view input;
  bool valid;
  std::string_view encoded;  // canonical
  std::string_view left;
};

constexpr Case kCases[] = {
    // RFC 3501 section 9: sequence-set, seq-number, nz-number
    {"Single", "7 ", true, "7", " "},
    {"Largest", "4294967295", true, "4294967295", ""},
    {"ReversedRangeIsTheSameRange", "4:2 ", true, "2:4", " "},
    {"RangeOfOne", "4:4", true, "4", ""},
    {"NeighboursJoin", "1,2,3,5", true, "1:3,5", ""},
    {"OverlapsJoin", "5:9,1:6,8,20", true, "1:9,20", ""},
    {"Star", "*", true, "*", ""},
    {"StarTwice", "*,*:*", true, "*", ""},
    {"StarIsTheLargest", "3,9:* ", true, "3,9:*", " "},
    {"StarFirst", "*:4,5:7", true, "4:*", ""},
    {"OpenRangeSwallows", "3:*,7:9,*", true, "3:*", ""},
    {"OpenRangeJoins", "1:4,5:*", true, "1:*", ""},
    {"OpenRangesJoin", "9:*,3:*", true, "3:*", ""},
    {"StarBesideRanges", "1,*", true, "1,*", ""},
    {"HighestIsNotStar", "5:4294967295", true, "5:4294967295", ""},
    {"Over32Bit", "4294967296 ", false, "", ""},
    {"Zero", "0", false, "", ""},
    {"ZeroInRange", "1:0", false, "", ""},
    {"TrailingComma", "1, ", false, "", ""},
    {"LeadingComma", ",1", false, "", ""},
    {"HalfRange", "1:", false, "", ""},
    {"Negative", "-1", false, "", ""},
    {"Empty", "", false, "", ""},
    {"Word", "x", false, "", ""},
};

class SequenceSetTest : public testing::TestWithParam<Case> {};

TEST_P(SequenceSetTest, DecodesThenEncodesCanonically) {
  const auto& [name, input, valid, encoded, left] = GetParam();
  Lexer lexer(input);
  const auto set = decode_sequence_set(lexer);
  ASSERT_EQ(set.has_value(), valid);
  if (!valid) return;
  EXPECT_EQ(set->encode(), encoded);
  EXPECT_EQ(lexer.rest(), left) << "must stop at the terminator";
  EXPECT_EQ(parse(set->encode()), *set);
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, SequenceSetTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

struct ResolveCase {
  const char* name;
  std::string_view input;
  std::uint32_t largest;
  std::string_view resolved;  // empty: nothing is left
};

constexpr ResolveCase kResolve[] = {
    {"StarIsTheLargest", "*", 12, "12"},
    {"OpenRange", "5:*", 12, "5:12"},
    {"OpenRangeAboveTheLargestHoldsTheLargest", "3291:*", 12, "12:3291"},
    {"NothingInAnEmptyMailbox", "1:*", 0, ""},
    {"NumbersStay", "1:3", 2, "1:3"},
    {"StarJoins", "1:11,*", 12, "1:12"},
};

class SequenceSetResolveTest : public testing::TestWithParam<ResolveCase> {};

TEST_P(SequenceSetResolveTest, ReplacesTheStar) {
  const auto& [name, input, largest, resolved] = GetParam();
  const SequenceSet got = parse(input).resolve(largest);
  EXPECT_FALSE(got.has_star());
  EXPECT_EQ(got.empty() ? "" : got.encode(), resolved);
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, SequenceSetResolveTest, testing::ValuesIn(kResolve),
                         [](const auto& info) { return info.param.name; });

TEST(SequenceSetTest, WalksItsNumbers) {
  const SequenceSet set = parse("9,1:3,4294967294:4294967295");
  EXPECT_THAT(std::vector<std::uint32_t>(set.begin(), set.end()),
              ElementsAre(1, 2, 3, 9, 4294967294, 4294967295));
  EXPECT_EQ(set.count(), 6U);
  EXPECT_EQ(set.min(), 1U);
  EXPECT_EQ(set.max(), 4294967295U);
  EXPECT_TRUE(set.contains(3));
  EXPECT_FALSE(set.contains(4));
  const SequenceSet none;
  EXPECT_EQ(none.begin(), none.end());
  EXPECT_TRUE(none.empty());
}

TEST(SequenceSetTest, ContainsWhatIsBehindTheOpenEnd) {
  EXPECT_TRUE(parse("3,9:*").contains(4000000000));
  EXPECT_FALSE(parse("3,9:*").contains(8));
  EXPECT_EQ(parse("3,9:*").max(), 9U);
}

// Against a std::set, with additions and removals in random order.
TEST(SequenceSetTest, BehavesAsASetOfNumbers) {
  std::mt19937 random(1);
  const auto draw = [&] { return std::uniform_int_distribution<std::uint32_t>(1, 60)(random); };
  for (int round = 0; round < 300; ++round) {
    SequenceSet a;
    SequenceSet b;
    std::set<std::uint32_t> in_a;
    std::set<std::uint32_t> in_b;
    for (int i = 0; i < 25; ++i) {
      const std::uint32_t first = draw();
      const std::uint32_t last = std::min(60U, first + draw() % 8);
      a.add({first, last});
      for (std::uint32_t n = first; n <= last; ++n) in_a.insert(n);
      const std::uint32_t one = draw();
      b.add(one);
      in_b.insert(one);
      const std::uint32_t gone = draw();
      a.remove(gone);
      in_a.erase(gone);
    }
    const auto numbers = [](const SequenceSet& s) {
      return std::set<std::uint32_t>(s.begin(), s.end());
    };
    ASSERT_EQ(numbers(a), in_a);
    ASSERT_EQ(numbers(b), in_b);
    ASSERT_EQ(a, a.empty() ? a : parse(a.encode())) << "ranges must be canonical";
    std::set<std::uint32_t> expected;
    std::set_union(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(),
                   std::inserter(expected, expected.end()));
    ASSERT_EQ(numbers(a.united(b)), expected);
    expected.clear();
    std::set_difference(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(),
                        std::inserter(expected, expected.end()));
    ASSERT_EQ(numbers(a.minus(b)), expected);
    ASSERT_EQ(a.minus(b).empty() ? a.minus(b) : parse(a.minus(b).encode()), a.minus(b));
    expected.clear();
    std::set_intersection(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(),
                          std::inserter(expected, expected.end()));
    ASSERT_EQ(numbers(a.intersected(b)), expected);
  }
}

TEST(SequenceSetTest, UnionKeepsStars) {
  EXPECT_EQ(parse("1,5:*").united(parse("3:4,*")).encode(), "1,3:*");
  EXPECT_EQ(parse("1").united(parse("*")).encode(), "1,*");
}

TEST(SequenceSetTest, TheHighestNumberDoesNotOverflow) {
  SequenceSet set = SequenceSet::of(4294967295, 4294967295);
  set.add(4294967294);
  set.add(SequenceSet::Range{1, 4294967295});
  EXPECT_EQ(set.encode(), "1:4294967295");
  EXPECT_EQ(set.minus(SequenceSet::of(2, 4294967295)).encode(), "1");
  EXPECT_TRUE(SequenceSet::of(5, 4294967295).minus(SequenceSet::of(1, 4294967295)).empty());
}

TEST(SequenceSetTest, SplitsForServersWithShortLines) {
  SequenceSet set;
  for (std::uint32_t n = 1; n < 2'000; n += 2) set.add(n);
  set.add_from(3'000);
  const std::vector<std::string> parts = set.encode_split(100);
  SequenceSet joined;
  std::uint32_t last = 0;
  for (const std::string& part : parts) {
    EXPECT_LE(part.size(), 100U);
    if (&part != &parts.back()) EXPECT_GT(part.size(), 80U);
    const SequenceSet piece = parse(part);
    EXPECT_GT(piece.min(), last) << "must ascend";
    last = piece.max();
    joined = joined.united(piece);
  }
  EXPECT_EQ(joined, set);
  EXPECT_TRUE(SequenceSet().encode_split(100).empty());
}

TEST(SequenceSetTest, LimitsItsParts) {
  Lexer lexer("1,3,5,7");
  const auto set = decode_sequence_set(lexer, 3);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code(), Errc::kLimit);
}

// Quadratic work would take minutes here.
TEST(SequenceSetTest, IsFastForAMillionScatteredUids) {
  std::vector<Uid> uids;
  for (std::uint32_t n = 1; n <= 1'000'000; ++n) uids.emplace_back(n * 2);
  const SequenceSet set = SequenceSet::from_sorted(uids);
  EXPECT_EQ(set.count(), 1'000'000U);
  std::string descending;
  for (std::uint32_t n = 100'000; n > 0; --n) descending += std::to_string(n * 2) + ",";
  descending.pop_back();
  Lexer lexer(descending);
  const auto decoded = decode_sequence_set(lexer, 100'000);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(set.minus(*decoded).count(), 900'000U);
  EXPECT_EQ(set.united(*decoded), set);
}

}  // namespace
}  // namespace imap
