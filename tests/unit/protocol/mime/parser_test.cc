#include "protocol/mime/parser.h"

#include <gtest/gtest.h>

#include <numeric>

#include "protocol/imap/body_structure.h"
#include "protocol/imap/envelope.h"
#include "protocol/mime/section_map.h"
#include "tests/unit/protocol/mime/samples.h"

namespace mime {
namespace {

std::string body_structure_of(const Message& message) {
  std::string out;
  imap::encode_body_structure(message.structure, &out);
  return out;
}

std::string envelope_of(std::string_view header) {
  std::string out;
  imap::encode_envelope(parse(header).envelope, &out);
  return out;
}

class SampleTest : public testing::TestWithParam<Sample> {};

TEST_P(SampleTest, HasThisBodyStructure) {
  const Message message = parse(GetParam().message);
  EXPECT_EQ(body_structure_of(message), GetParam().body_structure);
  EXPECT_EQ(message.size_bytes, GetParam().message.size());
}

TEST_P(SampleTest, IsTheSameHoweverItIsCut) {
  const std::string& message = GetParam().message;
  const std::string whole = describe(message);
  std::vector<std::size_t> every_byte(message.size());
  std::iota(every_byte.begin(), every_byte.end(), 0);
  EXPECT_EQ(describe(message, every_byte), whole);
  if (message.size() > 1000) return;
  for (std::size_t cut = 0; cut < message.size(); ++cut) {
    ASSERT_EQ(describe(message, {cut}), whole) << "cut at " << cut;
  }
}

TEST_P(SampleTest, HasAllItsRangesInside) {
  const std::string& message = GetParam().message;
  const Message parsed = parse(message);
  const auto map = SectionMap::decode(parsed.section_map);
  ASSERT_TRUE(map.has_value());
  EXPECT_EQ(map->whole(), (Range{0, message.size()}));
  EXPECT_EQ(parsed.header, message.substr(0, map->header().size));
}

INSTANTIATE_TEST_SUITE_P(All, SampleTest, testing::ValuesIn(samples()),
                         [](const auto& info) { return info.param.name; });

TEST(ParserTest, TakesCutsWithManyBytesInBetween) {
  for (const Sample& sample : samples()) {
    for (const std::size_t step : {2UZ, 3UZ, 7UZ, 64UZ, 85UZ, 256UZ, 1000UZ}) {
      std::vector<std::size_t> cuts;
      for (std::size_t at = step; at < sample.message.size(); at += step) cuts.push_back(at);
      ASSERT_EQ(describe(sample.message, cuts), describe(sample.message)) << sample.name;
    }
  }
}

TEST(ParserTest, FillsTheEnvelope) {
  EXPECT_EQ(envelope_of("Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nSubject: s\r\nFrom: F <f@d>\r\n"
                        "Sender: s@d\r\nReply-To: r@d\r\nTo: t@d, u@d\r\nCc: c@d\r\nBcc: b@d\r\n"
                        "In-Reply-To: <i@d>\r\nMessage-ID: <m@d>\r\n\r\n"),
            R"(("Mon, 1 Jan 2024 00:00:00 +0000" "s" (("F" NIL "f" "d")) ((NIL NIL "s" "d")) )"
            R"(((NIL NIL "r" "d")) ((NIL NIL "t" "d")(NIL NIL "u" "d")) ((NIL NIL "c" "d")) )"
            R"(((NIL NIL "b" "d")) "<i@d>" "<m@d>"))");
}

TEST(ParserTest, SenderAndReplyToDefaultToFrom) {
  constexpr const char* kExpected =
      R"((NIL NIL ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL))";
  EXPECT_EQ(envelope_of("From: a@b\r\n\r\n"), kExpected);
  EXPECT_EQ(envelope_of("From: a@b\r\nSender: \r\nReply-To: (nobody)\r\n\r\n").substr(0, 60),
            std::string(kExpected).substr(0, 60));
}

TEST(ParserTest, EnvelopeTextIsUnfoldedButNotDecoded) {
  const auto subject = [](const std::string& value) {
    return parse("Subject:" + value + "\r\n\r\n").envelope.subject.value();
  };
  EXPECT_EQ(subject(" =?utf-8?q?=C3=A4?=\r\n =?utf-8?q?b?="), "=?utf-8?q?=C3=A4?= =?utf-8?q?b?=");
  EXPECT_EQ(subject("\r\n\tlate  start \r\n\t "), "late start");
  EXPECT_EQ(subject(""), "");
  EXPECT_EQ(subject(" \xe9"), "\xe9");
  EXPECT_EQ(subject(" stray\rCR"), "stray CR");
  EXPECT_EQ(subject(std::string(" a\0b", 4)),
            "a\xef\xbf\xbd"
            "b");
  const auto id = [](const std::string& value) {
    return parse("Message-ID:" + value + "\r\n\r\n").envelope.message_id.value();
  };
  EXPECT_EQ(id(" <a@b> "), "<a@b> ");
  EXPECT_EQ(id("\r\n <a@b>"), " <a@b>");
  EXPECT_EQ(id(" <a\rb>"), "<a b>");
}

TEST(ParserTest, RepeatedFieldsJoinAddressesAndTheLastTextCounts) {
  const imap::Envelope envelope =
      parse("From: a@b\r\nSubject: 1\r\nFrom: c@d\r\nSubject: 2\r\n\r\n").envelope;
  EXPECT_EQ(envelope.from.size(), 2U);
  EXPECT_EQ(envelope.subject, "2");
}

}  // namespace
}  // namespace mime
