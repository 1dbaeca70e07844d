#include "protocol/mime/header.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mime {
namespace {

const std::string kBlock =
    "Received: from x\r\n\tby y\r\nFrom: a@b\r\nSUBJECT : folded\r\n  line\r\nX-Empty:\r\n"
    "no colon here\r\nTo: c@d\r\nsubject: again\r\n\r\nbody: not a field\r\n";

std::string only(const std::string& block, const std::vector<std::string>& names) {
  std::string out;
  header_fields(block, FieldNames(names), FieldFilter::kOnly, &out);
  return out;
}
std::string all_but(const std::string& block, const std::vector<std::string>& names) {
  std::string out;
  header_fields(block, FieldNames(names), FieldFilter::kNot, &out);
  return out;
}

TEST(HeaderReaderTest, GivesEveryFieldWithItsFolding) {
  HeaderReader reader(kBlock);
  const auto received = reader.next();
  ASSERT_TRUE(received.has_value());
  EXPECT_EQ(received->name, "Received");
  EXPECT_EQ(received->value, " from x\r\n\tby y");
  EXPECT_EQ(received->raw, "Received: from x\r\n\tby y\r\n");
  EXPECT_EQ(reader.next()->name, "From");
  EXPECT_EQ(reader.next()->name, "SUBJECT");
  const auto empty = reader.next();
  EXPECT_EQ(empty->name, "X-Empty");
  EXPECT_EQ(empty->value, "");
  const auto line = reader.next();
  EXPECT_FALSE(line->has_colon);
  EXPECT_EQ(line->name, "no colon here");
  EXPECT_EQ(reader.next()->name, "To");
  EXPECT_EQ(reader.next()->name, "subject");
  EXPECT_FALSE(reader.next().has_value()) << "what follows the empty line is the body";
}

TEST(HeaderReaderTest, TakesBrokenBlocks) {
  const auto count = [](std::string_view block) {
    HeaderReader reader(block);
    int fields = 0;
    std::size_t bytes = 0;
    while (const auto field = reader.next()) {
      ++fields;
      bytes += field->raw.size();
    }
    EXPECT_LE(bytes, block.size());
    return fields;
  };
  EXPECT_EQ(count(""), 0);
  EXPECT_EQ(count("\r\n"), 0);
  EXPECT_EQ(count("\nA: b"), 0);
  EXPECT_EQ(count("A: b"), 1);
  EXPECT_EQ(count("A: b\nC: d\n\n"), 2);
  EXPECT_EQ(count(" leading blank\r\nA: b\r\n"), 2);
  EXPECT_EQ(count("A: b\rC: d\r\n"), 1);
  EXPECT_EQ(count("A: b\r\n \r\n\t\r\nC: d\r\n"), 2);
  EXPECT_EQ(count(":\r\n: x\r\n"), 2);
}

TEST(HeaderTest, FindFieldGivesTheFirstOne) {
  EXPECT_EQ(find_field(kBlock, "subject"), " folded\r\n  line");
  EXPECT_EQ(find_field(kBlock, "X-EMPTY"), "");
  EXPECT_EQ(find_field(kBlock, "Cc"), std::nullopt);
  EXPECT_EQ(find_field(kBlock, "no colon here"), std::nullopt);
  EXPECT_EQ(find_field(kBlock, "body"), std::nullopt);
}

TEST(HeaderTest, UnfoldTakesLineEndsOut) {
  EXPECT_EQ(unfold(" a\r\n b\n\tc \r\n"), "a b\tc");
  EXPECT_EQ(unfold("a\rb"), "a\rb");
  EXPECT_EQ(unfold(" \r\n "), "");
}

TEST(HeaderTest, ReadableTextHasSingleBlanks) {
  EXPECT_EQ(readable_text(" a\r\n\t b  c "), "a b c");
  EXPECT_EQ(readable_text(std::string("a\0b", 3)),
            "a\xef\xbf\xbd"
            "b");
}

TEST(HeaderFieldsTest, KeepsOrderFoldingAndRepetitions) {
  EXPECT_EQ(only(kBlock, {"Subject", "FROM"}),
            "From: a@b\r\nSUBJECT : folded\r\n  line\r\nsubject: again\r\n\r\n");
  EXPECT_EQ(only(kBlock, {"To"}), "To: c@d\r\n\r\n");
}

TEST(HeaderFieldsTest, NotGivesTheRestAndLinesThatAreNoFields) {
  EXPECT_EQ(all_but(kBlock, {"Received", "subject", "To"}),
            "From: a@b\r\nX-Empty:\r\nno colon here\r\n\r\n");
}

TEST(HeaderFieldsTest, EndsWithAnEmptyLineWhateverThereIs) {
  EXPECT_EQ(only("", {"To"}), "\r\n");
  EXPECT_EQ(only(kBlock, {"Cc"}), "\r\n");
  EXPECT_EQ(only("To: x", {"To"}), "To: x\r\n\r\n");
  EXPECT_EQ(only("To: x\r\n", {"To"}), "To: x\r\n\r\n");
  EXPECT_EQ(only("To: x\n\n", {"To"}), "To: x\n\r\n");
  EXPECT_EQ(all_but("\r\n", {"To"}), "\r\n");
}

TEST(HeaderFieldsTest, ALineWithoutAColonHasNoName) {
  EXPECT_EQ(only("Subject\r\nTo: x\r\n\r\n", {"subject"}), "\r\n");
}

TEST(HeaderFieldsTest, AppendsAndMatchesWholeNamesOnly) {
  std::string out = "before ";
  const std::vector<std::string> names = {"To"};
  header_fields("T: 1\r\nTo: 2\r\nToo: 3\r\nto-x: 4\r\n\r\n", FieldNames(names), FieldFilter::kOnly,
                &out);
  EXPECT_EQ(out, "before To: 2\r\n\r\n");
}

TEST(FieldNamesTest, ContainsInAnyCase) {
  const std::vector<std::string> names = {"From", "x-PRIORITY", ""};
  const FieldNames set(names);
  EXPECT_TRUE(set.contains("from"));
  EXPECT_TRUE(set.contains("FROM"));
  EXPECT_TRUE(set.contains("X-Priority"));
  EXPECT_TRUE(set.contains(""));
  EXPECT_FALSE(set.contains("Frog"));
  EXPECT_FALSE(set.contains("X-Priority2"));
}

}  // namespace
}  // namespace mime
