#include "protocol/mime/encoded_word.h"

#include <gtest/gtest.h>

#include <string>

namespace mime {
namespace {

TEST(EncodedWordTest, DecodesTheExamplesOfRfc2047) {
  EXPECT_EQ(decode_header("=?ISO-8859-1?Q?a?="), "a");
  EXPECT_EQ(decode_header("=?ISO-8859-1?Q?a?= b"), "a b");
  EXPECT_EQ(decode_header("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?="), "ab");
  EXPECT_EQ(decode_header("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?="), "ab");
  EXPECT_EQ(decode_header("=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?="), "ab");
  EXPECT_EQ(decode_header("=?ISO-8859-1?Q?a_b?="), "a b");
  EXPECT_EQ(decode_header("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?="), "a b");
  EXPECT_EQ(decode_header("=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>"),
            "Keith Moore <moore@cs.utk.edu>");
  EXPECT_EQ(decode_header("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
                          " =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?="),
            "If you can read this you understand the example.");
}

TEST(EncodedWordTest, LeavesPlainTextAlone) {
  EXPECT_EQ(decode_header(""), "");
  EXPECT_EQ(decode_header(" a  b \r\n\tc "), "a  b \tc");
  EXPECT_EQ(decode_header("2 =? 3 ?= x"), "2 =? 3 ?= x");
  EXPECT_EQ(decode_header("=?utf-8?q?no end"), "=?utf-8?q?no end");
  EXPECT_EQ(decode_header("=?utf-8?x?abc?="), "=?utf-8?x?abc?=");
  EXPECT_EQ(decode_header("=?utf-8?q"), "=?utf-8?q");
  EXPECT_EQ(decode_header("=?"), "=?");
  EXPECT_EQ(decode_header("=?"
                          "?q?a?="),
            "=?"
            "?q?a?=");
}

TEST(EncodedWordTest, Takes8BitText) {
  EXPECT_EQ(decode_header("caf\xe9"), "café");
  EXPECT_EQ(decode_header("caf\xc3\xa9"), "café");
  EXPECT_EQ(decode_header("\xe9 =?utf-8?q?=C3=A9?= \xe9"), "é é é");
}

TEST(EncodedWordTest, JoinsCharactersSplitBetweenWords) {
  EXPECT_EQ(decode_header("=?utf-8?q?a=C3?= =?UTF-8?q?=A4b?="), "aäb");
  EXPECT_EQ(decode_header("=?utf-8?b?w6TD?= =?utf-8?b?pA==?="), "ää");
  EXPECT_EQ(decode_header("=?iso-2022-jp?b?GyRCJUYbKEI=?= =?iso-2022-jp?b?GyRCJTkbKEI=?="), "テス");
}

TEST(EncodedWordTest, IsTolerant) {
  EXPECT_EQ(decode_header("=?utf-8?Q?a b c?="), "a b c") << "blanks inside";
  EXPECT_EQ(decode_header("=?utf-8?B?SGVs bG8?="), "Hello") << "base64 with a blank, no padding";
  EXPECT_EQ(decode_header("=?utf-8?B?!!!?="), "") << "no base64 at all";
  EXPECT_EQ(decode_header("=?x-none?q?caf=E9?="), "café") << "unknown charset";
  EXPECT_EQ(decode_header("=?utf-8*en?q?a?="), "a") << "language, RFC 2231 5";
  EXPECT_EQ(decode_header("x=?utf-8?q?a?=y"), "xay") << "no blanks around";
  EXPECT_EQ(decode_header("=?utf-8?q?a?==?utf-8?q?b?="), "ab");
  EXPECT_EQ(decode_header("=?utf-8?q?=41?="), "A") << "begins with an escape";
  EXPECT_EQ(decode_header("=?utf-8?q?=41=?="), "A=");
  EXPECT_EQ(decode_header("=?utf-8?q?"
                          "?="),
            "");
  EXPECT_EQ(decode_header("=?utf-8?q?"
                          "?= a"),
            " a");
  EXPECT_EQ(decode_header("=?utf-8?q?=zz=4?="), "=zz=4");
  EXPECT_EQ(decode_header("\"=?utf-8?q?a?=\" <x@y>"), "\"a\" <x@y>") << "in quotes";
  EXPECT_EQ(decode_header("=?utf-8?q?a\r\n b?="), "a b") << "folded inside";
}

}  // namespace
}  // namespace mime
