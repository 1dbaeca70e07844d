#include "protocol/imap/body_structure.h"

#include <gtest/gtest.h>

namespace imap {
namespace {

std::string structure(const BodyStructure& body) {
  std::string out;
  encode_body_structure(body, &out);
  return out;
}

std::string plain(const BodyStructure& body) {
  std::string out;
  encode_body(body, &out);
  return out;
}

BodyStructure text_part() {
  BodyStructure part;
  part.type = "TEXT";
  part.subtype = "PLAIN";
  part.parameters = {{"CHARSET", "US-ASCII"}, {"NAME", "cc.diff"}};
  part.id = "<960723163407.20117h@cac.washington.edu>";
  part.description = "Compiler diff";
  part.encoding = "BASE64";
  part.octets = 4554;
  part.lines = 73;
  return part;
}

BodyStructure message_part() {
  BodyStructure part;
  part.type = "message";
  part.subtype = "rfc822";
  part.encoding = "7bit";
  part.octets = 641;
  part.lines = 31;
  part.envelope.emplace();
  part.envelope->subject = "inner";
  part.parts = {text_part()};
  part.md5 = "Q2hlY2sgSW50ZWdyaXR5IQ==";
  part.disposition = {"attachment", {{"filename", "a \"b\".eml"}}};
  part.language = {"cs", "en"};
  part.location = "http://example.org/";
  return part;
}

BodyStructure mixed() {
  BodyStructure body;
  body.type = "MULTIPART";
  body.subtype = "MIXED";
  body.parameters = {{"boundary", "b"}};
  body.parts = {text_part(), message_part()};
  body.disposition = {"inline", {}};
  return body;
}

TEST(BodyStructureTest, EncodesBothForms) {
  EXPECT_EQ(plain(text_part()),
            R"(("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff") )"
            R"("<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 4554 73))");
  EXPECT_EQ(structure(text_part()),
            R"(("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff") )"
            R"("<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 4554 73 )"
            R"(NIL NIL NIL NIL))");
  EXPECT_EQ(
      structure(mixed()),
      "(" + structure(text_part()) +
          R"(("message" "rfc822" NIL NIL NIL "7bit" 641 )"
          R"((NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL) )" +
          structure(text_part()) +
          R"( 31 "Q2hlY2sgSW50ZWdyaXR5IQ==" ("attachment" ("filename" "a \"b\".eml")) )"
          R"(("cs" "en") "http://example.org/") "MIXED" ("boundary" "b") ("inline" NIL) NIL NIL))");
  EXPECT_EQ(plain(mixed()), "(" + plain(text_part()) + plain(message_part()) + R"( "MIXED"))");
}

TEST(BodyStructureTest, DecodesWhatItEncodes) {
  for (const BodyStructure& body : {text_part(), message_part(), mixed()}) {
    const auto got = decode_body_structure(structure(body));
    ASSERT_TRUE(got);
    EXPECT_EQ(*got, body);
    EXPECT_EQ(plain(*decode_body_structure(plain(body))), plain(body));
  }
}

TEST(BodyStructureTest, AnyByteSurvivesInAnyField) {
  for (int c = 0; c < 256; ++c) {
    const std::string s = "x" + std::string(1, static_cast<char>(c));
    BodyStructure body = message_part();
    body.parameters = {{s, s}};
    body.id = body.description = body.md5 = body.location = s;
    body.encoding = s;
    body.disposition = {s, {{s, s}}};
    body.language = {s};
    body.envelope->date = s;
    const auto got = decode_body_structure(structure(body));
    ASSERT_TRUE(got) << c;
    EXPECT_EQ(*got, body) << c;
  }
}

TEST(BodyStructureTest, WhatTheGrammarForbidsIsFilledIn) {
  BodyStructure body;
  body.type = "multipart";
  body.subtype = "mixed";
  EXPECT_EQ(plain(body), R"((("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 0 0) "mixed"))");
  body.type = "MESSAGE";
  body.subtype = "RFC822";
  EXPECT_EQ(plain(body), R"(("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 0 )"
                         R"((NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) )"
                         R"(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 0 0) 0))");
  body.subtype = "DELIVERY-STATUS";
  EXPECT_EQ(plain(body), R"(("MESSAGE" "DELIVERY-STATUS" NIL NIL NIL "7BIT" 0))");
  body.type = "TEXT";
  body.octets = body.lines = std::uint64_t{1} << 40;
  EXPECT_EQ(plain(body), R"(("TEXT" "DELIVERY-STATUS" NIL NIL NIL "7BIT" 4294967295 4294967295))");
}

TEST(BodyStructureTest, NestingIsLimitedBothWays) {
  BodyStructure body = text_part();
  for (int i = 0; i < 300; ++i) {
    BodyStructure outer = i % 2 == 0 ? mixed() : message_part();
    outer.parts = {std::move(body)};
    body = std::move(outer);
  }
  const std::string wire = structure(body);
  const auto got = decode_body_structure(wire);
  ASSERT_TRUE(got);
  EXPECT_EQ(structure(*got), wire);
  int depth = 1;
  for (const BodyStructure* part = &*got; !part->parts.empty(); part = &part->parts.front()) {
    ++depth;
  }
  EXPECT_EQ(depth, kMaxBodyDepth + 1);  // the opaque leaf below the last level

  EXPECT_TRUE(decode_body_structure(std::string(100'000, '(')));
  EXPECT_TRUE(decode_body_structure(std::string(100'000, '(') + std::string(100'000, ')')));
}

TEST(BodyStructureTest, PartsAreLimited) {
  std::string wire = "(";
  for (std::size_t i = 0; i < kMaxBodyParts + 100; ++i) wire += "(\"a\" \"b\" NIL NIL NIL \"c\" 1)";
  const auto got = decode_body_structure(wire + " \"mixed\")");
  ASSERT_TRUE(got);
  EXPECT_LE(got->parts.size(), kMaxBodyParts);
  EXPECT_EQ(got->subtype, "mixed");
}

TEST(BodyStructureTest, EveryPrefixIsSurvived) {
  const std::string wire = structure(mixed());
  for (std::size_t n = 1; n < wire.size(); ++n) {
    const auto got = decode_body_structure(wire.substr(0, n));
    ASSERT_TRUE(got) << n;
    const std::string again = structure(*got);
    EXPECT_EQ(structure(*decode_body_structure(again)), again) << n;
  }
}

struct Case {
  const char* name;
  std::string_view input;
  std::string_view encoded;  // BODYSTRUCTURE of what was decoded
};

#define EMPTY_TEXT R"(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 0 0 NIL NIL NIL NIL))"
#define NO_ENVELOPE "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"

constexpr Case kCases[] = {
    {"ExtensionsOfTheFutureAreSkipped",
     R"(("text" "plain" NIL NIL NIL "7bit" 28 2 "m" ("inline" NIL) "en" "l" "x" 12 ("y" ("z"))))",
     R"(("text" "plain" NIL NIL NIL "7bit" 28 2 "m" ("inline" NIL) ("en") "l"))"},
    {"LiteralsEverywhere",
     "(({4}\r\ntext {5}\r\nplain ({7}\r\ncharset {5}\r\nutf-8) NIL NIL {4}\r\n7bit 28 2)"
     " {5}\r\nmixed)",
     R"((("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 28 2 NIL NIL NIL NIL) "mixed" NIL )"
     R"(NIL NIL NIL))"},
    {"ExchangeDispositionAsBareString",
     R"(("APPLICATION" "PDF" ("NAME" "a.pdf") NIL NIL "BASE64" 10 NIL "attachment" NIL NIL))",
     R"(("APPLICATION" "PDF" ("NAME" "a.pdf") NIL NIL "BASE64" 10 NIL ("attachment" NIL) NIL NIL))"},
    {"ExchangeNilDisposition",
     R"(("APPLICATION" "PDF" NIL NIL NIL "BASE64" 10 NIL (NIL NIL) NIL NIL))",
     R"(("APPLICATION" "PDF" NIL NIL NIL "BASE64" 10 NIL NIL NIL NIL))"},
    {"ExchangeNilParameters",
     R"(("APPLICATION" "PDF" (NIL NIL) NIL NIL "BASE64" 10 NIL ("attachment" (NIL NIL)) NIL NIL))",
     R"(("APPLICATION" "PDF" NIL NIL NIL "BASE64" 10 NIL ("attachment" NIL) NIL NIL))"},
    {"ExchangeAllNilPart",
     R"(((NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)("TEXT" "HTML" NIL NIL NIL "7BIT" 1 1) "MIXED"))",
     R"((("APPLICATION" "OCTET-STREAM" NIL NIL NIL "7BIT" 0 NIL NIL NIL NIL))"
     R"(("TEXT" "HTML" NIL NIL NIL "7BIT" 1 1 NIL NIL NIL NIL) "MIXED" NIL NIL NIL NIL))"},
    {"ExchangeAllNilPartWithSize", R"((NIL NIL NIL NIL NIL "7BIT" 12 NIL NIL NIL NIL))",
     R"(("APPLICATION" "OCTET-STREAM" NIL NIL NIL "7BIT" 12 NIL NIL NIL NIL))"},
    {"EmptyWordForTheTypes", R"(("" ("CHARSET" "utf-8") NIL NIL "7BIT" 5 "1" NIL NIL))",
     R"(("APPLICATION" "OCTET-STREAM" ("CHARSET" "utf-8") NIL NIL "7BIT" 5 "1" NIL NIL NIL))"},
    {"ExchangeStrayDescriptionOfAMultipart",
     R"((("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1) "REPORT" ("boundary" "b") "Delivery report" NIL))",
     R"((("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1 NIL NIL NIL NIL) "REPORT" ("boundary" "b") NIL NIL )"
     R"(NIL))"},
    {"GmailEmptyMultipart",
     R"((("ALTERNATIVE" ("BOUNDARY" "x") NIL NIL)("TEXT" "HTML" NIL NIL NIL "7BIT" 6 1) "MIXED"))",
     R"((()" EMPTY_TEXT R"( "ALTERNATIVE" ("BOUNDARY" "x") NIL NIL NIL))"
     R"(("TEXT" "HTML" NIL NIL NIL "7BIT" 6 1 NIL NIL NIL NIL) "MIXED" NIL NIL NIL NIL))"},
    {"GmailEmptyMultipartWithoutParameters",
     R"((("TEXT" "HTML" NIL NIL NIL "7BIT" 6 1)("RELATED" NIL ("ATTACHMENT" NIL) NIL) "MIXED"))",
     R"((("TEXT" "HTML" NIL NIL NIL "7BIT" 6 1 NIL NIL NIL NIL))"
     R"(()" EMPTY_TEXT R"( "RELATED" NIL ("ATTACHMENT" NIL) NIL NIL) "MIXED" NIL NIL NIL NIL))"},
    {"GmailEmptyMultipartInAMessage",
     R"(("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 29 )" NO_ENVELOPE R"( ("ALTERNATIVE") 51))",
     R"(("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 29 )" NO_ENVELOPE " (" EMPTY_TEXT
     R"( "ALTERNATIVE" NIL NIL NIL NIL) 51 NIL NIL NIL NIL))"},
    {"NilSubtypeOfAMultipart",
     R"((("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1) NIL ("boundary" "b") NIL NIL))",
     R"((("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1 NIL NIL NIL NIL) "MIXED" ("boundary" "b") NIL NIL )"
     R"(NIL))"},
    {"AppleDoubleAsSinglePart",
     R"((("multipart" "appledouble" ("boundary" "q") NIL NIL "7BIT" -1 NIL NIL NIL NIL) "mixed"))",
     R"((()" EMPTY_TEXT R"( "appledouble" ("boundary" "q") NIL NIL NIL) "mixed" NIL NIL NIL NIL))"},
    {"UnescapedQuoteAtTheEndOfASubtype", "(\"TEXT\" \"HTML\"\" NIL NIL NIL {5}\r\n8bit\" 74 2)",
     R"(("TEXT" "HTML\"" NIL NIL NIL "8bit\"" 74 2 NIL NIL NIL NIL))"},
    {"GmailEncodedMessageWithoutEnvelope",
     R"(("MESSAGE" "RFC822" ("NAME" "a.eml") NIL NIL "BASE64" 99 NIL ("ATTACHMENT" NIL) NIL))",
     R"(("MESSAGE" "RFC822" ("NAME" "a.eml") NIL NIL "BASE64" 99 )" NO_ENVELOPE " " EMPTY_TEXT
     R"( 0 NIL ("ATTACHMENT" NIL) NIL NIL))"},
    {"DovecotNilForNoChildren", R"((NIL "mixed" ("boundary" "b") NIL NIL NIL))",
     "(" EMPTY_TEXT R"( "mixed" ("boundary" "b") NIL NIL NIL))"},
    {"DovecotLineCountMinusOne", R"(("text" "plain" NIL NIL NIL "7bit" 100 -1 NIL NIL NIL NIL))",
     R"(("text" "plain" NIL NIL NIL "7bit" 100 0 NIL NIL NIL NIL))"},
    {"DominoEmptyBodyOfAMessage",
     R"((("message" "rfc822"  NIL NIL NIL "7BIT" 787 )" NO_ENVELOPE
     R"( () 0 NIL NIL NIL) "report"))",
     R"((("message" "rfc822" NIL NIL NIL "7BIT" 787 )" NO_ENVELOPE " " EMPTY_TEXT
     R"( 0 NIL NIL NIL NIL) "report" NIL NIL NIL NIL))"},
    {"NilEnvelopeOfAMessage",
     R"(("message" "rfc822" NIL NIL NIL "7BIT" 787 NIL ("TEXT" "X" NIL NIL NIL "7BIT" 1 1) 5))",
     R"(("message" "rfc822" NIL NIL NIL "7BIT" 787 )" NO_ENVELOPE
     R"( ("TEXT" "X" NIL NIL NIL "7BIT" 1 1 NIL NIL NIL NIL) 5 NIL NIL NIL NIL))"},
    {"GmxMultipartAsSinglePart",
     R"((("multipart" "related" ("boundary" "q") NIL NIL "7BIT" 400 ("boundary" "q") NIL NIL NIL))"
     R"(("TEXT" "html" NIL NIL NIL "7BIT" 1115 70 NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL))",
     R"((()" EMPTY_TEXT R"( "related" ("boundary" "q") NIL NIL NIL))"
     R"(("TEXT" "html" NIL NIL NIL "7BIT" 1115 70 NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL )"
     R"(NIL NIL))"},
    {"MailRuNilBoundary",
     R"((("TEXT" "PLAIN" ("charset" NIL) NIL NIL "7BIT" 1 1) "MIXED" ("boundary" NIL) NIL NIL))",
     R"((("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1 NIL NIL NIL NIL) "MIXED" NIL NIL NIL NIL))"},
    {"MailRuNumbers", R"(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 9.3736e+06 1.5e+03))",
     R"(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 9373600 1500 NIL NIL NIL NIL))"},
    {"MaddyNilEncoding", R"(("TEXT" "PLAIN" NIL NIL NIL NIL 5 1 NIL NIL NIL NIL))",
     R"(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1 NIL NIL NIL NIL))"},
    {"MissingType", R"((("X-ZIP" ("BOUNDARY" "") NIL NIL "base64" 4096) "MIXED"))",
     R"((("APPLICATION" "X-ZIP" ("BOUNDARY" "") NIL NIL "base64" 4096 NIL NIL NIL NIL) "MIXED" )"
     R"(NIL NIL NIL NIL))"},
    {"MissingSubtype", R"((("APPLICATION" NIL NIL NIL "base64" 356) "MIXED"))",
     R"((("APPLICATION" "OCTET-STREAM" NIL NIL NIL "base64" 356 NIL NIL NIL NIL) "MIXED" )"
     R"(NIL NIL NIL NIL))"},
    {"MissingSubtypeOfText", R"(("TEXT" ("CHARSET" "x") NIL NIL "base64" 356 7))",
     R"(("TEXT" "PLAIN" ("CHARSET" "x") NIL NIL "base64" 356 7 NIL NIL NIL NIL))"},
    {"NilSubtype", R"(("TEXT" NIL ("CHARSET" "x") NIL NIL "base64" 356 7))",
     R"(("TEXT" "PLAIN" ("CHARSET" "x") NIL NIL "base64" 356 7 NIL NIL NIL NIL))"},
    {"NilLines", R"(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 NIL NIL ("inline" NIL) NIL NIL))",
     R"(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 0 NIL ("inline" NIL) NIL NIL))"},
    {"MissingLines", R"(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 NIL ("inline" NIL) NIL))",
     R"(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 0 NIL ("inline" NIL) NIL NIL))"},
    {"MissingTail", R"(("IMAGE" "PNG"))",
     R"(("IMAGE" "PNG" NIL NIL NIL "7BIT" 0 NIL NIL NIL NIL))"},
    {"MissingSubtypeOfAMultipart", R"((("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1)))",
     R"((("TEXT" "PLAIN" NIL NIL NIL "7BIT" 1 1 NIL NIL NIL NIL) "MIXED" NIL NIL NIL NIL))"},
    {"UnescapedQuotesInAFileName",
     R"(("IMAGE" "PNG" ("NAME" "a "b".png") NIL NIL "BASE64" 9 NIL ("inline" NIL) NIL NIL))",
     R"(("IMAGE" "PNG" ("NAME" "a \"b\".png") NIL NIL "BASE64" 9 NIL ("inline" NIL) NIL NIL))"},
    {"MessageGlobalWithEnvelope",
     R"(("MESSAGE" "GLOBAL" NIL NIL NIL "8BIT" 9 )" NO_ENVELOPE " " EMPTY_TEXT
     R"( 3 NIL NIL NIL NIL))",
     R"(("MESSAGE" "GLOBAL" NIL NIL NIL "8BIT" 9 )" NO_ENVELOPE " " EMPTY_TEXT
     R"( 3 NIL NIL NIL NIL))"},
    {"Empty", "()",
     R"(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 0 0 NIL NIL NIL NIL))"},
};

class BodyStructureDecoderTest : public testing::TestWithParam<Case> {};

TEST_P(BodyStructureDecoderTest, MendsWhatItCan) {
  const auto& [name, input, want] = GetParam();
  const auto got = decode_body_structure(input);
  ASSERT_TRUE(got);
  EXPECT_EQ(structure(*got), want);
  EXPECT_EQ(structure(*decode_body_structure(want)), want);
  for (std::size_t n = 0; n < input.size(); ++n) (void)decode_body_structure(input.substr(0, n));
}

INSTANTIATE_TEST_SUITE_P(Servers, BodyStructureDecoderTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(BodyStructureTest, WhatIsNotAListIsRefused) {
  for (const char* wire : {"", "NIL", "\"x\"", "() ()"}) EXPECT_FALSE(decode_body_structure(wire));
}

}  // namespace
}  // namespace imap
