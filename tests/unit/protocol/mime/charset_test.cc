#include "protocol/mime/charset.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/mime/utf8.h"

namespace mime {
namespace {

using namespace std::string_literals;

struct Case {
  const char* charset;
  std::string bytes;
  const char* expected;
};

const Case kCases[] = {
    {"utf-8",
     "Gr\xc3\xbc\xc3\x9f"
     "e \xf0\x9f\x98\x80",
     "Grüße 😀"},
    {"", "plain", "plain"},
    {"us-ascii", "plain", "plain"},
    {"UTF-8", "bad \xff\xc3( \xe2\x82", "bad ÿÃ( â‚"},
    {"us-ascii", "caf\xe9 \x80", "café €"},
    {"x-user-defined-nonsense", "caf\xe9 \xc3\xa9", "café é"},
    {"unknown-8bit", "caf\xe9", "café"},
    {"iso-8859-1", "caf\xe9 \x80", "café €"},
    {"\"ISO-8859-1\"", "caf\xe9", "café"},
    {" latin1 ", "caf\xe9", "café"},
    {"windows-1252", "\x93quoted\x94", "“quoted”"},
    {"iso-8859-15", "\xa4", "€"},
    {"iso-8859-2", "\xb1", "ą"},
    {"windows-1251", "\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
    {"koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"},
    {"utf-7", "Hi Mom -+Jjo--!", "Hi Mom -☺-!"},
    {"utf-16be", "\0A\x26\x3a\xd8\x3d\xde\0"s, "A☺😀"},
    {"iso-2022-jp", "\x1b$B%F%9%H\x1b(B", "テスト"},
    {"shift_jis", "\x83\x65\x83\x58\x83\x67 \x87\x40", "テスト ①"},
    {"euc-jp", "\xa5\xc6\xa5\xb9\xa5\xc8", "テスト"},
    {"gb2312", "\xc4\xe3\xba\xc3", "你好"},
    {"gbk", "\xc4\xe3\xba\xc3 \x80\x81", nullptr},
    {"big5", "\xa7\x41\xa6\x6e", "你好"},
    {"euc-kr", "\xbe\xc8\xb3\xe7", "안녕"},
    {"ks_c_5601-1987", "\xbe\xc8\xb3\xe7", "안녕"},
    {"tis-620", "\xca\xc7\xd1\xca", "สวัส"},
    {"iso-8859-8-i", "\xf9\xec\xe5\xed", "שלום"},
    {"iso-8859-6", "\xe5", "م"},
    {"euc-jp", "\xa5", "\xef\xbf\xbd"},
    {"utf-16,version=1", "A", "A"},
    {"", "nul \0 stays"s, nullptr},
};

TEST(CharsetTest, DecodesToUtf8) {
  for (const Case& c : kCases) {
    if (c.expected) {
      EXPECT_EQ(to_utf8(c.charset, c.bytes), c.expected) << c.charset;
    }
  }
  EXPECT_EQ(to_utf8("", "nul \0 stays"s), "nul \0 stays"s);
}

TEST(CharsetTest, TheCutsMakeNoDifference) {
  for (const Case& c : kCases) {
    const std::string whole = to_utf8(c.charset, c.bytes);
    for (std::size_t first = 0; first <= c.bytes.size(); ++first) {
      for (std::size_t second = first; second <= c.bytes.size(); ++second) {
        std::string out;
        CharsetDecoder decoder(c.charset);
        decoder.feed(c.bytes.substr(0, first), &out);
        decoder.feed(c.bytes.substr(first, second - first), &out);
        decoder.feed(c.bytes.substr(second), &out);
        decoder.finish(&out);
        ASSERT_EQ(out, whole) << c.charset << " cut at " << first << " and " << second;
      }
    }
  }
}

TEST(CharsetTest, OutputIsAlwaysWellFormedAndWhole) {
  std::string bytes;
  for (int i = 0; i < 1024; ++i) bytes += static_cast<char>(i * 37 + i / 256);
  for (const Case& c : kCases) {
    std::string out;
    CharsetDecoder decoder(c.charset);
    for (const char byte : bytes) {
      decoder.feed(std::string_view(&byte, 1), &out);
      for (std::string_view rest = out; !rest.empty();) {
        const Utf8Character character = read_utf8(rest);
        ASSERT_NE(character.size, 0U) << c.charset;
        rest.remove_prefix(character.size);
      }
      out.clear();
    }
  }
}

TEST(CharsetTest, LongTextsOfManyBytesPerCharacter) {
  std::string bytes;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    bytes += "\xa5\xc6";
    expected += "テ";
  }
  EXPECT_EQ(to_utf8("euc-jp", bytes), expected);
}

TEST(CharsetTest, KnowsWhichItKnows) {
  for (const char* name : {"utf-8", "UTF8", "us-ascii", "ISO-8859-1", "koi8-r", "gb2312",
                           "Shift_JIS", "windows-1257", "big5", "iso-2022-kr"}) {
    EXPECT_TRUE(is_known_charset(name)) << name;
  }
  for (const char* name : {"", "x-nonsense", "unknown-8bit", "a b", "utf-16,version=1"}) {
    EXPECT_FALSE(is_known_charset(name)) << name;
  }
  EXPECT_FALSE(is_known_charset(std::string(1000, 'a')));
}

TEST(FoldTest, FoldsCaseAndNothingElse) {
  EXPECT_EQ(fold("Hello, WORLD [\\]^_`{|}~ @09"), "hello, world [\\]^_`{|}~ @09");
  EXPECT_EQ(fold("GRÜẞE Straße STRASSE"), "grüsse strasse strasse");
  EXPECT_EQ(fold("ПРИВЕТ ΣΊΣΥΦΟΣ"), fold("привет σίσυφος"));
  EXPECT_EQ(fold("\xc7\x85"), fold("\xc7\x86")) << "titlecase letters have a folding too";
  EXPECT_EQ(fold("e\xcc\x81"), "e\xcc\x81") << "not composed";
  EXPECT_EQ(fold("é"), "é") << "not decomposed";
  EXPECT_EQ(fold("日本\r\n太郎"), "日本\r\n太郎");
  EXPECT_EQ(fold("I İ ı"), "i i̇ ı") << "no Turkish rules";
  EXPECT_EQ(fold("A\xff\xfe Z\xe2\x82"), "a\xff\xfe z\xe2\x82");
}

TEST(FoldTest, FoldsLongMixedTexts) {
  std::string text;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const bool wide = i % 7 == 0;
    text += wide ? "ЖÜ" : "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ";
    expected += wide ? "жü" : "abcdefghijklmnopqrstuvwxyzabcdefghij";
    const std::size_t ascii = static_cast<std::size_t>(i % 40);
    text += std::string(ascii, 'Q');
    expected += std::string(ascii, 'q');
  }
  EXPECT_EQ(fold(text), expected);
}

TEST(FoldTest, TheCutsMakeNoDifferenceBetweenCharacters) {
  const std::string text = "Straße ΣΊΣΥΦΟΣ ﬀ ŉ ΐ ẞ İ";
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t size = read_utf8(rest).size;
    append_folded(rest.substr(0, size), &out);
    rest.remove_prefix(size);
  }
  EXPECT_EQ(out, fold(text));
}

TEST(FoldTest, QueriesAreDecodedAndFolded) {
  EXPECT_EQ(fold_query("iso-8859-1", "CAF\xc9"), "café");
  EXPECT_EQ(fold_query("UTF-8", "ÉTÉ"), "été");
  EXPECT_EQ(fold_query("", "Plain"), "plain");
}

}  // namespace
}  // namespace mime
