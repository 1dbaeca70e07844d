#include "protocol/mime/transfer_decoder.h"

#include <gtest/gtest.h>

#include <string>

namespace mime {
namespace {

using namespace std::string_literals;

struct Case {
  const char* name;
  TransferEncoding encoding;
  std::string input;
  std::string expected;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::string decode(TransferEncoding encoding, std::string_view input,
                   std::initializer_list<std::size_t> cuts = {}) {
  std::string out;
  TransferDecoder decoder(encoding);
  std::size_t done = 0;
  for (const std::size_t cut : cuts) {
    decoder.feed(input.substr(done, cut - done), &out);
    done = cut;
  }
  decoder.feed(input.substr(done), &out);
  decoder.finish(&out);
  return out;
}

constexpr auto kBase64 = TransferEncoding::kBase64;
constexpr auto kQp = TransferEncoding::kQuotedPrintable;

class TransferDecoderTest : public testing::TestWithParam<Case> {};

TEST_P(TransferDecoderTest, DecodesHoweverItIsCut) {
  const auto& [name, encoding, input, expected] = GetParam();
  EXPECT_EQ(decode(encoding, input), expected);
  const std::size_t step = input.size() > 200 ? 331 : 1;
  for (std::size_t first = 0; first <= input.size(); first += step) {
    for (std::size_t second = first; second <= input.size(); second += step) {
      ASSERT_EQ(decode(encoding, input, {first, second}), expected) << first << " " << second;
    }
  }
  std::string out;
  TransferDecoder decoder(encoding);
  for (const char byte : input) decoder.feed(std::string_view(&byte, 1), &out);
  decoder.finish(&out);
  EXPECT_EQ(out, expected);
}

const std::vector<Case> kCases = {
    {"Identity", TransferEncoding::kIdentity, "as =41 is\r\n\0"s, "as =41 is\r\n\0"s},
    // RFC 2045 6.8
    {"Base64", kBase64, "SGVsbG8sIHdvcmxkIQ==", "Hello, world!"},
    {"Base64Lines", kBase64, "SGVs\r\nbG8s\r\nIHdv\r\ncmxkIQ==\r\n", "Hello, world!"},
    {"Base64OddLines", kBase64, "SG\nVsb\nG8sIHd\nvcmxkI\nQ=\n=\n", "Hello, world!"},
    {"Base64NoPadding", kBase64, "SGVsbG8sIHdvcmxkIQ", "Hello, world!"},
    {"Base64Garbage", kBase64, "S-G*V_s\x80 b\0G8s"s, "Hello,"},
    {"Base64OneLetterLeft", kBase64, "SGVsb", "Hel"},
    {"Base64Joined", kBase64, "SGk=SGk=\r\nSGkh", "HiHiHi!"},
    {"Base64Empty", kBase64, "", ""},
    {"Base64AllBytes", kBase64, "AP+A/w==", "\0\xff\x80\xff"s},
    // RFC 2045 6.7
    {"Qp", kQp, "a=3Db=C3=A4 =c3=a4\r\n", "a=bä ä\r\n"},
    {"QpSoftBreak", kQp, "one=\r\n two=\n three", "one two three"},
    {"QpSoftBreakWithBlanks", kQp, "one= \t\r\ntwo", "onetwo"},
    {"QpTrailingBlanks", kQp, "one \t \r\ntwo \n", "one\r\ntwo\n"},
    {"QpInnerBlanks", kQp, "one  two\tthree ", "one  two\tthree"},
    {"QpBroken", kQp, "=G0 =4 =4G == =", "=G0 =4 =4G == "},
    {"QpEndsInEscape", kQp, "abc=4", "abc=4"},
    {"QpEndsInSoftBreak", kQp, "abc=", "abc"},
    {"QpStrayCr", kQp, "a =\rb \rc=\r", "a =\rb \rc"},
    {"QpEncodedLineEnd", kQp, "a=0D=0Ab", "a\r\nb"},
    {"QpLongBlanks", kQp, "a" + std::string(3000, ' ') + "b" + std::string(1500, ' ') + "\r\n",
     "a" + std::string(3000, ' ') + "b" + std::string(1024, ' ') + "\r\n"},
};
INSTANTIATE_TEST_SUITE_P(All, TransferDecoderTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

TEST(TransferEncodingTest, IsToldByName) {
  EXPECT_EQ(transfer_encoding_of("BASE64"), kBase64);
  EXPECT_EQ(transfer_encoding_of(" quoted-Printable "), kQp);
  for (const char* name : {"", "7bit", "8bit", "binary", "x-uuencode", "base 64"}) {
    EXPECT_EQ(transfer_encoding_of(name), TransferEncoding::kIdentity) << name;
  }
}

}  // namespace
}  // namespace mime
