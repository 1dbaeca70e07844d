#include "protocol/mime/search_text.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/mime/parser.h"

namespace mime {
namespace {

struct Found {
  SearchHeader header;
  std::string text;
  std::size_t largest_chunk = 0;
};

Found search(std::string_view message, std::size_t step = std::string_view::npos) {
  Found found;
  SearchText extractor([&](std::string_view folded) {
    found.text += folded;
    found.largest_chunk = std::max(found.largest_chunk, folded.size());
  });
  Parser parser(&extractor);
  for (; !message.empty(); message.remove_prefix(std::min(step, message.size()))) {
    parser.feed(message.substr(0, step));
  }
  parser.finish();
  found.header = extractor.header();
  return found;
}

TEST(SearchTextTest, DecodesAndFoldsTheHeader) {
  const Found found = search(
      "From: =?utf-8?q?=C3=89lodie?= <E@Example.org>\r\nTo: A@b,\r\n\tC@d\r\nTO: E@f\r\n"
      "Cc: =?koi8-r?b?8NLJ18XU?= <x@y>\r\nBcc: Z@z\r\n"
      "Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n AUS Bonn\r\nX-Other: Value\r\nno colon\r\n\r\nbody");
  EXPECT_EQ(found.header.from, "élodie <e@example.org>");
  EXPECT_EQ(found.header.to, "a@b,\tc@d\ne@f");
  EXPECT_EQ(found.header.cc, "привет <x@y>");
  EXPECT_EQ(found.header.bcc, "z@z");
  EXPECT_EQ(found.header.subject, "grüsse aus bonn");
  EXPECT_EQ(found.header.all,
            "from: élodie <e@example.org>\nto: a@b,\tc@d\nto: e@f\ncc: привет <x@y>\nbcc: z@z\n"
            "subject: grüsse aus bonn\nx-other: value\nno colon\n");
}

TEST(SearchTextTest, AnEncodedLineEndMakesNoField) {
  const Found found = search("Subject: =?utf-8?q?a=0D=0AFrom:_evil?=\r\n\r\n");
  EXPECT_EQ(found.header.subject, "a  from: evil");
  EXPECT_EQ(found.header.from, "");
}

TEST(SearchTextTest, FindsFieldsByName) {
  const Found found = search("X-A: 1\r\nX-AB: 2\r\nx-a: 3\r\nX-Empty:\r\n\r\n");
  const auto values = [&](std::string_view name) {
    std::string out;
    any_field(found.header.all, name, [&](std::string_view value) {
      out += "[" + std::string(value) + "]";
      return false;
    });
    return out;
  };
  EXPECT_EQ(values("x-a"), "[1][3]");
  EXPECT_EQ(values("X-AB"), "[2]");
  EXPECT_EQ(values("X-Empty"), "[]");
  EXPECT_EQ(values("X"), "");
  EXPECT_TRUE(any_field(found.header.all, "X-A", [](std::string_view v) { return v == "1"; }));
}

TEST(SearchTextTest, DecodesTextInItsCharsetAndEncoding) {
  EXPECT_EQ(search("From: a@b\r\n\r\nPlain TEXT\r\nof Two lines").text,
            "plain text\r\nof two lines\n");
  EXPECT_EQ(
      search("Content-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\n"
             "\r\n8NLJ\r\n18XU\r\n")
          .text,
      "привет\n");
  EXPECT_EQ(search("Content-Type: text/plain; charset=utf-8\r\n"
                   "Content-Transfer-Encoding: quoted-printable\r\n\r\nSTRA=C3=9F=\r\nE =C3=\r\n")
                .text,
            "strasse ã\n")
      << "a cut character counts as windows-1252";
  EXPECT_EQ(search("Content-Type: text/plain; charset=\"utf-8\r\n\r\ncaf\xc3\x89").text, "café\n");
  EXPECT_EQ(search("Content-Type: text/plain; charset*=us-ascii'en'iso-8859-1\r\n\r\ncaf\xc9").text,
            "café\n");
  EXPECT_EQ(search("Content-Type: text/x-anything; charset=nonsense\r\n\r\nCAF\xc9").text,
            "café\n");
}

TEST(SearchTextTest, TakesTextPartsAndHeadersOfPartsOnly) {
  const Found found = search(
      "From: a@b\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\nPREAMBLE\r\n"
      "--B\r\nContent-Type: text/html\r\n\r\n<B>Bold</B>\r\n"
      "--B\r\nContent-Type: application/pdf; name=\"Report.PDF\"\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\nU0VDUkVU\r\n"
      "--B\r\nContent-Type: message/rfc822\r\n\r\nSubject: Inner =?utf-8?q?=C3=9C?=\r\n\r\nDEEP\r\n"
      "--B--\r\nEPILOGUE\r\n");
  EXPECT_EQ(
      found.text,
      "content-type: text/html\n\n<b>bold</b>\n"
      "content-type: application/pdf; name=\"report.pdf\"\ncontent-transfer-encoding: base64\n"
      "\n"
      "content-type: message/rfc822\n\nsubject: inner ü\n\ndeep\n");
  EXPECT_EQ(found.header.all, "from: a@b\ncontent-type: multipart/mixed; boundary=b\n");
}

TEST(SearchTextTest, GivesItInBoundedChunks) {
  std::string message = "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n";
  for (int i = 0; i < 200'000; ++i) message += "\x1b$B%F\x1b(B";
  const Found found = search(message);
  EXPECT_EQ(found.text.size(), 600'001U);
  EXPECT_LT(found.largest_chunk, 100'000U);
  EXPECT_EQ(search(message, 7).text, found.text);
}

TEST(SearchTextTest, TheLastPartNeedNotBeText) {
  const Found found = search(
      "Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nX: NOTE\r\nContent-Type: a/b\r\n"
      "\r\nxyz\r\n--B--\r\n");
  EXPECT_EQ(found.text, "x: note\ncontent-type: a/b\n\n");
}

}  // namespace
}  // namespace mime
