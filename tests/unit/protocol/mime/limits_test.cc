#include "protocol/mime/limits.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/imap/body_structure.h"
#include "protocol/imap/envelope.h"
#include "protocol/mime/parser.h"
#include "protocol/mime/search_text.h"
#include "protocol/mime/section_map.h"

namespace mime {
namespace {

std::string nested_multiparts(int levels) {
  std::string out;
  for (int i = 0; i < levels; ++i) {
    const std::string boundary = "b" + std::to_string(i) + "_";
    out += "Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n--" + boundary + "\r\n";
  }
  return out + "\r\ninnermost\r\n";
}

std::string nested_messages(int levels) {
  std::string out;
  for (int i = 0; i < levels; ++i) {
    out += "From: m" + std::to_string(i) + "@x\r\nContent-Type: message/rfc822\r\n\r\n";
  }
  return out + "Subject: innermost\r\n\r\nx\r\n";
}

std::size_t depth_of(const imap::BodyStructure& structure) {
  std::size_t depth = 0;
  for (const imap::BodyStructure& part : structure.parts) depth = std::max(depth, depth_of(part));
  return depth + 1;
}

// Whatever a message is made of, what is told of it must be whole and coded within bounds.
void expect_sound(const Message& message, std::uint64_t size) {
  EXPECT_EQ(message.size_bytes, size);
  const auto map = SectionMap::decode(message.section_map);
  ASSERT_TRUE(map.has_value());
  EXPECT_EQ(map->whole(), (Range{0, size}));
  std::string wire;
  imap::encode_body_structure(message.structure, &wire);
  EXPECT_TRUE(imap::decode_body_structure(wire).has_value());
}

TEST(LimitsTest, NestedMultipartsEndInAnOpaquePart) {
  for (const int levels : {98, 99, 100, 1'000, 100'000}) {
    const std::string bytes = nested_multiparts(levels);
    const Message message = parse(bytes);
    expect_sound(message, bytes.size());
    EXPECT_EQ(depth_of(message.structure), static_cast<std::size_t>(std::min(levels + 1, 100)));
  }
}

TEST(LimitsTest, NestedMessagesEndInAnOpaquePart) {
  for (const int levels : {98, 99, 100, 1'000, 100'000}) {
    const std::string bytes = nested_messages(levels);
    SearchText search([](std::string_view) {});
    Parser parser(&search);
    parser.feed(bytes);
    const Message message = parser.finish();
    expect_sound(message, bytes.size());
    EXPECT_EQ(depth_of(message.structure), static_cast<std::size_t>(std::min(levels + 1, 100)));
  }
}

TEST(LimitsTest, TheOpaquePartSaysItIsOne) {
  const std::string bytes = nested_messages(3);
  Parser parser(nullptr, {.depth = 2});
  parser.feed(bytes);
  const Message message = parser.finish();
  expect_sound(message, bytes.size());
  const imap::BodyStructure& inner = message.structure.parts.at(0);
  EXPECT_EQ(inner.type + "/" + inner.subtype, "application/octet-stream");
  EXPECT_TRUE(inner.parts.empty());
}

TEST(LimitsTest, PartsBeyondTheLimitBelongToTheLastOne) {
  std::string bytes = "Content-Type: multipart/mixed; boundary=B\r\n\r\n";
  for (int i = 0; i < 20'000; ++i) bytes += "--B\r\n\r\n" + std::to_string(i) + "\r\n";
  bytes += "--B--\r\n";
  const Message message = parse(bytes);
  expect_sound(message, bytes.size());
  ASSERT_EQ(message.structure.parts.size(), 9'999U);
  EXPECT_EQ(message.structure.parts[9'997].octets, 4U);
  EXPECT_GT(message.structure.parts[9'998].octets, 100'000U);
}

TEST(LimitsTest, HeadersInAllAreLimited) {
  std::string bytes = "Content-Type: multipart/mixed; boundary=B\r\n\r\n";
  for (int i = 0; i < 100; ++i) {
    bytes += "--B\r\nX-Long: " + std::string(50'000, 'x') + "\r\n\r\nbody\r\n";
  }
  const Message message = parse(bytes);
  expect_sound(message, bytes.size());
  EXPECT_GT(message.structure.parts.size(), 15U);
  EXPECT_LT(message.structure.parts.size(), 30U);
}

TEST(LimitsTest, ALongHeaderIsCutAndSaysSo) {
  const std::string bytes =
      "Subject: early\r\nX-Long: " + std::string(300'000, 'x') + "\r\nFrom: late@x\r\n\r\nbody\r\n";
  const Message message = parse(bytes);
  expect_sound(message, bytes.size());
  EXPECT_FALSE(message.header_is_whole);
  EXPECT_EQ(message.header.size(), Limits{}.part_header_bytes);
  EXPECT_EQ(message.envelope.subject, "early");
  EXPECT_TRUE(message.envelope.from.empty());
  EXPECT_EQ(message.structure.octets, 6U);
}

TEST(LimitsTest, AddressesAreLimited) {
  std::string list;
  for (int i = 0; i < 30'000; ++i) list += "a@b,";
  const Message message = parse("To: " + list + "\r\nCc: " + list + "\r\n\r\n");
  EXPECT_EQ(message.envelope.to.size(), Limits{}.addresses);
  EXPECT_TRUE(message.envelope.cc.empty());
}

TEST(LimitsTest, ParametersAreLimited) {
  std::string header = "Content-Type: text/plain";
  for (int i = 0; i < 20'000; ++i) header += ";a=b";
  EXPECT_LE(parse(header + "\r\n\r\n").structure.parameters.size(), 1'001U);
}

// Each of these would take minutes if anything looked at all of it again for every byte.
TEST(LimitsTest, RepetitionTakesNoLongerThanItsLength) {
  const auto repeat = [](std::string_view text, std::size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += text;
    return out;
  };
  constexpr std::size_t kSize = 60'000;
  for (const std::string_view field :
       {"From: ", "Content-Type: ", "Subject: ", "Content-Type: a/b;"}) {
    for (const std::string_view text :
         {"(", "\"", "<", "<@", "a <", "a:", ";", ",", "=?a?q?", "=?utf-8?q?x?=", "=?a?b?=\r\n ",
          "x*0=", ";a*0=b", "\\", "[", "@", "a.", "((\\"}) {
      const std::string bytes =
          std::string(field) + repeat(text, kSize) + "\r\n\r\n" + repeat("--", kSize);
      SearchText search([](std::string_view) {});
      Parser parser(&search);
      parser.feed(bytes);
      expect_sound(parser.finish(), bytes.size());
    }
  }
}

TEST(LimitsTest, ManyOpenBoundariesWithACommonBeginning) {
  std::string bytes;
  for (int i = 0; i < 99; ++i) {
    const std::string boundary = std::string(60, 'a') + std::to_string(i);
    bytes +=
        "Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n--" + boundary + "\r\n";
  }
  bytes += "\r\n";
  for (int i = 0; i < 20'000; ++i) bytes += "--" + std::string(59, 'a') + "\r\n";
  expect_sound(parse(bytes), bytes.size());
}

}  // namespace
}  // namespace mime
