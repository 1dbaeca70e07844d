#include "protocol/imap/envelope.h"

#include <gtest/gtest.h>

namespace imap {
namespace {

Address address(NString name, NString mailbox, NString host) {
  return {std::move(name), std::nullopt, std::move(mailbox), std::move(host)};
}

std::string encoded(const Envelope& envelope) {
  std::string out;
  encode_envelope(envelope, &out);
  return out;
}

Envelope full_envelope() {
  Envelope envelope;
  envelope.date = "Mon, 7 Feb 1994 21:52:25 -0800 (PST)";
  envelope.subject = "Mooch \"and\" \\ more";
  envelope.from = {address("Terry Gray", "gray", "cac.washington.edu")};
  envelope.sender = envelope.from;
  envelope.reply_to = envelope.from;
  envelope.to = {address(std::nullopt, "imap", "cac.washington.edu"),
                 address("John Klensin", "KLENSIN", "MIT.EDU")};
  envelope.cc = {address(std::nullopt, "friends", std::nullopt),
                 {.name = "A", .adl = "@relay.example:", .mailbox = "a", .host = "example.org"},
                 address(std::nullopt, std::nullopt, std::nullopt)};
  envelope.in_reply_to = "";
  envelope.message_id = "<B27397-0100000@cac.washington.edu>";
  return envelope;
}

TEST(EnvelopeTest, EncodesByTheGrammar) {
  EXPECT_EQ(
      encoded(full_envelope()),
      R"-(("Mon, 7 Feb 1994 21:52:25 -0800 (PST)" "Mooch \"and\" \\ more" )-"
      R"((("Terry Gray" NIL "gray" "cac.washington.edu")) )"
      R"((("Terry Gray" NIL "gray" "cac.washington.edu")) )"
      R"((("Terry Gray" NIL "gray" "cac.washington.edu")) )"
      R"(((NIL NIL "imap" "cac.washington.edu")("John Klensin" NIL "KLENSIN" "MIT.EDU")) )"
      R"(((NIL NIL "friends" NIL)("A" "@relay.example:" "a" "example.org")(NIL NIL NIL NIL)) )"
      R"(NIL "" "<B27397-0100000@cac.washington.edu>"))");
}

TEST(EnvelopeTest, AnEmptyOneIsAllNil) {
  EXPECT_EQ(encoded({}), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
}

TEST(EnvelopeTest, DecodesWhatItEncodes) {
  EXPECT_EQ(decode_envelope(encoded(full_envelope())), full_envelope());
  EXPECT_EQ(decode_envelope(encoded({})), Envelope{});
}

TEST(EnvelopeTest, AnyByteSurvives) {
  Envelope envelope;
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  for (int c = 0; c < 256; ++c) {
    const std::string one(1, static_cast<char>(c));
    envelope.subject = one;
    envelope.message_id = one + one;
    envelope.from = {address(one, "a" + one, one + "b")};
    envelope.in_reply_to = all.substr(static_cast<std::size_t>(c));
    const auto got = decode_envelope(encoded(envelope));
    ASSERT_TRUE(got) << c;
    EXPECT_EQ(*got, envelope) << c;
  }
}

TEST(EnvelopeTest, EightBitAndLineEndsGoThroughLiterals) {
  Envelope envelope;
  envelope.subject = "gr\xfc\xdf";
  envelope.message_id = "a\r\nb";
  EXPECT_EQ(encoded(envelope), "(NIL {4}\r\ngr\xfc\xdf NIL NIL NIL NIL NIL NIL NIL {4}\r\na\r\nb)");
}

TEST(EnvelopeTest, EveryPrefixIsSurvived) {
  const std::string wire = encoded(full_envelope());
  for (std::size_t n = 0; n < wire.size(); ++n) {
    const auto got = decode_envelope(wire.substr(0, n));
    EXPECT_EQ(got.has_value(), n > 0) << n;
  }
}

struct Case {
  const char* name;
  std::string_view input;
  std::string_view encoded;  // what the decoder makes of it; empty: an error
};

constexpr Case kCases[] = {
    {"ReferencesFromTheRfc", R"(("d" "s" ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL NIL "<i>"))",
     R"(("d" "s" ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL NIL "<i>"))"},
    {"LowerCaseNil", "(nil nil nil nil nil nil nil nil nil nil)",
     "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"ICloudUnescapedQuotesInMessageId",
     R"(("d" "s" ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL NIL "<"x y"@z.example>"))",
     R"(("d" "s" ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL NIL "<\"x y\"@z.example>"))"},
    {"UnescapedQuotesInSubject",
     R"(("d" "say "hello" to me" ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL NIL "<i>"))",
     R"(("d" "say \"hello\" to me" ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL NIL "<i>"))"},
    {"UnescapedBackslash", R"(("d" "c:\temp" NIL NIL NIL NIL NIL NIL NIL NIL))",
     R"(("d" "c:\\temp" NIL NIL NIL NIL NIL NIL NIL NIL))"},
    {"QqUnescapedBackslashAtTheEnd",
     R"(("d" "s" ((NIL NIL "a" "b.c\")) ((NIL NIL "d" "e")) NIL NIL NIL NIL NIL "<i>"))",
     R"(("d" "s" ((NIL NIL "a" "b.c\\")) ((NIL NIL "d" "e")) NIL NIL NIL NIL NIL "<i>"))"},
    {"ProperEscapesBesideAnUnescapedQuote",
     R"-(("\"d\" 5" "say \"a\" (2)" NIL NIL NIL NIL NIL NIL NIL "<"x"@y>"))-",
     R"-(("\"d\" 5" "say \"a\" (2)" NIL NIL NIL NIL NIL NIL NIL "<\"x\"@y>"))-"},
    {"UnescapedQuoteAtTheEnd", R"(("d" "s" ((NIL NIL "a"" "b")) NIL NIL NIL NIL NIL NIL "<i>"))",
     R"(("d" "s" ((NIL NIL "a\"" "b")) NIL NIL NIL NIL NIL NIL "<i>"))"},
    {"DominoExtraParentheses", R"((("d" "s" NIL NIL NIL NIL NIL NIL NIL "<i>")))",
     R"(("d" "s" NIL NIL NIL NIL NIL NIL NIL "<i>"))"},
    {"QqMissingTail", R"(("d" "s" ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL))",
     R"(("d" "s" ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL NIL NIL))"},
    {"SmarterMailNilInAnAddressList",
     "(\"d\" \"s\" (NIL ({3}\r\na\"b NIL \"x\" \"y\")) NIL NIL NIL NIL NIL NIL \"<i>\")",
     R"(("d" "s" (("a\"b" NIL "x" "y")) NIL NIL NIL NIL NIL NIL "<i>"))"},
    {"AddressInExtraParentheses", R"(("d" "s" (((NIL NIL "a" "b"))) NIL NIL NIL NIL NIL NIL NIL))",
     R"(("d" "s" ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL NIL NIL))"},
    {"AddressWithoutItsOwnParentheses",
     R"(("d" "s" ("n" NIL "a" "b") NIL NIL NIL NIL NIL NIL NIL))",
     R"(("d" "s" (("n" NIL "a" "b")) NIL NIL NIL NIL NIL NIL NIL))"},
    {"EmptyAddressLists", R"(("d" "s" () "" NIL NIL NIL NIL NIL NIL))",
     R"(("d" "s" NIL NIL NIL NIL NIL NIL NIL NIL))"},
    {"SpacesBetweenAddresses",
     R"(("d" "s" ((NIL NIL "a" "b")  (NIL NIL "c" "d")) NIL NIL NIL NIL NIL NIL NIL))",
     R"(("d" "s" ((NIL NIL "a" "b")(NIL NIL "c" "d")) NIL NIL NIL NIL NIL NIL NIL))"},
    {"AListWhereAStringBelongs", R"((("d") ("s") NIL NIL NIL NIL NIL NIL NIL "<i>"))",
     "(\"d\" NIL NIL NIL NIL NIL NIL NIL NIL NIL)"},
    {"AtomsForStrings", "(d s ((NIL NIL a b)) NIL NIL NIL NIL NIL NIL <i>)",
     R"(("d" "s" ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL NIL "<i>"))"},
    {"NotAList", "NIL", ""},
    {"TwoLists", "(NIL) (NIL)", ""},
    {"Empty", "", ""},
};

class EnvelopeDecoderTest : public testing::TestWithParam<Case> {};

TEST_P(EnvelopeDecoderTest, MendsWhatItCan) {
  const auto& [name, input, want] = GetParam();
  const auto got = decode_envelope(input);
  ASSERT_EQ(got.has_value(), !want.empty());
  if (!got) return;
  EXPECT_EQ(encoded(*got), want);
  EXPECT_EQ(decode_envelope(want), *got);
  for (std::size_t n = 0; n < input.size(); ++n) (void)decode_envelope(input.substr(0, n));
}

INSTANTIATE_TEST_SUITE_P(Servers, EnvelopeDecoderTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace imap
