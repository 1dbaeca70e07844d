#include "protocol/imap/response_decoder.h"

#include <gtest/gtest.h>

namespace imap {
namespace {

Response decode(std::string_view line) {
  ResponseDecoder decoder;
  return decoder.decode({.text = line});
}

std::string encoded(const Response& response) {
  std::string out;
  Writer writer(out);
  encode_response(writer, response);
  return out;
}

struct Case {
  const char* name;
  std::string_view input;    // without its CRLF
  std::string_view encoded;  // the same in canonical form, without its CRLF; empty: unknown
};

class ResponseDecoderTest : public testing::TestWithParam<Case> {};

TEST_P(ResponseDecoderTest, DecodesToTheCanonicalForm) {
  const auto& [name, input, want] = GetParam();
  const Response got = decode(input);
  if (want.empty()) {
    ASSERT_TRUE(std::holds_alternative<UnknownResponse>(got)) << encoded(got);
    EXPECT_EQ(std::get<UnknownResponse>(got).text, input);
  } else {
    ASSERT_FALSE(std::holds_alternative<UnknownResponse>(got));
    EXPECT_EQ(encoded(got), std::string(want) + "\r\n");
    EXPECT_EQ(encoded(decode(want)), std::string(want) + "\r\n");
    // A text may have lost what a line cannot hold; nothing else may.
    const bool has_text = std::holds_alternative<TaggedResponse>(got) ||
                          std::holds_alternative<ConditionResponse>(got);
    if (!has_text) EXPECT_EQ(decode(want), got);
  }
  for (std::size_t n = 0; n < input.size(); ++n) (void)encoded(decode(input.substr(0, n)));
}

constexpr Case kConditions[] = {
    {"TaggedOk", "A1 OK SELECT completed", "A1 OK SELECT completed"},
    {"TaggedWithCode", "A1 OK [READ-WRITE] SELECT completed",
     "A1 OK [READ-WRITE] SELECT completed"},
    {"TaggedNo", "a.2 no [TRYCREATE] no such mailbox", "a.2 NO [TRYCREATE] no such mailbox"},
    {"TaggedBad", "3 BAD what", "3 BAD what"},
    {"MailRuNoText", "A1 OK", "A1 OK ."},
    {"GmailCodeWithoutText", "* OK [HIGHESTMODSEQ 12]", "* OK [HIGHESTMODSEQ 12] ."},
    {"CodeWithoutTextAndATrailingSpace", "* OK [UIDNEXT 5] ", "* OK [UIDNEXT 5] ."},
    {"Greeting", "* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hello",
     "* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hello"},
    {"Bye", "* BYE logging out", "* BYE logging out"},
    {"CodeThatIsNotClosed", "* OK [ALERT watch out", "* OK .[ALERT watch out"},
    {"Office365CodeWithoutOk", "* [UIDNEXT 3] next", "* OK [UIDNEXT 3] next"},
    {"HomePlBareCode", "[PERMANENTFLAGS (\\Seen)] x", "* OK [PERMANENTFLAGS (\\Seen)] x"},
    {"EightBitText", "* OK gr\xfc\xdf", "* OK gr??"},
    {"TextThatLooksLikeALiteral", "* OK see {5}", "* OK see {5}"},
    {"LeadingNuls", std::string_view("\0\0* OK x", 8), "* OK x"},
    {"Continuation", "+ idling", "+ idling"},
    {"ContinuationBase64", "+ dGVzdA==", "+ dGVzdA=="},
    {"ContinuationWithoutText", "+", "+ "},
    {"ExchangeBareLine", "Server Unavailable. 15", ""},
    {"NotAResponse", "HTTP/1.0 400 Bad Request", ""},
    {"Empty", "", ""},
    {"StarAlone", "*", ""},
    {"TagAlone", "A1", ""},
    {"TaggedBye", "A1 BYE", ""},
};
INSTANTIATE_TEST_SUITE_P(Conditions, ResponseDecoderTest, testing::ValuesIn(kConditions),
                         [](const auto& info) { return info.param.name; });

constexpr Case kCodes[] = {
    {"Alert", "* OK [ALERT] x", "* OK [ALERT] x"},
    {"AlertWithArgument", "* OK [ALERT now] x", "* OK [ALERT] x"},
    {"LowerCase", "* OK [read-only] x", "* OK [READ-ONLY] x"},
    {"BadCharset", "* NO [BADCHARSET (UTF-8 \"us ascii\")] x",
     "* NO [BADCHARSET (UTF-8 \"us ascii\")] x"},
    {"BadCharsetAlone", "* NO [BADCHARSET] x", "* NO [BADCHARSET] x"},
    {"PermanentFlags", "* OK [PERMANENTFLAGS (\\Deleted \\Seen $A \\*)] x",
     "* OK [PERMANENTFLAGS (\\Deleted \\Seen $A \\*)] x"},
    {"NoPermanentFlags", "* OK [PERMANENTFLAGS ()] x", "* OK [PERMANENTFLAGS ()] x"},
    {"UidNext", "* OK [UIDNEXT 4392] x", "* OK [UIDNEXT 4392] x"},
    {"UidNextZero", "* OK [UIDNEXT 0] x", "* OK [UIDNEXT 0] x"},
    {"UidNextTooBig", "* OK [UIDNEXT 4294967296] x", "* OK [UIDNEXT 0] x"},
    {"UidValidity", "* OK [UIDVALIDITY 3857529045] x", "* OK [UIDVALIDITY 3857529045] x"},
    {"UidValidityMissing", "* OK [UIDVALIDITY] x", "* OK [UIDVALIDITY 0] x"},
    {"Unseen", "* OK [UNSEEN 12] x", "* OK [UNSEEN 12] x"},
    {"AppendUid", "A1 OK [APPENDUID 38505 3955] x", "A1 OK [APPENDUID 38505 3955] x"},
    {"AppendUidOfSeveral", "A1 OK [APPENDUID 38505 3955:3957] x",
     "A1 OK [APPENDUID 38505 3955:3957] x"},
    {"AppendUidBroken", "A1 OK [APPENDUID 38505] x", "A1 OK [APPENDUID 38505] x"},
    {"CopyUid", "A1 OK [COPYUID 38505 304,319:320 3956:3958] x",
     "A1 OK [COPYUID 38505 304,319:320 3956:3958] x"},
    {"CopyUidKeepsTheOrder", "A1 OK [COPYUID 1 9,3:4 7:9] x", "A1 OK [COPYUID 1 9,3:4 7:9] x"},
    {"CopyUidUntagged", "* OK [COPYUID 1 2 3] x", "* OK [COPYUID 1 2 3] x"},
    {"CopyUidEmpty", "A1 OK [COPYUID 1  ] x", "A1 OK [COPYUID 1  ] x"},
    {"CopyUidBroken", "A1 OK [COPYUID 1 2 x] x", "A1 OK [COPYUID 1 2 x] x"},
    {"HighestModSeq", "* OK [HIGHESTMODSEQ 9223372036854775807] x",
     "* OK [HIGHESTMODSEQ 9223372036854775807] x"},
    {"PurelymailHighestModSeqZero", "* OK [HIGHESTMODSEQ 0] x", "* OK [HIGHESTMODSEQ 0] x"},
    {"ZohoHighestModSeqNegative", "* OK [HIGHESTMODSEQ -1] x", "* OK [HIGHESTMODSEQ 0] x"},
    {"NoModSeq", "* OK [NOMODSEQ] x", "* OK [NOMODSEQ] x"},
    {"Modified", "A1 OK [MODIFIED 7,9] x", "A1 OK [MODIFIED 7,9] x"},
    {"Closed", "* OK [CLOSED] x", "* OK [CLOSED] x"},
    {"MailboxId", "* OK [MAILBOXID (F2212ea87-6097)] x", "* OK [MAILBOXID (F2212ea87-6097)] x"},
    {"MailboxIdBare", "* OK [MAILBOXID F2212ea87] x", "* OK [MAILBOXID (F2212ea87)] x"},
    {"BadEvent", "A1 NO [BADEVENT (MessageNew FlagChange)] x",
     "A1 NO [BADEVENT (MessageNew FlagChange)] x"},
    {"Throttled", "A1 NO [THROTTLED] x", "A1 NO [THROTTLED] x"},
    {"Unavailable", "A1 NO [UNAVAILABLE] x", "A1 NO [UNAVAILABLE] x"},
    {"Unknown", "* OK [X-FOO bar (1 2)] x", "* OK [X-FOO bar (1 2)] x"},
    {"BracketInQuotes", "* OK [X-FOO \"a]b\"] x", "* OK [X-FOO \"a?b\"] x"},
    {"Referral", "A1 NO [REFERRAL imap://x@y/z] x", "A1 NO [REFERRAL imap://x@y/z] x"},
    {"EmptyBrackets", "* OK [] x", "* OK [] x"},
};
class ResponseCodeTest : public ResponseDecoderTest {};
TEST_P(ResponseCodeTest, DecodesToTheCanonicalForm) {
  const auto& [name, input, want] = GetParam();
  const Response got = decode(input);
  EXPECT_EQ(encoded(got), std::string(want) + "\r\n");
  EXPECT_EQ(encoded(decode(want)), std::string(want) + "\r\n");
  for (std::size_t n = 0; n < input.size(); ++n) (void)encoded(decode(input.substr(0, n)));
}
INSTANTIATE_TEST_SUITE_P(Codes, ResponseCodeTest, testing::ValuesIn(kCodes),
                         [](const auto& info) { return info.param.name; });

constexpr Case kData[] = {
    {"Capability", "* CAPABILITY IMAP4rev1 AUTH=PLAIN  X-Y",
     "* CAPABILITY IMAP4rev1 AUTH=PLAIN X-Y"},
    {"Enabled", "* ENABLED CONDSTORE QRESYNC", "* ENABLED CONDSTORE QRESYNC"},
    {"EnabledNothing", "* ENABLED", "* ENABLED"},
    {"Exists", "* 23 EXISTS", "* 23 EXISTS"},
    {"ExistsNone", "* 0 exists", "* 0 EXISTS"},
    {"Recent", "* 5 RECENT ", "* 5 RECENT"},
    {"Expunge", "* 44 EXPUNGE", "* 44 EXPUNGE"},
    {"CourierExpungeZero", "* 0 EXPUNGE", ""},
    {"NumberTooBig", "* 4294967296 EXISTS", ""},
    {"NumberWithoutName", "* 12", ""},
    {"Flags", "* FLAGS (\\Answered \\Seen $Junk NonJunk)",
     "* FLAGS (\\Answered \\Seen $Junk NonJunk)"},
    {"FlagsWithFaults", "* FLAGS ( \\seen \\Recent \"\\\\Draft\" a]b \\*)",
     "* FLAGS (\\Seen \\Recent \\*)"},
    {"FlagsWithoutList", "* FLAGS \\Seen", ""},
    {"Quota", "* QUOTA \"\" (STORAGE 10 512)", ""},
    {"Vanished", "* VANISHED 300:310,405,411", "* VANISHED 300:310,405,411"},
    {"VanishedEarlier", "* VANISHED (EARLIER) 41,43:116", "* VANISHED (EARLIER) 41,43:116"},
    {"ICloudVanishedBroken", "* VANISHED (EARLIER) 41,43:", ""},
    {"VanishedStar", "* VANISHED 1:*", ""},
    {"VanishedNothing", "* VANISHED", ""},
    {"VanishedTwoSets", "* VANISHED 1 2", ""},
};
INSTANTIATE_TEST_SUITE_P(Data, ResponseDecoderTest, testing::ValuesIn(kData),
                         [](const auto& info) { return info.param.name; });

constexpr Case kLists[] = {
    {"List", "* LIST (\\Noselect \\HasChildren) \"/\" ~/Mail/foo",
     "* LIST (\\Noselect \\HasChildren) \"/\" \"~/Mail/foo\""},
    {"Lsub", "* LSUB () \".\" #news.comp.mail.misc", "* LSUB () \".\" #news.comp.mail.misc"},
    {"Flat", "* LIST () NIL INBOX", "* LIST () NIL INBOX"},
    {"Inbox", "* LIST () \"/\" inbox", "* LIST () \"/\" INBOX"},
    {"Root", "* LIST (\\Noselect) \"/\" \"\"", "* LIST (\\Noselect) \"/\" \"\""},
    {"SpecialUse", "* LIST (\\sent \\X-Odd) \"/\" Sent", "* LIST (\\Sent \\X-Odd) \"/\" Sent"},
    {"Backslash", R"(* LIST () "\\" "a\\b")", R"(* LIST () "\\" "a\\b")"},
    {"DominoLoneBackslash", R"(* LIST () "\" "Mail")", R"(* LIST () "\\" Mail)"},
    {"Literal", "* LIST () \"/\" {5}\r\na\"b\\c", "* LIST () \"/\" \"a\\\"b\\\\c\""},
    {"Utf7", "* LIST () \"/\" \"&U,BTFw-\"", "* LIST () \"/\" &U,BTFw-"},
    {"BrokenUtf7", "* LIST () \"/\" \"a & b\"", "* LIST () \"/\" \"a & b\""},
    {"EightBit", "* LIST () \"/\" \"gr\xfc\xdf\"", "* LIST () \"/\" {4}\r\ngr\xfc\xdf"},
    {"ExchangeUnquotedSpaces", "* LIST (\\HasNoChildren) \"/\" My old mail",
     "* LIST (\\HasNoChildren) \"/\" \"My old mail\""},
    {"ExchangeUnquotedTabs", "* LIST (\\HasNoChildren) \"/\" INBOX/Da\tA\tB\t",
     "* LIST (\\HasNoChildren) \"/\" \"INBOX/Da\tA\tB\t\""},
    {"DominoLoneBackslashBeforeAnAtom", R"(* LIST () "\" Mail)", R"(* LIST () "\\" Mail)"},
    {"ExchangeControlCharacters",
     "* LIST () \"/\" a\x01\x02"
     "b",
     "* LIST () \"/\" \"a\x01\x02"
     "b\""},
    {"TrailingSpaceInQuotes", "* LIST () \"/\" \"a \"", "* LIST () \"/\" \"a \""},
    {"CalledNil", "* LIST () \"/\" NIL", "* LIST () \"/\" \"NIL\""},
    {"NilAttributes", "* LIST NIL \"/\" a", "* LIST () \"/\" a"},
    {"EmptyDelimiter", "* LIST () \"\" a", "* LIST () NIL a"},
    {"ChildInfo", "* LIST () \"/\" \"Foo\" (\"CHILDINFO\" (\"SUBSCRIBED\"))",
     "* LIST () \"/\" Foo (\"CHILDINFO\" (\"SUBSCRIBED\"))"},
    {"ChildInfoUnquoted", "* LIST () \"/\" Foo (CHILDINFO (SUBSCRIBED))",
     "* LIST () \"/\" Foo (\"CHILDINFO\" (\"SUBSCRIBED\"))"},
    {"OldName", "* LIST () \"/\" new (\"OLDNAME\" (\"old\"))",
     "* LIST () \"/\" new (\"OLDNAME\" (old))"},
    {"UnknownExtendedData", "* LIST () \"/\" new (\"X\" (\"y\" (1 2)))", "* LIST () \"/\" new"},
    {"WithoutMailbox", "* LIST () \"/\"", ""},
    {"WithoutAnything", "* LIST", ""},
    {"Xlist", "* XLIST (\\Inbox) \"/\" Inbox", ""},
};
INSTANTIATE_TEST_SUITE_P(Lists, ResponseDecoderTest, testing::ValuesIn(kLists),
                         [](const auto& info) { return info.param.name; });

constexpr Case kStatus[] = {
    {"All",
     "* STATUS blurdybloop (SIZE 5000000000 DELETED 3 UNSEEN 2 UIDVALIDITY 7 UIDNEXT 44292 RECENT "
     "1 "
     "MESSAGES 231 HIGHESTMODSEQ 7011231777 MAILBOXID (F-1) APPENDLIMIT 100)",
     "* STATUS blurdybloop (MESSAGES 231 RECENT 1 UIDNEXT 44292 UIDVALIDITY 7 UNSEEN 2 DELETED 3 "
     "SIZE 5000000000 HIGHESTMODSEQ 7011231777 MAILBOXID (F-1) APPENDLIMIT 100)"},
    {"ExchangeTrailingSpace", "* STATUS a (MESSAGES 1 ) ", "* STATUS a (MESSAGES 1)"},
    {"CoremailEmptyList", "* STATUS a ()", "* STATUS a ()"},
    {"NoList", "* STATUS a", "* STATUS a ()"},
    {"MailRuSize", "* STATUS a (SIZE 9.37e+06 MESSAGES 1)", "* STATUS a (MESSAGES 1 SIZE 9370000)"},
    {"RoundedUidNextIsDropped", "* STATUS a (UIDNEXT 9.37e+06)", "* STATUS a ()"},
    {"ZohoNegativeModSeq", "* STATUS a (HIGHESTMODSEQ -1 UNSEEN 1)", "* STATUS a (UNSEEN 1)"},
    {"HighestModSeqZero", "* STATUS a (HIGHESTMODSEQ 0)", "* STATUS a (HIGHESTMODSEQ 0)"},
    {"ZeroUidValidityIsMissing", "* STATUS a (UIDVALIDITY 0 UIDNEXT 0)", "* STATUS a ()"},
    {"UnknownItems", "* STATUS a (X-Y (1 2) MESSAGES 4)", "* STATUS a (MESSAGES 4)"},
    {"UnquotedSpaces", "* STATUS My old mail (MESSAGES 4)",
     "* STATUS \"My old mail\" (MESSAGES 4)"},
    {"Quoted", "* STATUS \"a b\" (MESSAGES 4)", "* STATUS \"a b\" (MESSAGES 4)"},
    {"Literal", "* STATUS {3}\r\na b (MESSAGES 4)", "* STATUS \"a b\" (MESSAGES 4)"},
    {"Nothing", "* STATUS", ""},
};
INSTANTIATE_TEST_SUITE_P(Status, ResponseDecoderTest, testing::ValuesIn(kStatus),
                         [](const auto& info) { return info.param.name; });

constexpr Case kSearch[] = {
    {"Search", "* SEARCH 2 84 882", "* SEARCH 2 84 882"},
    {"SearchNothing", "* SEARCH", "* SEARCH"},
    {"SearchTrailingSpaces", "* SEARCH 5  4 ", "* SEARCH 5 4"},
    {"SearchModSeq", "* SEARCH 2 5 (MODSEQ 917162500)", "* SEARCH 2 5 (MODSEQ 917162500)"},
    {"SearchModSeqNegative", "* SEARCH 2 (MODSEQ -1)", "* SEARCH 2"},
    {"SearchZeroIsNoMessage", "* SEARCH 0 2", "* SEARCH 2"},
    {"SearchRounded", "* SEARCH 1 9.37e+06", ""},
    {"SearchTooBig", "* SEARCH 4294967296", ""},
    {"SearchGarbage", "* SEARCH 1 2 x", ""},
    {"Esearch", "* ESEARCH (TAG \"A283\") MIN 2 COUNT 3", "* ESEARCH (TAG \"A283\") MIN 2 COUNT 3"},
    {"EsearchUid", "* ESEARCH (TAG A283) UID ALL 43,117:119 MODSEQ 12",
     "* ESEARCH (TAG \"A283\") UID ALL 43,117:119 MODSEQ 12"},
    {"EsearchNothing", "* ESEARCH (TAG \"A1\") UID", "* ESEARCH (TAG \"A1\") UID"},
    {"EsearchWithoutTag", "* ESEARCH MAX 9", "* ESEARCH MAX 9"},
    {"EsearchUnknown", "* ESEARCH PARTIAL (1:2 3) COUNT 5", "* ESEARCH COUNT 5"},
    {"EsearchBrokenSet", "* ESEARCH UID ALL 1:5,x", ""},
    {"EsearchBrokenCount", "* ESEARCH UID COUNT x", ""},
    {"EsearchMissingSet", "* ESEARCH UID ALL", ""},
};
INSTANTIATE_TEST_SUITE_P(Search, ResponseDecoderTest, testing::ValuesIn(kSearch),
                         [](const auto& info) { return info.param.name; });

constexpr Case kServer[] = {
    {"Namespace", R"(* NAMESPACE (("" "/")("#mh/" "/" "X-P" ("a"))) NIL (("Public." ".")))",
     R"(* NAMESPACE (("" "/")("#mh/" "/")) NIL (("Public." ".")))"},
    {"NamespaceFlat", R"(* NAMESPACE (("" NIL)) NIL NIL)", R"(* NAMESPACE (("" NIL)) NIL NIL)"},
    {"NamespaceAllNil", "* NAMESPACE NIL NIL NIL", "* NAMESPACE NIL NIL NIL"},
    {"NamespaceShort", R"(* NAMESPACE (("" "/")))", R"(* NAMESPACE (("" "/")) NIL NIL)"},
    {"DominoNamespaceLoneBackslash", R"(* NAMESPACE (("" "\")) NIL NIL)",
     R"(* NAMESPACE (("" "\\")) NIL NIL)"},
    {"NamespaceGarbage", "* NAMESPACE x y z", ""},
    {"Id", R"(* ID ("name" "Cyrus" "version" NIL))", R"(* ID ("name" "Cyrus" "version" NIL))"},
    {"IdNil", "* ID NIL", "* ID NIL"},
    {"IdOdd", R"(* ID ("name"))", R"(* ID ("name" NIL))"},
    {"IdGarbage", "* ID name", ""},
};
INSTANTIATE_TEST_SUITE_P(Server, ResponseDecoderTest, testing::ValuesIn(kServer),
                         [](const auto& info) { return info.param.name; });

TEST(ResponseDecoderTest, EveryPlainCodeHasAName) {
  for (int i = 0; i <= static_cast<int>(Code::kThrottled); ++i) {
    const Code code = static_cast<Code>(i);
    ASSERT_FALSE(name_of(code).empty()) << i;
    EXPECT_EQ(decode_response_code(name_of(code)), ResponseCode(code));
  }
}

TEST(ResponseDecoderTest, LimitsMakeAResponseUnknown) {
  ResponseDecoder decoder({.numbers = 3, .set_ranges = 2, .items = 1});
  const auto unknown = [&](std::string_view line) {
    return std::holds_alternative<UnknownResponse>(decoder.decode({.text = line}));
  };
  EXPECT_FALSE(unknown("* SEARCH 1 2 3"));
  EXPECT_TRUE(unknown("* SEARCH 1 2 3 4"));
  EXPECT_FALSE(unknown("* VANISHED 1,3"));
  EXPECT_TRUE(unknown("* VANISHED 1,3,5"));
  EXPECT_TRUE(unknown("* ESEARCH UID ALL 1,3,5"));
}

TEST(ResponseDecoderTest, MailboxNamesAreUtf8WhenThatIsEnabled) {
  ResponseDecoder decoder;
  decoder.set_utf8(true);
  const auto list =
      std::get<ListResponse>(decoder.decode({.text = "* LIST () \"/\" \"gr\xc3\xbc\""}));
  EXPECT_EQ(list.mailbox.utf8(), "gr\xc3\xbc");
  std::string out;
  Writer utf8(out, {.utf8 = true});
  encode_response(utf8, list);
  EXPECT_EQ(out, "* LIST () \"/\" \"gr\xc3\xbc\"\r\n");
  out.clear();
  Writer utf7(out);
  encode_response(utf7, list);
  EXPECT_EQ(out, "* LIST () \"/\" gr&APw-\r\n");
}

TEST(ResponseDecoderTest, TextsCannotBreakTheLine) {
  ConditionResponse response{Condition::kNo, {std::nullopt, "a\r\n* OK b"}};
  EXPECT_EQ(encoded(response), "* NO a??* OK b\r\n");
  response.text.text.clear();
  EXPECT_EQ(encoded(response), "* NO .\r\n");
  response.text.code = UnknownCode{"X] y\r\n"};
  EXPECT_EQ(encoded(response), "* NO [X? y??] .\r\n");
}

TEST(ResponseTextTest, CodesAreFound) {
  const auto response = std::get<ConditionResponse>(decode("* OK [UIDNEXT 7] x"));
  ASSERT_NE(response.text.find<UidNextCode>(), nullptr);
  EXPECT_EQ(response.text.find<UidNextCode>()->uid, Uid(7));
  EXPECT_FALSE(response.text.has(Code::kAlert));
  EXPECT_TRUE(std::get<ConditionResponse>(decode("* NO [ALERT] x")).text.has(Code::kAlert));
  EXPECT_EQ(ResponseText{}.find<UidNextCode>(), nullptr);
}

TEST(CopyUidCodeTest, PairsFollowTheOrderOfTheWire) {
  const auto code = std::get<CopyUidCode>(decode_response_code("COPYUID 9 304,320:319 1:2,7"));
  const auto pairs = code.pairs();
  ASSERT_TRUE(pairs);
  const std::vector<std::pair<Uid, Uid>> want = {
      {Uid(304), Uid(1)}, {Uid(319), Uid(2)}, {Uid(320), Uid(7)}};
  EXPECT_EQ(*pairs, want);

  CopyUidCode built{.uid_validity = UidValidity(9), .sources = {}, .destinations = {}};
  for (const auto& [from, to] : want) built.add(from, to);
  EXPECT_EQ(encoded(TaggedResponse{"A", Condition::kOk, {built, "x"}}),
            "A OK [COPYUID 9 304,319:320 1:2,7] x\r\n");
}

TEST(CopyUidCodeTest, UnequalAndHugeSetsAreErrors) {
  const auto pairs = [](std::string_view text) {
    return std::get<CopyUidCode>(decode_response_code(text)).pairs(10);
  };
  EXPECT_EQ(pairs("COPYUID 9 1:3 1:2").error().code(), Errc::kProtocol);
  EXPECT_EQ(pairs("COPYUID 9 1:4294967295 1:4294967295").error().code(), Errc::kLimit);
  EXPECT_TRUE(pairs("COPYUID 9").value().empty());
}

TEST(IdResponseTest, FieldsAreFoundInAnyCase) {
  const auto id = std::get<IdResponse>(decode(R"(* ID ("Name" "Dovecot" "x" NIL))"));
  EXPECT_EQ(id.find("name"), "Dovecot");
  EXPECT_EQ(id.find("x"), std::nullopt);
  EXPECT_EQ(id.find("y"), std::nullopt);
}

}  // namespace
}  // namespace imap
