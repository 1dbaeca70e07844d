#include "protocol/mime/identity.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/mime/siphash.h"

namespace mime {
namespace {

std::string hex(const std::array<std::uint8_t, 16>& digest) {
  std::string out;
  for (const std::uint8_t byte : digest) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

// Vectors of the reference implementation: key 00..0f, message 00, 01, ... of that length.
TEST(SipHashTest, GivesTheReferenceVectors) {
  std::array<std::uint8_t, 16> key{};
  for (std::uint8_t i = 0; i < 16; ++i) key[i] = i;
  std::string message;
  for (int i = 0; i < 64; ++i) message += static_cast<char>(i);
  const auto of = [&](std::size_t size) { return hex(siphash128(key, message.substr(0, size))); };
  EXPECT_EQ(of(0), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(of(1), "da87c1d86b99af44347659119b22fc45");
  EXPECT_EQ(of(7), "a1f1ebbed8dbc153c0b84aa61ff08239");
  EXPECT_EQ(of(8), "3b62a9ba6258f5610f83e264f31497b4");
  EXPECT_EQ(of(15), "5493e99933b0a8117e08ec0f97cfc3d9");
  EXPECT_EQ(of(63), "5150d1772f50834a503e069a973fbd7c");
}

const std::string kHeader =
    "Return-Path: <x@y>\r\nReceived: from a\r\n\tby b\r\nFrom: \"A B\" <a@b>\r\nTo: c@d,\r\n "
    "e@f\r\n"
    "Subject: =?utf-8?q?x?=\r\n y\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    "Message-ID: <id@host>\r\n\r\n";

TEST(HeaderDigestTest, IsStored) {
  EXPECT_EQ(hex(header_digest(kHeader)), "7799238debb69adee74d625fcfbde85e");
}

TEST(HeaderDigestTest, IgnoresWhatServersChange) {
  const HeaderDigest digest = header_digest(kHeader);
  EXPECT_EQ(header_digest("Status: RO\r\nX-UID: 5\r\nX-Message-Flag: Follow up\r\n"
                          "Content-Length: 7\r\nmessage-id:  <id@host> \r\n"
                          "DATE: Mon, 1 Jan 2024 00:00:00\r\n +0000\r\n"
                          "From: \"A B\" <a@b>\r\nTo: c@d,\te@f\r\nSubject: =?utf-8?q?x?= y\r\n"),
            digest)
      << "other fields, order, case of names, folding and blanks";
  std::string bare = kHeader;
  std::erase(bare, '\r');
  EXPECT_EQ(header_digest(bare), digest);
}

TEST(HeaderDigestTest, TellsMessagesApart) {
  const HeaderDigest digest = header_digest(kHeader);
  for (const char* field : {"From: ", "To: ", "Subject: ", "Date: ", "Message-ID: "}) {
    std::string other = kHeader;
    other.insert(other.find(field) + std::string_view(field).size(), "z");
    EXPECT_NE(header_digest(other), digest) << field;
  }
  EXPECT_NE(header_digest("From: a\r\n\r\n"), header_digest("To: a\r\n\r\n"));
  EXPECT_NE(header_digest("From: \r\n\r\n"), header_digest("\r\n"));
  EXPECT_NE(header_digest("From: a\r\nFrom: b\r\n\r\n"), header_digest("From: a b\r\n\r\n"));
}

TEST(MessageIdTest, IsWithoutFoldingAndComments) {
  EXPECT_EQ(message_id("Message-ID: <a@b>\r\n\r\n"), "<a@b>");
  EXPECT_EQ(message_id("MESSAGE-id:\r\n\t<a@\r\n b>  (comment)\r\n\r\n"), "<a@b>");
  EXPECT_EQ(message_id("Message-ID: a@b\r\n\r\n"), "a@b");
  EXPECT_EQ(message_id("Message-ID: x <A@b> <c@d>\r\n\r\n"), "<A@b>");
  EXPECT_EQ(message_id("Message-ID: <a@b\r\n\r\n"), "<a@b");
  EXPECT_EQ(message_id("Message-ID:\r\n\r\n"), "");
  EXPECT_EQ(message_id("Subject: none\r\n\r\nMessage-ID: <body@x>"), "");
}

}  // namespace
}  // namespace mime
