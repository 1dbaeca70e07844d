#include "cache/keywords.h"

#include <gtest/gtest.h>

namespace cache {
namespace {

TEST(KeywordTableTest, ComparesWithoutCaseAndShowsAsFirstWritten) {
  KeywordTable table;
  const auto number = table.number_of("$Forwarded");
  EXPECT_EQ(table.number_of("$FORWARDED"), number);
  EXPECT_EQ(table.find("$forwarded"), number);
  EXPECT_EQ(table.find("other"), std::nullopt);
  EXPECT_EQ(table.name_of(*number), "$Forwarded");
}

TEST(KeywordTableTest, SetsAreInternedWhateverTheirOrder) {
  KeywordTable table;
  const auto a = *table.number_of("a");
  const auto b = *table.number_of("b");
  const KeywordSet set = table.set_of({b, a, b});
  EXPECT_EQ(set, table.set_of({a, b}));
  EXPECT_EQ(table.wire(set), "a b");
  EXPECT_TRUE(table.contains(set, a));
  EXPECT_EQ(table.set_of({}), KeywordSet());
  EXPECT_EQ(table.wire(KeywordSet()), "");
}

TEST(KeywordTableTest, AddsAndRemoves) {
  KeywordTable table;
  const auto a = *table.number_of("a");
  const auto b = *table.number_of("b");
  const std::uint16_t add[] = {b};
  const std::uint16_t remove[] = {a};
  EXPECT_EQ(table.with(table.set_of({a}), add, remove), table.set_of({b}));
  EXPECT_EQ(table.with(KeywordSet(), {}, remove), KeywordSet());
}

TEST(KeywordTableTest, IsFullAtItsLimit) {
  KeywordTable table;
  for (std::size_t i = 0; i < KeywordTable::kMaxKeywords; ++i) {
    ASSERT_TRUE(table.number_of("k" + std::to_string(i)).has_value());
  }
  EXPECT_EQ(table.number_of("one-more"), std::nullopt);
  EXPECT_TRUE(table.number_of("K17").has_value());
}

TEST(KeywordTableTest, WiresStayWhereTheyAre) {
  KeywordTable table;
  const KeywordSet first = table.set_of({*table.number_of("a")});
  const std::string* wire = &table.wire(first);
  for (int i = 0; i < 1'000; ++i) table.set_of({*table.number_of("k" + std::to_string(i))});
  EXPECT_EQ(wire, &table.wire(first));
  EXPECT_EQ(*wire, "a");
}

TEST(KeywordTableTest, ALostNameLeavesAGap) {
  KeywordTable table;
  table.load(2, "third");
  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ(table.wire(table.set_of({0, 2})), "third");
}

}  // namespace
}  // namespace cache
