#include "proxy/admin/text_table.h"

#include <gtest/gtest.h>

namespace proxy {
namespace {

using enum TextTable::Align;

TEST(TextTableTest, ColumnsLineUpWhateverIsInThem) {
  TextTable table({{"mailbox", kLeft}, {"messages", kRight}});
  table.add({"INBOX", "5"});
  table.add({"Entwürfe", "12345678"});
  table.add({"日本", "0"});
  EXPECT_EQ(table.render(80),
            "mailbox   messages\n"
            "────────  ────────\n"
            "INBOX            5\n"
            "Entwürfe  12345678\n"
            "日本             0\n");
}

TEST(TextTableTest, TooWideTheFirstColumnIsCut) {
  TextTable table({{"mailbox", kLeft}, {"n", kRight}});
  table.add({"Projects/2024/Something very long", "1"});
  table.add({"INBOX", "2"});
  EXPECT_EQ(table.render(20),
            "mailbox            n\n"
            "─────────────────  ─\n"
            "Projects/2024/So…  1\n"
            "INBOX              2\n");
}

TEST(TextTableTest, ANameCannotDriveTheTerminal) {
  TextTable table({{"mailbox", kLeft}});
  table.add({"a\x1b[2Jb\nc\x7f"});
  EXPECT_EQ(table.render(80), "mailbox\n─────────\na?[2Jb?c?\n");
}

TEST(TextTableTest, PeopleReadAgesAndSizes) {
  EXPECT_EQ(human_age(-3), "0 s");
  EXPECT_EQ(human_age(59), "59 s");
  EXPECT_EQ(human_age(60), "1 min");
  EXPECT_EQ(human_age(86'400), "24 h");
  EXPECT_EQ(human_age(3 * 86'400), "3 d");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1'500'000), "1.5 MB");
  EXPECT_EQ(human_bytes(999'960), "1.0 MB");
}

TEST(TextTableTest, ABarIsAsWideAsItIsTold) {
  EXPECT_EQ(progress_bar(0, 10, 4), "░░░░");
  EXPECT_EQ(progress_bar(5, 10, 4), "██░░");
  EXPECT_EQ(progress_bar(20, 10, 4), "████") << "more than there are";
  EXPECT_EQ(progress_bar(0, 0, 4), "████") << "nothing to do is done";
}

}  // namespace
}  // namespace proxy
