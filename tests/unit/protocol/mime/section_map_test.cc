#include "protocol/mime/section_map.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/imap/lexer.h"
#include "protocol/imap/section.h"
#include "protocol/mime/parser.h"
#include "protocol/mime/varint.h"
#include "tests/unit/protocol/mime/samples.h"

namespace mime {
namespace {

using namespace std::string_literals;

imap::Section section(const std::string& spec) {
  const std::string wire = "[" + spec + "]";
  imap::Lexer lexer(wire);
  auto result = imap::decode_section(lexer);
  EXPECT_TRUE(result.has_value()) << spec;
  return result.value_or(imap::Section{});
}

// The bytes of a section of `message`; "-" when there is none.
std::string bytes_of(const std::string& message, const std::string& spec) {
  const Message parsed = parse(message);
  const auto map = SectionMap::decode(parsed.section_map);
  EXPECT_TRUE(map.has_value());
  const auto range = map->find(section(spec));
  if (!range) return "-";
  EXPECT_LE(range->end(), message.size());
  return message.substr(range->offset, range->size);
}

// ---- RFC 3501 6.4.5, with a message like the one of its example ----

const std::string kInner =
    "Subject: inner\r\nContent-Type: multipart/mixed; boundary=I\r\n\r\n"
    "--I\r\n\r\nI1\r\n--I\r\nX: y\r\n\r\nI2\r\n--I--\r\n";
const std::string kPlainInner = "Subject: plain\r\n\r\ntext of it";
const std::string kMessage =
    "Subject: outer\r\nContent-Type: multipart/mixed; boundary=O\r\n\r\npreamble\r\n"
    "--O\r\nContent-Type: text/plain\r\n\r\nO1\r\n"
    "--O\r\nContent-Type: message/rfc822\r\n\r\n" +
    kInner +
    "\r\n"
    "--O\r\nContent-Type: multipart/alternative; boundary=A\r\n\r\n"
    "--A\r\n\r\nA1\r\n--A\r\nContent-Type: text/html\r\n\r\nA2\r\n--A--\r\n\r\n"
    "--O\r\nContent-Type: message/rfc822\r\n\r\n" +
    kPlainInner + "\r\n--O--\r\nepilogue";

struct FindCase {
  const char* spec;
  std::string expected;
};
class FindTest : public testing::TestWithParam<FindCase> {};
TEST_P(FindTest, GivesTheseBytes) {
  EXPECT_EQ(bytes_of(kMessage, GetParam().spec), GetParam().expected) << GetParam().spec;
}
const std::string kHeader = kMessage.substr(0, kMessage.find("preamble"));
INSTANTIATE_TEST_SUITE_P(
    Rfc3501, FindTest,
    testing::ValuesIn(std::vector<FindCase>{
        {"", kMessage},
        {"HEADER", kHeader},
        {"HEADER.FIELDS (X)", kHeader},
        {"HEADER.FIELDS.NOT (X)", kHeader},
        {"TEXT", kMessage.substr(kHeader.size())},
        {"1", "O1"},
        {"1.MIME", "Content-Type: text/plain\r\n\r\n"},
        {"1.HEADER", "-"},
        {"1.TEXT", "-"},
        {"1.1", "-"},
        {"2", kInner},
        {"2.MIME", "Content-Type: message/rfc822\r\n\r\n"},
        {"2.HEADER", kInner.substr(0, kInner.find("--I"))},
        {"2.HEADER.FIELDS (SUBJECT)", kInner.substr(0, kInner.find("--I"))},
        {"2.TEXT", kInner.substr(kInner.find("--I"))},
        {"2.1", "I1"},
        {"2.1.MIME", "\r\n"},
        {"2.2", "I2"},
        {"2.2.MIME", "X: y\r\n\r\n"},
        {"2.3", "-"},
        {"2.1.1", "-"},
        {"3", "--A\r\n\r\nA1\r\n--A\r\nContent-Type: text/html\r\n\r\nA2\r\n--A--\r\n"},
        {"3.MIME", "Content-Type: multipart/alternative; boundary=A\r\n\r\n"},
        {"3.HEADER", "-"},
        {"3.1", "A1"},
        {"3.2", "A2"},
        {"3.2.MIME", "Content-Type: text/html\r\n\r\n"},
        {"4", kPlainInner},
        {"4.HEADER", "Subject: plain\r\n\r\n"},
        {"4.TEXT", "text of it"},
        {"4.1", "text of it"},
        {"4.1.MIME", "Subject: plain\r\n\r\n"},
        {"4.2", "-"},
        {"4.1.1", "-"},
        {"5", "-"},
        {"4294967295", "-"},
    }));

TEST(SectionMapTest, PartOneOfAMessageThatIsNoMultipartIsItsBody) {
  const std::string message = "Subject: s\r\n\r\nbody";
  EXPECT_EQ(bytes_of(message, "1"), "body");
  EXPECT_EQ(bytes_of(message, "1.MIME"), "Subject: s\r\n\r\n");
  EXPECT_EQ(bytes_of(message, "1.HEADER"), "-");
  EXPECT_EQ(bytes_of(message, "1.1"), "-");
  EXPECT_EQ(bytes_of(message, "2"), "-");
}

TEST(SectionMapTest, AMessageAtTheTopIsPartOne) {
  const std::string message = "Content-Type: message/rfc822\r\n\r\n" + kInner;
  EXPECT_EQ(bytes_of(message, "1"), kInner);
  EXPECT_EQ(bytes_of(message, "1.HEADER"), kInner.substr(0, kInner.find("--I")));
  EXPECT_EQ(bytes_of(message, "1.2"), "I2");
  EXPECT_EQ(bytes_of(message, "1.3"), "-");
}

TEST(SectionMapTest, AMultipartWithoutPartsHasTheEmptyPartThatItsStructureShows) {
  const std::string message = "Content-Type: multipart/mixed; boundary=B\r\n\r\nno parts";
  EXPECT_EQ(bytes_of(message, "1"), "");
  EXPECT_EQ(bytes_of(message, "1.MIME"), "");
  EXPECT_EQ(bytes_of(message, "1.1"), "-");
  EXPECT_EQ(bytes_of(message, "2"), "-");
}

TEST(SectionMapTest, TellsWhatTheHeaderBlockAloneCanServe) {
  for (const char* spec : {"HEADER", "HEADER.FIELDS (A)", "HEADER.FIELDS.NOT (A)"}) {
    EXPECT_TRUE(SectionMap::in_header(section(spec))) << spec;
  }
  for (const char* spec : {"", "TEXT", "1", "1.MIME", "1.HEADER", "2.HEADER.FIELDS (A)"}) {
    EXPECT_FALSE(SectionMap::in_header(section(spec))) << spec;
  }
}

// ---- the stored form ----

TEST(SectionMapTest, HasTheseGoldenBytes) {
  EXPECT_EQ(parse("").section_map, "\x01\x00\x00\x00\x00"s);
  EXPECT_EQ(parse("Subject: s\r\n\r\nbody").section_map, "\x01\x00\x00\x0e\x04"s);
  EXPECT_EQ(parse("Subject: s\r\n\r\n" + std::string(300, 'x')).section_map,
            "\x01\x00\x00\x0e\xac\x02"s);
  EXPECT_EQ(parse(kMessage).section_map,
            "\x01"                      // version
            "\x01\x00\x3d\xf8\x02\x04"  // the message: multipart, 61 + 376 bytes, 4 parts
            "\x00\x0f\x1c\x02"          // 1: 15 bytes on, 28 + 2
            "\x02\x07\x20\x60"          // 2: message/rfc822
            "\x01\x00\x3d\x23\x02"      //    its message: multipart of 2
            "\x00\x05\x02\x02"          //    2.1
            "\x00\x07\x08\x02"          //    2.2
            "\x01\x07\x33\x36\x02"      // 3: multipart of 2
            "\x00\x05\x02\x02"          //    3.1
            "\x00\x07\x1b\x02"          //    3.2
            "\x02\x07\x20\x1c"          // 4: message/rfc822
            "\x00\x00\x12\x0a"s);       //    its message
}

TEST(SectionMapTest, RefusesWhatItDoesNotKnow) {
  const std::string good = parse(kMessage).section_map;
  EXPECT_FALSE(SectionMap::decode("").has_value());
  EXPECT_FALSE(SectionMap::decode("\x02\x00\x00\x00\x00"s).has_value()) << "version";
  EXPECT_FALSE(SectionMap::decode("\x01\x03\x00\x00\x00"s).has_value()) << "kind";
  EXPECT_FALSE(SectionMap::decode("\x01\x00\x01\x00\x00"s).has_value()) << "gap before the message";
  EXPECT_FALSE(SectionMap::decode(good + "x").has_value()) << "bytes behind it";
  EXPECT_FALSE(SectionMap::decode("\x01\x02\x00\x00\x05\x00\x00\x03\x03"s).has_value())
      << "a part that is larger than what holds it";
  EXPECT_EQ(SectionMap::decode("").error().code(), Errc::kCorruption);
}

TEST(SectionMapTest, RefusesEveryTruncation) {
  const std::string good = parse(kMessage).section_map;
  ASSERT_TRUE(SectionMap::decode(good).has_value());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(SectionMap::decode(good.substr(0, size)).has_value()) << size;
  }
}

TEST(SectionMapTest, SurvivesEveryDamagedByte) {
  const std::string good = parse(kMessage).section_map;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string damaged = good;
      damaged[at] = static_cast<char>(value);
      const auto map = SectionMap::decode(damaged);
      if (!map) continue;
      for (const char* spec : {"1", "2.1", "2.2.MIME", "3.2", "4.HEADER", "4.1", "5", "TEXT"}) {
        if (const auto range = map->find(section(spec))) {
          EXPECT_LE(range->end(), map->whole().size);
        }
      }
    }
  }
}

TEST(SectionMapTest, RefusesEndlessNesting) {
  std::string nested = "\x01"s;
  for (int i = 0; i < 100'000; ++i) nested += "\x02\x00\x00\x00"s;
  EXPECT_FALSE(SectionMap::decode(nested + "\x00\x00\x00\x00"s).has_value());
  std::string wide = "\x01\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s;
  EXPECT_FALSE(SectionMap::decode(wide).has_value());
}

TEST(VarintTest, RoundTripsAndRefusesWhatIsTooLong) {
  for (const std::uint64_t value : {0UL, 1UL, 127UL, 128UL, 16'383UL, 16'384UL, ~0UL}) {
    std::string bytes;
    append_varint(value, &bytes);
    std::string_view rest = bytes;
    EXPECT_EQ(take_varint(&rest), value);
    EXPECT_TRUE(rest.empty());
    rest = std::string_view(bytes).substr(0, bytes.size() - 1);
    EXPECT_EQ(take_varint(&rest), std::nullopt);
  }
  std::string_view rest = "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02";
  EXPECT_EQ(take_varint(&rest), std::nullopt);
}

}  // namespace
}  // namespace mime
