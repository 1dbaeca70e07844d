#include "protocol/imap/fetch_response.h"

#include <gtest/gtest.h>

#include "protocol/imap/framer.h"
#include "protocol/imap/response_decoder.h"

namespace imap {
namespace {

Response decode(std::string_view line) {
  ResponseDecoder decoder;
  return decoder.decode({.text = line});
}

FetchResponse decode_fetch(std::string_view line) {
  Response response = decode(line);
  if (!std::holds_alternative<FetchResponse>(response)) {
    ADD_FAILURE() << line;
    return {};
  }
  return std::get<FetchResponse>(std::move(response));
}

std::string encoded(const FetchResponse& response) {
  std::string out;
  Writer writer(out);
  encode_response(writer, response);
  return out;
}

struct Case {
  const char* name;
  std::string_view input;
  std::string_view encoded;  // canonical, without the CRLF; empty: no item survives
  bool damaged = false;
};

#define ENVELOPE "(\"d\" \"s\" ((NIL NIL \"a\" \"b\")) NIL NIL NIL NIL NIL NIL \"<i>\")"
#define STRUCTURE "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 5 1 NIL NIL NIL NIL)"
#define DATE "\"17-Jul-1996 02:44:25 -0700\""

constexpr Case kItems[] = {
    {"Everything",
     "* 12 FETCH (BODY[HEADER] {4}\r\nH\r\n\r ENVELOPE " ENVELOPE
     " MODSEQ (99) UID 7 THREADID (T1) "
     "BODYSTRUCTURE " STRUCTURE " RFC822.SIZE 44827 INTERNALDATE " DATE
     " EMAILID (M1) FLAGS (\\Seen "
     "$A))",
     "* 12 FETCH (UID 7 FLAGS (\\Seen $A) INTERNALDATE " DATE " RFC822.SIZE 44827 MODSEQ (99) "
     "EMAILID (M1) THREADID (T1) ENVELOPE " ENVELOPE " BODYSTRUCTURE " STRUCTURE
     " BODY[HEADER] {4}\r\nH\r\n\r)"},
    {"LowerCase", "* 1 fetch (uid 5 flags (\\seen))", "* 1 FETCH (UID 5 FLAGS (\\Seen))"},
    {"SeveralLiterals", "* 1 FETCH (BODY[1] {1}\r\na BODY[2] {2}\r\nbb BODY[3] \"c\" UID 5)",
     "* 1 FETCH (UID 5 BODY[1] {1}\r\na BODY[2] {2}\r\nbb BODY[3] {1}\r\nc)"},
    {"Partial", "* 1 FETCH (BODY[]<0> {2}\r\nab)", "* 1 FETCH (BODY[]<0> {2}\r\nab)"},
    {"HeaderFields", "* 1 FETCH (BODY[HEADER.FIELDS (DATE \"From\")] {2}\r\n\r\n)",
     "* 1 FETCH (BODY[HEADER.FIELDS (DATE From)] {2}\r\n\r\n)"},
    {"HeaderFieldInALiteral", "* 1 FETCH (BODY[HEADER.FIELDS ({4}\r\na]\"b)] {2}\r\n\r\n UID 5)",
     "* 1 FETCH (UID 5 BODY[HEADER.FIELDS (\"a]\\\"b\")] {2}\r\n\r\n)"},
    {"NestedPart", "* 1 FETCH (BODY[1.2.3.MIME] NIL BODY[4.HEADER.FIELDS.NOT (X)] \"\")",
     "* 1 FETCH (BODY[1.2.3.MIME] NIL BODY[4.HEADER.FIELDS.NOT (X)] {0}\r\n)"},
    {"Rfc822Forms", "* 1 FETCH (RFC822 {1}\r\na RFC822.HEADER {1}\r\nb RFC822.TEXT {1}\r\nc)",
     "* 1 FETCH (BODY[] {1}\r\na BODY[HEADER] {1}\r\nb BODY[TEXT] {1}\r\nc)"},
    {"BodyIsUsedWhereNothingBetterCame",
     "* 1 FETCH (BODY (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 5 1))",
     "* 1 FETCH (BODYSTRUCTURE " STRUCTURE ")"},
    {"BodyStructureIsPreferred",
     "* 1 FETCH (BODYSTRUCTURE " STRUCTURE " BODY (\"A\" \"B\" NIL NIL NIL \"7BIT\" 5))",
     "* 1 FETCH (BODYSTRUCTURE " STRUCTURE ")"},
    {"GmailItems",
     "* 1 FETCH (X-GM-THRID 1266894439832287888 X-GM-MSGID 18446744073709551615 X-GM-LABELS "
     "(\"\\\\Inbox\" Work NIL \"a b\") UID 4)",
     "* 1 FETCH (UID 4 X-GM-MSGID 18446744073709551615 X-GM-THRID 1266894439832287888 X-GM-LABELS "
     "(\"\\\\Inbox\" Work \"NIL\" \"a b\"))"},
    {"UnknownItems", "* 1 FETCH (X-A 1 X-B (1 (2)) X-C \"d e\" UID 4 X-D {2}\r\nab PREVIEW NIL)",
     "* 1 FETCH (UID 4)"},
    {"ThreadIdNil", "* 1 FETCH (UID 4 THREADID NIL)", "* 1 FETCH (UID 4)"},
    {"DateWithSpaceForZero", "* 1 FETCH (INTERNALDATE \" 7-Jul-1996 02:44:25 +0000\")",
     "* 1 FETCH (INTERNALDATE \" 7-Jul-1996 02:44:25 +0000\")"},
    {"Utf8InQuotes",
     "* 1 FETCH (UID 4 ENVELOPE (NIL \"gr\xc3\xbc\" NIL NIL NIL NIL NIL NIL NIL NIL))",
     "* 1 FETCH (UID 4 ENVELOPE (NIL {4}\r\ngr\xc3\xbc NIL NIL NIL NIL NIL NIL NIL NIL))"},
    {"Nothing", "* 1 FETCH ()", ""},
};

// One for each fault that a known server has.
constexpr Case kFaults[] = {
    {"WithoutUid", "* 1 FETCH (FLAGS (\\Seen))", "* 1 FETCH (FLAGS (\\Seen))"},
    {"WithoutParentheses", "* 1 FETCH UID 4 FLAGS (\\Seen)", "* 1 FETCH (UID 4 FLAGS (\\Seen))"},
    {"WithoutSpace", "* 1 FETCH(UID 4)", "* 1 FETCH (UID 4)"},
    {"WithoutTheLastParenthesis", "* 1 FETCH (UID 4 FLAGS (\\Seen)",
     "* 1 FETCH (UID 4 FLAGS (\\Seen))"},
    {"WithOneParenthesisTooMany", "* 1 FETCH (UID 4 FLAGS (\\Seen)))",
     "* 1 FETCH (UID 4 FLAGS (\\Seen))"},
    {"DominoEnvelopeInParentheses",
     "* 2 FETCH (UID 14935 (ENVELOPE " ENVELOPE ") BODYSTRUCTURE " STRUCTURE ")",
     "* 2 FETCH (UID 14935 ENVELOPE " ENVELOPE " BODYSTRUCTURE " STRUCTURE ")"},
    {"DominoDateOfZeros", "* 1 FETCH (UID 4 INTERNALDATE \"00-Jan-0000 00:00:00 +0000\" FLAGS ())",
     "* 1 FETCH (UID 4 FLAGS ())", true},
    {"ICloudRfc822WithoutData", "* 1 FETCH (UID 4 RFC822)", "* 1 FETCH (UID 4 BODY[] NIL)"},
    {"YandexBodyWithoutData", "* 1 FETCH (BODY[] UID 4)", "* 1 FETCH (UID 4 BODY[] NIL)"},
    {"YandexBodyWithoutDataAmongOthers", "* 1 FETCH (BODY[HEADER] BODY[TEXT] {1}\r\na UID 4)",
     "* 1 FETCH (UID 4 BODY[HEADER] NIL BODY[TEXT] {1}\r\na)"},
    {"NilBodyOfAVanishedMessage", "* 1 FETCH (UID 4 BODY[] NIL)", "* 1 FETCH (UID 4 BODY[] NIL)"},
    {"ICloudUnescapedQuotesInMessageId",
     "* 1 FETCH (UID 4 ENVELOPE (\"d\" \"s\" NIL NIL NIL NIL NIL NIL NIL \"<\"a b\"@c>\") FLAGS "
     "())",
     "* 1 FETCH (UID 4 FLAGS () ENVELOPE (\"d\" \"s\" NIL NIL NIL NIL NIL NIL NIL "
     "\"<\\\"a b\\\"@c>\"))"},
    {"QqBackslashBeforeQuote",
     "* 1 FETCH (UID 4 ENVELOPE (\"d\" \"s\" ((\"n\" NIL \"a\" \"b.c\\\")) ((\"n\" NIL \"a\" "
     "\"b.c\\\")) NIL NIL NIL NIL NIL \"<i>\") FLAGS (\\Seen))",
     "* 1 FETCH (UID 4 FLAGS (\\Seen) ENVELOPE (\"d\" \"s\" ((\"n\" NIL \"a\" \"b.c\\\\\")) "
     "((\"n\" NIL \"a\" \"b.c\\\\\")) NIL NIL NIL NIL NIL \"<i>\"))"},
    {"ParenthesisThatClosesTooEarly", "* 1 FETCH (UID 4 ENVELOPE (\"d\" \"s\"))) FLAGS (\\Seen))",
     "* 1 FETCH (UID 4 FLAGS (\\Seen) ENVELOPE (\"d\" \"s\" NIL NIL NIL NIL NIL NIL NIL NIL))"},
    {"QuoteWithoutEnd",
     "* 1 FETCH (UID 4 ENVELOPE (\"d\" \"s NIL NIL) FLAGS (\\Seen) RFC822.SIZE 9)",
     "* 1 FETCH (UID 4 FLAGS (\\Seen) RFC822.SIZE 9 ENVELOPE (\"d\" \"s\" NIL NIL NIL NIL NIL NIL "
     "NIL "
     "NIL))"},
    {"MailRuSize", "* 1 FETCH (UID 4 RFC822.SIZE 9.3736e+06)",
     "* 1 FETCH (UID 4 RFC822.SIZE 9373600)"},
    {"RoundedUidIsNoUid", "* 1 FETCH (UID 9.3736e+06 RFC822.SIZE 1)", "* 1 FETCH (RFC822.SIZE 1)",
     true},
    {"ZohoNegativeModSeq", "* 1 FETCH (UID 4 MODSEQ (-1))", "* 1 FETCH (UID 4)"},
    {"ModSeqWithoutParentheses", "* 1 FETCH (UID 4 MODSEQ 12)", "* 1 FETCH (UID 4 MODSEQ (12))"},
    {"NegativeSize", "* 1 FETCH (UID 4 RFC822.SIZE -1)", "* 1 FETCH (UID 4)", true},
    {"UidZero", "* 1 FETCH (UID 0 FLAGS ())", "* 1 FETCH (FLAGS ())", true},
    {"FlagsNil", "* 1 FETCH (UID 4 FLAGS NIL)", "* 1 FETCH (UID 4 FLAGS ())"},
    {"FlagsMissing", "* 1 FETCH (FLAGS UID 4)", "* 1 FETCH (UID 4)", true},
    {"FlagsWithDoubleSpaces", "* 1 FETCH (FLAGS ( \\Seen  \\Draft ) UID 4 )",
     "* 1 FETCH (UID 4 FLAGS (\\Seen \\Draft))"},
    {"EnvelopeNil", "* 1 FETCH (UID 4 ENVELOPE NIL)", "* 1 FETCH (UID 4)", true},
    {"StructureNil", "* 1 FETCH (UID 4 BODYSTRUCTURE NIL FLAGS ())", "* 1 FETCH (UID 4 FLAGS ())",
     true},
    {"StructureEmpty", "* 1 FETCH (UID 4 BODYSTRUCTURE ())", "* 1 FETCH (UID 4)", true},
    {"SectionThatDoesNotExist", "* 1 FETCH (BODY[FOO] {1}\r\na UID 4)", "* 1 FETCH (UID 4)", true},
    {"SectionWithoutEnd", "* 1 FETCH (UID 4 BODY[TEXT {1}\r\na FLAGS ())",
     "* 1 FETCH (UID 4 FLAGS ())", true},
    {"StrayString", "* 1 FETCH (\"x\" UID 4)", "* 1 FETCH (UID 4)", true},
    {"LiteralThatWasCutOff", "* 1 FETCH (UID 4 BODY[] {10}\r\nabc",
     "* 1 FETCH (UID 4 BODY[] {3}\r\nabc)"},
};

class FetchResponseTest : public testing::TestWithParam<Case> {};

TEST_P(FetchResponseTest, DecodesToTheCanonicalForm) {
  const auto& [name, input, want, damaged] = GetParam();
  const FetchResponse got = decode_fetch(input);
  EXPECT_EQ(encoded(got), want.empty() ? "" : std::string(want) + "\r\n");
  EXPECT_EQ(got.damaged, damaged);
  if (!want.empty()) {
    FetchResponse again = decode_fetch(want);
    EXPECT_FALSE(again.damaged);
    again.damaged = damaged;
    EXPECT_EQ(again, got);
  }
  for (std::size_t n = 0; n < input.size(); ++n) {
    const Response cut = decode(input.substr(0, n));
    if (const auto* fetch = std::get_if<FetchResponse>(&cut)) (void)encoded(*fetch);
  }
}

INSTANTIATE_TEST_SUITE_P(Items, FetchResponseTest, testing::ValuesIn(kItems),
                         [](const auto& info) { return info.param.name; });
INSTANTIATE_TEST_SUITE_P(Faults, FetchResponseTest, testing::ValuesIn(kFaults),
                         [](const auto& info) { return info.param.name; });

TEST(FetchResponseTest, CourierSequenceZeroIsNoMessage) {
  EXPECT_TRUE(std::holds_alternative<UnknownResponse>(decode("* 0 FETCH (UID 4 FLAGS ())")));
}

TEST(FetchResponseTest, StreamedLiteralsAreNamed) {
  const std::string_view text =
      "* 1 FETCH (BODY[HEADER] {10}\r\n UID 4 BODY[TEXT] {99}\r\n FLAGS ())";
  const StreamedLiteral streamed[] = {{text.find('}') + 3, 10, false},
                                      {text.rfind('}') + 3, 99, false}};
  ResponseDecoder decoder;
  const Response response = decoder.decode({text, streamed});
  const auto& fetch = std::get<FetchResponse>(response);
  EXPECT_EQ(fetch.uid, Uid(4));
  EXPECT_TRUE(fetch.flags);
  ASSERT_EQ(fetch.data.size(), 2U);
  EXPECT_EQ(fetch.data[0].form, FetchedData::Form::kStreamed);
  EXPECT_EQ(fetch.data[0].section.text, SectionText::kHeader);
  EXPECT_EQ(fetch.data[0].size_bytes, 10U);
  EXPECT_EQ(fetch.data[0].streamed_index, 0U);
  EXPECT_EQ(fetch.data[1].section.text, SectionText::kText);
  EXPECT_EQ(fetch.data[1].size_bytes, 99U);
  EXPECT_EQ(fetch.data[1].streamed_index, 1U);
}

struct PendingCase {
  const char* name;
  std::string_view partial;
  std::optional<std::string_view> section;  // as BODY[…]<…>
  std::uint32_t uid = 0;
};

constexpr PendingCase kPending[] = {
    {"Body", "* 3 FETCH (UID 5 BODY[] {42}\r\n", "BODY[]", 5},
    {"BodyFirst", "* 3 FETCH (BODY[] {42}\r\n", "BODY[]"},
    {"Literal8", "* 3 FETCH (BODY[] ~{42}\r\n", "BODY[]"},
    {"LowerCase", "* 3 fetch (uid 5 body[] {42}\r\n", "BODY[]", 5},
    {"BehindQuoted", "* 3 FETCH (INTERNALDATE " DATE " uid 5 BODY[TEXT] {42}\r\n", "BODY[TEXT]", 5},
    {"Origin", "* 3 FETCH (UID 5 BODY[1.2]<100> {42}\r\n", "BODY[1.2]<100>", 5},
    {"Rfc822", "* 3 FETCH (RFC822 {42}\r\n", "BODY[]"},
    {"Rfc822Header", "* 3 FETCH (RFC822.HEADER {42}\r\n", "BODY[HEADER]"},
    {"HeaderFields", "* 3 FETCH (BODY[HEADER.FIELDS (A \"b\")] {42}\r\n",
     "BODY[HEADER.FIELDS (A b)]"},
    {"BehindInlineLiteral", "* 3 FETCH (BODY[1] {3}\r\na)( UID 5 BODY[2] {42}\r\n", "BODY[2]", 5},
    {"BehindEnvelope", "* 3 FETCH (ENVELOPE " ENVELOPE " BODY[] {42}\r\n", "BODY[]"},
    {"EnvelopeSubject", "* 3 FETCH (UID 5 ENVELOPE (\"d\" {42}\r\n", std::nullopt},
    {"SubjectThatLooksLikeAnItem", "* 3 FETCH (ENVELOPE (\"d\" {6}\r\nBODY[] {42}\r\n",
     std::nullopt},
    {"QuotedSubjectThatLooksLikeAnItem", "* 3 FETCH (ENVELOPE (\"BODY[]\" {42}\r\n", std::nullopt},
    {"StructureParameter", "* 3 FETCH (BODYSTRUCTURE (\"A\" \"B\" (\"name\" {42}\r\n",
     std::nullopt},
    {"HeaderFieldName", "* 3 FETCH (BODY[HEADER.FIELDS ({42}\r\n", std::nullopt},
    {"UnknownItem", "* 3 FETCH (X-FOO {42}\r\n", std::nullopt},
    {"AnotherResponse", "* LIST () \"/\" {42}\r\n", std::nullopt},
    {"NoNumber", "* FETCH (BODY[] {42}\r\n", std::nullopt},
    {"Zero", "* 0 FETCH (BODY[] {42}\r\n", std::nullopt},
    {"Tagged", "A1 OK {42}\r\n", std::nullopt},
    {"Nothing", "", std::nullopt},
};

class PendingFetchDataTest : public testing::TestWithParam<PendingCase> {};

TEST_P(PendingFetchDataTest, OnlyDataIsWorthStreaming) {
  const PendingCase& c = GetParam();
  ResponseDecoder decoder;
  const auto got = decoder.find_pending_data({.text = c.partial});
  ASSERT_EQ(got.has_value(), c.section.has_value());
  if (!got) return;
  EXPECT_EQ(got->sequence, SequenceNumber(3));
  EXPECT_EQ(got->uid.value_or(Uid()), Uid(c.uid));
  std::string name = "BODY";
  Writer writer(name);
  encode_section(writer, got->section);
  if (got->origin) name += "<" + std::to_string(*got->origin) + ">";
  EXPECT_EQ(name, *c.section);
}

INSTANTIATE_TEST_SUITE_P(Partial, PendingFetchDataTest, testing::ValuesIn(kPending),
                         [](const auto& info) { return info.param.name; });

TEST(PendingFetchDataTest, WorksWithTheFramer) {
  Framer framer(FramerDialect::kResponses);
  ResponseDecoder decoder;
  std::string_view input =
      "* 1 FETCH (UID 9 ENVELOPE (NIL {5}\r\nhello NIL NIL NIL NIL NIL NIL NIL NIL) "
      "BODY[HEADER] {3}\r\nabc BODY[TEXT] {4}\r\ndefg FLAGS (\\Seen))\r\n";
  std::vector<std::string> streamed;
  while (true) {
    const auto step = framer.feed(input);
    input.remove_prefix(step.consumed);
    if (step.status == Framer::Status::kFrame) break;
    ASSERT_EQ(step.status, Framer::Status::kLiteral);
    const auto pending = decoder.find_pending_data(framer.partial_frame());
    if (!pending) {
      ASSERT_TRUE(framer.take_inline());
      continue;
    }
    EXPECT_EQ(pending->uid, Uid(9));
    const auto size = static_cast<std::size_t>(framer.literal().size_bytes);
    streamed.emplace_back(input.substr(0, size));
    framer.stream();
    input.remove_prefix(size);
  }
  EXPECT_EQ(streamed, (std::vector<std::string>{"abc", "defg"}));
  const Response response = decoder.decode(framer.frame());
  const auto& fetch = std::get<FetchResponse>(response);
  EXPECT_EQ(fetch.envelope->subject, "hello");
  ASSERT_EQ(fetch.data.size(), 2U);
  EXPECT_EQ(fetch.data[1].streamed_index, 1U);
  EXPECT_TRUE(fetch.flags->system.has(SystemFlag::kSeen));
  EXPECT_FALSE(fetch.damaged);
}

TEST(FetchWriterTest, WritesItemsInTheOrderOfTheCalls) {
  std::string out;
  FetchWriter fetch(&out, SequenceNumber(7));
  fetch.uid(Uid(12));
  fetch.flags({SystemFlag::kSeen}, "$A work");
  fetch.size(99);
  fetch.mod_seq(ModSeq(5));
  fetch.envelope("(E)");
  fetch.body("(B)");
  fetch.body_structure("(S)");
  fetch.email_id("M1");
  fetch.thread_id("");
  fetch.internal_date(*parse_date_time("17-Jul-1996 02:44:25 -0700"));
  fetch.data(FetchItem::body({}, true), "ab");
  fetch.nil_data({.kind = FetchKind::kRfc822Text});
  FetchItem partial = FetchItem::body({.part = {1}, .text = SectionText::kMime, .fields = {}},
                                      false, Partial{5, 100});
  fetch.literal_header(partial, 3);
  EXPECT_TRUE(out.ends_with("BODY[1.MIME]<5> {3}\r\n"));
  out += "xyz";
  fetch.finish();
  EXPECT_EQ(out,
            "* 7 FETCH (UID 12 FLAGS (\\Seen $A work) RFC822.SIZE 99 MODSEQ (5) ENVELOPE (E) "
            "BODY (B) BODYSTRUCTURE (S) EMAILID (M1) THREADID NIL INTERNALDATE " DATE
            " BODY[] {2}\r\nab RFC822.TEXT NIL BODY[1.MIME]<5> {3}\r\nxyz)\r\n");
}

TEST(FetchWriterTest, KeywordsAreSeparated) {
  const auto written = [](SystemFlags flags, std::string_view keywords, bool recent) {
    std::string out;
    FetchWriter(&out, SequenceNumber(1)).flags(flags, keywords, recent);
    return out.substr(out.find("FLAGS"));
  };
  EXPECT_EQ(written({}, "", false), "FLAGS ()");
  EXPECT_EQ(written({}, "a b", false), "FLAGS (a b)");
  EXPECT_EQ(written({}, "a", true), "FLAGS (\\Recent a)");
  EXPECT_EQ(written({SystemFlag::kDraft}, "", true), "FLAGS (\\Draft \\Recent)");
}

TEST(FetchWriterTest, MayGoOnAfterTheTextWasSent) {
  std::string out;
  FetchWriter fetch(&out, SequenceNumber(1));
  fetch.literal_header({.kind = FetchKind::kRfc822}, 5);
  EXPECT_EQ(out, "* 1 FETCH (RFC822 {5}\r\n");
  out.clear();
  fetch.uid(Uid(3));
  fetch.finish();
  EXPECT_EQ(out, " UID 3)\r\n");
}

}  // namespace
}  // namespace imap
