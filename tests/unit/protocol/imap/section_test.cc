#include "protocol/imap/section.h"

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
    // RFC 3501 section 9: section, section-spec
    {"Whole", "[]", true, "[]"},
    {"Header", "[header]", true, "[HEADER]"},
    {"Text", "[TEXT]", true, "[TEXT]"},
    {"Fields", "[HEADER.FIELDS (Date \"from\")]", true, "[HEADER.FIELDS (Date from)]"},
    {"FieldsNot", "[header.fields.not (A)]", true, "[HEADER.FIELDS.NOT (A)]"},
    {"Part", "[1.2.3]", true, "[1.2.3]"},
    {"PartMime", "[1.MIME]", true, "[1.MIME]"},
    {"PartHeader", "[2.1.HEADER]", true, "[2.1.HEADER]"},
    {"PartFields", "[4.2.HEADER.FIELDS (X)]", true, "[4.2.HEADER.FIELDS (X)]"},
    {"MimeWithoutPart", "[MIME]", false, ""},
    {"PartZero", "[0]", false, ""},
    {"PartTrailingDot", "[1.]", false, ""},
    {"LeadingDot", "[.TEXT]", false, ""},
    {"NoFields", "[HEADER.FIELDS ()]", false, ""},
    {"FieldsWithoutList", "[HEADER.FIELDS]", false, ""},
    {"Unknown", "[BODY]", false, ""},
    {"HeaderX", "[HEADERS]", false, ""},
    {"NoEnd", "[1", false, ""},
    {"Over32Bit", "[4294967296]", false, ""},
    {"Space", "[ TEXT]", false, ""},
};

class SectionTest : public testing::TestWithParam<Case> {};

TEST_P(SectionTest, DecodesThenEncodesCanonically) {
  for (const Dialect dialect : {Dialect::kStrict, Dialect::kTolerant}) {
    Lexer lexer(GetParam().input, {.dialect = dialect});
    const auto section = decode_section(lexer);
    ASSERT_EQ(section.has_value(), GetParam().valid) << (section ? "" : section.error().text());
    if (!section) continue;
    EXPECT_TRUE(lexer.at_end());
    std::string out;
    Writer writer(out);
    encode_section(writer, *section);
    EXPECT_EQ(out, GetParam().encoded);
  }
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, SectionTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(SectionTest, LimitsDepthAndFields) {
  std::string deep = "[1";
  for (int i = 0; i < 10'000; ++i) deep += ".1";
  deep += "]";
  Lexer lexer(deep);
  EXPECT_EQ(decode_section(lexer).error().code(), Errc::kLimit);
  Lexer fields("[HEADER.FIELDS (A B C)]");
  EXPECT_EQ(decode_section(fields, {.fields = 2}).error().code(), Errc::kLimit);
}

TEST(PartialTest, HasALength) {
  Lexer lexer("<0.2048>");
  EXPECT_EQ(decode_partial(lexer)->value(), (Partial{0, 2048}));
  EXPECT_TRUE(lexer.at_end());
  for (const std::string_view broken : {"<0.0>", "<1>", "<.1>", "<1.2", "<-1.2>"}) {
    Lexer bad(broken);
    EXPECT_FALSE(decode_partial(bad)) << broken;
  }
  Lexer none(" x");
  EXPECT_EQ(decode_partial(none).value(), std::nullopt);
  Lexer origin("<42>");
  EXPECT_EQ(decode_origin(origin).value(), 42U);
}

}  // namespace
}  // namespace imap
