#include "protocol/imap/utf7.h"

#include <gtest/gtest.h>

#include <string>

namespace imap {
namespace {

using std::string_literals::operator""s;

struct Case {
  const char* name;
  std::string utf8;
  std::string utf7;
};

const Case kExact[] = {
    {"Ascii", "INBOX/Work", "INBOX/Work"},
    {"Ampersand", "R&D", "R&-D"},
    {"TwoAmpersands", "&&", "&-&-"},
    {"Rfc3501", "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
     "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
    {"Umlaut", "Entw\xc3\xbcrfe", "Entw&APw-rfe"},
    {"Emoji", "\xf0\x9f\x98\x80", "&2D3eAA-"},
    {"Mixed", "a\xc3\xa9&\xc3\xa9", "a&AOk-&-&AOk-"},
    {"Tab", "a\tb", "a&AAk-b"},
    {"Nul", "a\0"s, "a&AAA-"},
    {"Dash", "\xc3\xa9-", "&AOk--"},
    {"Empty", "", ""},
};

class Utf7Test : public testing::TestWithParam<Case> {};

TEST_P(Utf7Test, GoesBothWays) {
  EXPECT_EQ(encode_utf7(GetParam().utf8), GetParam().utf7);
  EXPECT_EQ(decode_utf7(GetParam().utf7), GetParam().utf8);
  EXPECT_EQ(decode_utf7_tolerant(GetParam().utf7), GetParam().utf8);
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, Utf7Test, testing::ValuesIn(kExact),
                         [](const auto& info) { return info.param.name; });

const Case kBroken[] = {
    {"LoneAmpersand", "R&D", "R&D"},
    {"NoEnd", "&AOk", "&AOk"},
    {"NotBase64", "&A!-", "&A!-"},
    {"AsciiInBase64", "a", "&AGE-"},
    {"SplitRun", "\xc3\xa9\xc3\xa9", "&AOk-&AOk-"},
    {"HalfSurrogate", "&2AA-", "&2AA-"},
    {"LowSurrogateFirst", "&3gA-", "&3gA-"},
    {"OddBits", "&AOl-", "&AOl-"},
    {"OneCharacter", "&A-", "&A-"},
    {"RawUtf8", "\xc3\xa9", "\xc3\xa9"},
    {"RawLatin1", "\xc3\xa9t\xc3\xa9", "\xe9t\xe9"},
    {"SlashInBase64", "&U/BTFw-", "&U/BTFw-"},
};

class BrokenUtf7Test : public testing::TestWithParam<Case> {};

TEST_P(BrokenUtf7Test, IsRefusedStrictlyAndReadTolerantly) {
  EXPECT_FALSE(decode_utf7(GetParam().utf7));
  const std::string read = decode_utf7_tolerant(GetParam().utf7);
  EXPECT_EQ(read, GetParam().utf8);
  EXPECT_TRUE(is_valid_utf8(read));
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, BrokenUtf7Test, testing::ValuesIn(kBroken),
                         [](const auto& info) { return info.param.name; });

TEST(Utf8Test, KnowsWhatIsUtf8) {
  EXPECT_TRUE(is_valid_utf8("\xf4\x8f\xbf\xbf"));
  EXPECT_FALSE(is_valid_utf8("\xf4\x90\x80\x80")) << "above U+10FFFF";
  EXPECT_FALSE(is_valid_utf8("\xc0\x80")) << "overlong";
  EXPECT_FALSE(is_valid_utf8("\xe0\x80\xaf")) << "overlong";
  EXPECT_FALSE(is_valid_utf8("\xed\xa0\x80")) << "surrogate";
  EXPECT_FALSE(is_valid_utf8("\x80"));
  EXPECT_FALSE(is_valid_utf8("\xe2\x82"));
  EXPECT_FALSE(is_valid_utf8("\xff"));
}

}  // namespace
}  // namespace imap
