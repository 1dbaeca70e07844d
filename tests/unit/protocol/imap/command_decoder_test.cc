#include "protocol/imap/command_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/imap/command_encoder.h"
#include "protocol/imap/command_table.h"

namespace imap {
namespace {

using testing::HasSubstr;

struct Case {
  const char* name;
  std::string input;  // behind the tag
  bool valid;
  std::string encoded;  // canonical
};

std::string long_list(std::string_view item, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += item;
  return out;
}

const Case kCases[] = {
    // RFC 3501 6.1
    {"Capability", "capability", true, "CAPABILITY"},
    {"Noop", "NOOP", true, "NOOP"},
    {"NoopWithArgument", "NOOP x", false, ""},
    {"NoopTrailingSpace", "NOOP ", false, ""},
    {"Logout", "logout", true, "LOGOUT"},
    {"Id", "ID (\"name\" \"mbsync\" \"os\" NIL)", true, "ID (\"name\" \"mbsync\" \"os\" NIL)"},
    {"IdNil", "ID nil", true, "ID NIL"},
    {"IdEmpty", "ID ()", true, "ID NIL"},
    {"IdOdd", "ID (\"name\")", false, ""},
    {"IdAtom", "ID (name x)", false, ""},
    {"IdTooMany", "ID (" + long_list("\"a\" NIL ", 100) + "\"a\" NIL)", false, ""},

    // RFC 3501 6.2
    {"StartTls", "STARTTLS", true, "STARTTLS"},
    {"Authenticate", "authenticate plain", true, "AUTHENTICATE PLAIN"},
    {"AuthenticateInitial", "AUTHENTICATE PLAIN AGEAYg==", true, "AUTHENTICATE PLAIN AGEAYg=="},
    {"AuthenticateEmptyInitial", "AUTHENTICATE EXTERNAL =", true, "AUTHENTICATE EXTERNAL ="},
    {"AuthenticateTwo", "AUTHENTICATE PLAIN a b", false, ""},
    {"Login", "LOGIN me secret", true, "LOGIN me secret"},
    {"LoginQuoted", "LOGIN \"a b\" \"p\\\"w\"", true, "LOGIN \"a b\" \"p\\\"w\""},
    {"LoginLiterals", "LOGIN {2}\r\nme {3+}\r\np\xc3\xa9", true, "LOGIN me {3}\r\np\xc3\xa9"},
    {"LoginEmptyPassword", "LOGIN me \"\"", true, "LOGIN me \"\""},
    {"LoginOne", "LOGIN me", false, ""},
    {"LoginThree", "LOGIN me a b", false, ""},

    // RFC 5161, RFC 2342, RFC 4978, RFC 2177
    {"Enable", "ENABLE CONDSTORE UTF8=ACCEPT", true, "ENABLE CONDSTORE UTF8=ACCEPT"},
    {"EnableNothing", "ENABLE", false, ""},
    {"EnableTooMany", "ENABLE" + long_list(" X", 101), false, ""},
    {"Namespace", "NAMESPACE", true, "NAMESPACE"},
    {"Compress", "COMPRESS deflate", true, "COMPRESS DEFLATE"},
    {"CompressNothing", "COMPRESS", false, ""},
    {"Idle", "IDLE", true, "IDLE"},

    // RFC 3501 6.3.1, RFC 7162 3.1.8, 3.2.5
    {"Select", "SELECT inbox", true, "SELECT INBOX"},
    {"Examine", "examine \"Sent Mail\"", true, "EXAMINE \"Sent Mail\""},
    {"SelectUtf7", "SELECT Entw&APw-rfe", true, "SELECT Entw&APw-rfe"},
    {"SelectBrokenUtf7", "SELECT R&D", false, ""},
    {"SelectLiteral", "SELECT {5}\r\nWork ", true, "SELECT \"Work \""},
    {"SelectCondstore", "SELECT a (condstore)", true, "SELECT a (CONDSTORE)"},
    {"SelectQresync", "SELECT a (QRESYNC (67890007 20050715194045000))", true,
     "SELECT a (QRESYNC (67890007 20050715194045000))"},
    {"SelectQresyncKnown", "SELECT a (QRESYNC (1 2 41,43:211,214:541))", true,
     "SELECT a (QRESYNC (1 2 41,43:211,214:541))"},
    {"SelectQresyncMatch", "SELECT a (QRESYNC (1 2 3 (4,5 6,7)))", true,
     "SELECT a (QRESYNC (1 2 3 (4:5 6:7)))"},
    {"SelectQresyncMatchOnly", "EXAMINE a (QRESYNC (1 2 (4 6)) CONDSTORE)", true,
     "EXAMINE a (CONDSTORE QRESYNC (1 2 (4 6)))"},
    {"SelectQresyncStar", "SELECT a (QRESYNC (1 2 1:*))", false, ""},
    {"SelectQresyncZeroValidity", "SELECT a (QRESYNC (0 2))", false, ""},
    {"SelectQresyncZeroModSeq", "SELECT a (QRESYNC (1 0))", false, ""},
    {"SelectQresyncTwice", "SELECT a (QRESYNC (1 2) QRESYNC (1 2))", false, ""},
    {"SelectQresyncShort", "SELECT a (QRESYNC (1))", false, ""},
    {"SelectUnknownParameter", "SELECT a (FOO)", false, ""},
    {"SelectNoParameters", "SELECT a ()", false, ""},
    {"SelectNothing", "SELECT", false, ""},
    {"SelectEmptyName", "SELECT \"\"", false, ""},

    // RFC 3501 6.3.3 - 6.3.7, RFC 6154
    {"Create", "CREATE Work/", true, "CREATE Work/"},
    {"CreateUse", "CREATE Sent (USE (\\Sent \\Drafts))", true,
     "CREATE Sent (USE (\\Sent \\Drafts))"},
    {"CreateUseNothing", "CREATE Sent (USE ())", true, "CREATE Sent"},
    {"CreateUseAtom", "CREATE Sent (USE (Sent))", false, ""},
    {"CreateOther", "CREATE Sent (FOO)", false, ""},
    {"Delete", "DELETE Old", true, "DELETE Old"},
    {"Rename", "RENAME a \"b c\"", true, "RENAME a \"b c\""},
    {"RenameOne", "RENAME a", false, ""},
    {"Subscribe", "SUBSCRIBE a", true, "SUBSCRIBE a"},
    {"Unsubscribe", "UNSUBSCRIBE a", true, "UNSUBSCRIBE a"},

    // RFC 3501 6.3.8, RFC 5258, RFC 5819, RFC 6154
    {"List", "LIST \"\" *", true, "LIST \"\" \"*\""},
    {"ListPatterns", "LIST Work/ %/x]*", true, "LIST \"Work/\" \"%/x]*\""},
    {"ListUtf7", "LIST \"\" Entw&APw-%", true, "LIST \"\" \"Entw&APw-%\""},
    {"ListBrokenUtf7", "LIST \"\" R&D", true, "LIST \"\" \"R&-D\""},
    {"ListSeparator", "LIST \"\" \"\"", true, "LIST \"\" \"\""},
    {"ListSelect", "LIST (REMOTE subscribed RECURSIVEMATCH SPECIAL-USE) \"\" %", true,
     "LIST (SUBSCRIBED REMOTE RECURSIVEMATCH SPECIAL-USE) \"\" \"%\""},
    {"ListSelectNothing", "LIST () \"\" %", true, "LIST () \"\" \"%\""},
    {"ListRecursiveAlone", "LIST (RECURSIVEMATCH) \"\" %", false, ""},
    {"ListSeveral", "LIST \"\" (INBOX Drafts \"Sent/%\")", true,
     "LIST \"\" (\"INBOX\" \"Drafts\" \"Sent/%\")"},
    {"ListOneInParentheses", "LIST \"\" (INBOX)", true, "LIST () \"\" \"INBOX\""},
    {"ListNoPatterns", "LIST \"\" ()", false, ""},
    {"ListReturn", "LIST \"\" % RETURN (SPECIAL-USE CHILDREN SUBSCRIBED)", true,
     "LIST \"\" \"%\" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)"},
    {"ListStatus", "LIST \"\" % RETURN (STATUS (MESSAGES UNSEEN))", true,
     "LIST \"\" \"%\" RETURN (STATUS (MESSAGES UNSEEN))"},
    {"ListReturnAll", "LIST (SUBSCRIBED) \"\" (a b) RETURN (CHILDREN STATUS (SIZE))", true,
     "LIST (SUBSCRIBED) \"\" (\"a\" \"b\") RETURN (CHILDREN STATUS (SIZE))"},
    {"ListReturnNothing", "LIST \"\" % RETURN ()", true, "LIST () \"\" \"%\""},
    {"ListUnknownReturn", "LIST \"\" % RETURN (MYRIGHTS)", false, ""},
    {"ListUnknownSelection", "LIST (FOO) \"\" %", false, ""},
    {"ListTooMany", "LIST \"\" (" + long_list("a ", 100) + "a)", false, ""},
    {"ListTooLong", "LIST \"\" " + std::string(4'001, '*'), false, ""},
    {"ListOne", "LIST \"\"", false, ""},
    {"Lsub", "LSUB \"\" *", true, "LSUB \"\" \"*\""},
    {"LsubReturn", "LSUB \"\" * RETURN ()", false, ""},

    // RFC 3501 6.3.10 and extensions
    {"Status", "STATUS inbox (uidnext messages UIDNEXT)", true, "STATUS INBOX (UIDNEXT MESSAGES)"},
    {"StatusAll",
     "STATUS a (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID "
     "APPENDLIMIT)",
     true,
     "STATUS a (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID "
     "APPENDLIMIT)"},
    {"StatusNothing", "STATUS a ()", false, ""},
    {"StatusUnknown", "STATUS a (FOO)", false, ""},
    {"StatusWithoutList", "STATUS a MESSAGES", false, ""},

    // RFC 3501 6.3.11, RFC 3502, RFC 6855
    {"Append", "APPEND a {3}\r\nx\r\n", true, "APPEND a {3}\r\nx\r\n"},
    {"AppendAll", "APPEND a (\\Seen x) \"17-Jul-1996 02:44:25 -0700\" {1+}\r\nx", true,
     "APPEND a (\\Seen x) \"17-Jul-1996 02:44:25 -0700\" {1}\r\nx"},
    {"AppendNoFlags", "APPEND a () {1}\r\nx", true, "APPEND a {1}\r\nx"},
    {"AppendBinary", "APPEND a ~{2}\r\n\1x", true, "APPEND a ~{2}\r\n\1x"},
    {"AppendUtf8", "APPEND a UTF8 (~{1}\r\nx)", true, "APPEND a UTF8 (~{1}\r\nx)"},
    {"AppendUtf8Plain", "APPEND a UTF8 ({1}\r\nx)", false, ""},
    {"AppendSeveral", "APPEND a {1}\r\nx (\\Draft) {2}\r\nyz UTF8 (~{1}\r\nu)", true,
     "APPEND a {1}\r\nx (\\Draft) {2}\r\nyz UTF8 (~{1}\r\nu)"},
    {"AppendQuoted", "APPEND a \"x\"", false, ""},
    {"AppendNothing", "APPEND a", false, ""},
    {"AppendBadDate", "APPEND a \"yesterday\" {1}\r\nx", false, ""},
    {"AppendDateBeforeFlags", "APPEND a \"17-Jul-1996 02:44:25 -0700\" () {1}\r\nx", false, ""},
    {"AppendRecent", "APPEND a (\\Recent) {1}\r\nx", false, ""},
    {"AppendCatenate", "APPEND a CATENATE (TEXT {1}\r\nx)", false, ""},

    // RFC 3501 6.4, RFC 3691, RFC 4315
    {"Check", "CHECK", true, "CHECK"},
    {"Close", "CLOSE", true, "CLOSE"},
    {"Unselect", "UNSELECT", true, "UNSELECT"},
    {"Expunge", "EXPUNGE", true, "EXPUNGE"},
    {"ExpungeSet", "EXPUNGE 1", false, ""},
    {"UidExpunge", "uid expunge 3000:3002", true, "UID EXPUNGE 3000:3002"},
    {"UidExpungeNothing", "UID EXPUNGE", false, ""},

    // RFC 3501 6.4.4, RFC 4731
    {"Search", "SEARCH UNSEEN", true, "SEARCH UNSEEN"},
    {"SearchCharset", "SEARCH CHARSET utf-8 TEXT {2}\r\n\xc3\xa9", true,
     "SEARCH CHARSET utf-8 TEXT {2}\r\n\xc3\xa9"},
    {"SearchReturn", "UID SEARCH RETURN (MIN max COUNT ALL) 1:* UNSEEN", true,
     "UID SEARCH RETURN (MIN MAX ALL COUNT) 1:* UNSEEN"},
    {"SearchReturnNothing", "SEARCH RETURN () ALL", true, "SEARCH RETURN (ALL) ALL"},
    {"SearchReturnCharset", "SEARCH RETURN (COUNT) CHARSET US-ASCII SEEN", true,
     "SEARCH RETURN (COUNT) CHARSET US-ASCII SEEN"},
    {"SearchReturnSave", "SEARCH RETURN (SAVE) ALL", false, ""},
    {"SearchNothing", "SEARCH", false, ""},
    {"SearchCharsetOnly", "SEARCH CHARSET UTF-8", false, ""},

    // RFC 3501 6.4.5, RFC 7162
    {"Fetch", "FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])", true,
     "FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])"},
    {"FetchMacro", "FETCH 1 ALL", true, "FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"},
    {"FetchChangedSince", "FETCH 1:* FLAGS (CHANGEDSINCE 12345)", true,
     "FETCH 1:* FLAGS (CHANGEDSINCE 12345)"},
    {"UidFetchVanished", "UID FETCH 300:500 (FLAGS) (VANISHED CHANGEDSINCE 9)", true,
     "UID FETCH 300:500 FLAGS (CHANGEDSINCE 9 VANISHED)"},
    {"FetchVanished", "FETCH 1 FLAGS (CHANGEDSINCE 9 VANISHED)", false, ""},
    {"UidFetchVanishedAlone", "UID FETCH 1 FLAGS (VANISHED)", false, ""},
    {"FetchChangedSinceZero", "FETCH 1 FLAGS (CHANGEDSINCE 0)", false, ""},
    {"FetchTwoSpaces", "FETCH 1  FLAGS", false, ""},
    {"FetchNothing", "FETCH 1", false, ""},
    {"FetchBadSet", "FETCH 0 FLAGS", false, ""},
    {"FetchDeep", "FETCH 1 " + std::string(10'000, '('), false, ""},

    // RFC 3501 6.4.6, RFC 7162 3.1.3
    {"Store", "STORE 2:4 +FLAGS (\\Deleted)", true, "STORE 2:4 +FLAGS (\\Deleted)"},
    {"StoreSilent", "UID STORE 1 -flags.silent \\Seen $a", true,
     "UID STORE 1 -FLAGS.SILENT (\\Seen $a)"},
    {"StoreReplace", "STORE 1 FLAGS ()", true, "STORE 1 FLAGS ()"},
    {"StoreUnchanged", "STORE 7,5,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted)", true,
     "STORE 5,7,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted)"},
    {"StoreUnchangedZero", "STORE 1 (UNCHANGEDSINCE 0) FLAGS (x)", true,
     "STORE 1 (UNCHANGEDSINCE 0) FLAGS (x)"},
    {"StoreNothing", "STORE 1 FLAGS", false, ""},
    {"StoreOther", "STORE 1 LABELS (x)", false, ""},
    {"StoreTwoSigns", "STORE 1 +-FLAGS (x)", false, ""},
    {"StoreRecent", "STORE 1 FLAGS (\\Recent)", false, ""},

    // RFC 3501 6.4.7, RFC 6851
    {"Copy", "COPY 2:4 Meeting", true, "COPY 2:4 Meeting"},
    {"UidCopy", "UID COPY * inbox", true, "UID COPY * INBOX"},
    {"Move", "MOVE 1 a", true, "MOVE 1 a"},
    {"UidMove", "UID MOVE 1:9 a", true, "UID MOVE 1:9 a"},
    {"CopyNothing", "COPY 1", false, ""},

    {"Unknown", "FOO", false, ""},
    {"UidAlone", "UID", false, ""},
    {"UidNoop", "UID NOOP", false, ""},
    {"UidTwoSpaces", "UID  FETCH 1 FLAGS", false, ""},
    {"Nothing", "", false, ""},
    {"Utf8WithoutEnable", "SELECT \"\xc3\xa9\"", false, ""},
};

class CommandTest : public testing::TestWithParam<Case> {};

TEST_P(CommandTest, DecodesThenEncodesCanonically) {
  const Case& c = GetParam();
  const std::string text = "A1 " + c.input;
  const auto got = decode_command({text});
  ASSERT_EQ(got.has_value(), c.valid) << (got ? "" : got.error().error.text());
  if (!c.valid) {
    EXPECT_EQ(got.error().tag, "A1") << "the client must get its BAD";
    return;
  }
  EXPECT_EQ(got->tag, "A1");
  const EncodedCommand encoded = encode_command("A1", got->command);
  EXPECT_EQ(encoded.text, "A1 " + c.encoded + "\r\n");

  const std::string again = encoded.text.substr(0, encoded.text.size() - 2);
  const auto second = decode_command({again});
  ASSERT_TRUE(second) << second.error().error.text();
  EXPECT_EQ(encode_command("A1", second->command).text, encoded.text);
}

// No prefix of a command may be a crash, or leave something unread.
TEST_P(CommandTest, EveryPrefixIsDecodedOrRefused) {
  const std::string text = "A1 " + GetParam().input;
  if (text.size() > 1'000) return;
  for (std::size_t n = 0; n < text.size(); ++n) {
    const std::string prefix = text.substr(0, n);
    const auto got = decode_command({prefix});
    if (got) EXPECT_FALSE(encode_command(got->tag, got->command).text.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Imap, CommandTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

CommandError refused(std::string_view text, const CommandOptions& options = {}) {
  const auto got = decode_command({text}, options);
  EXPECT_FALSE(got) << text;
  if (got) return {.tag = "", .name = "", .error = Error(Errc::kBug, "")};
  return got.error();
}

TEST(CommandErrorTest, SaysWhatIsWrongAndWhose) {
  const CommandError bad = refused("a.7 uid fetch 1 (FOO)");
  EXPECT_EQ(bad.tag, "a.7");
  EXPECT_EQ(bad.name, "UID FETCH");
  EXPECT_FALSE(bad.unknown_command);
  EXPECT_EQ(bad.error.code(), Errc::kInvalid);
  EXPECT_EQ(bad.error.text(), "expected a FETCH item at byte 17");

  const CommandError unknown = refused("A1 XFOO bar");
  EXPECT_EQ(unknown.tag, "A1");
  EXPECT_TRUE(unknown.unknown_command);

  EXPECT_EQ(refused("").tag, "");
  EXPECT_EQ(refused("+ NOOP").tag, "");
  EXPECT_EQ(refused("* OK").tag, "");
  EXPECT_EQ(refused(" NOOP").tag, "");
  EXPECT_EQ(refused("A\"1 NOOP").tag, "");
  EXPECT_EQ(refused("NOOP").tag, "NOOP");
  EXPECT_EQ(refused(std::string_view("A1 NO\0OP", 8)).tag, "A1");
}

TEST(CommandErrorTest, NeverRepeatsAPassword) {
  const CommandError bad = refused("A1 LOGIN me hunter2 \"");
  EXPECT_THAT(bad.error.text(), testing::Not(HasSubstr("hunter2")));
}

TEST(CommandErrorTest, TellsLimitsFromMistakes) {
  CommandOptions options;
  options.limits.set_ranges = 2;
  EXPECT_EQ(refused("A FETCH 1,3,5 FLAGS", options).error.code(), Errc::kLimit);
  options.limits.append_messages = 1;
  EXPECT_EQ(refused("A APPEND a {1}\r\nx {1}\r\ny", options).error.code(), Errc::kLimit);
  options.limits.flags = 1;
  EXPECT_EQ(refused("A STORE 1 FLAGS a b", options).error.code(), Errc::kLimit);
  options.limits.search.depth = 1;
  EXPECT_EQ(refused("A SEARCH NOT NOT NOT SEEN", options).error.code(), Errc::kLimit);
}

TEST(CommandDecoderTest, FindsTags) {
  EXPECT_EQ(find_tag("A1 LOGIN ..."), "A1");
  EXPECT_EQ(find_tag("A1"), "A1");
  EXPECT_EQ(find_tag("A{1} x"), "");
  EXPECT_EQ(find_tag(""), "");
}

TEST(CommandDecoderTest, WithUtf8NamesAreUtf8) {
  const CommandOptions utf8 = {.utf8 = true};
  const auto select = decode_command({"A SELECT \"R&D \xc3\xa9\""}, utf8);
  ASSERT_TRUE(select);
  EXPECT_EQ(std::get<SelectCommand>(select->command).mailbox.utf8(), "R&D \xc3\xa9");
  const WriterOptions writer = {.literals = LiteralStyle::kPlus, .utf8 = true};
  EXPECT_EQ(encode_command("A", select->command, writer).text, "A SELECT \"R&D \xc3\xa9\"\r\n");
  EXPECT_EQ(encode_command("A", select->command).text, "A SELECT \"R&-D &AOk-\"\r\n");

  const auto list = decode_command({"A LIST \"\" \"\xc3\xa9*\""}, utf8);
  ASSERT_TRUE(list);
  EXPECT_EQ(std::get<ListCommand>(list->command).patterns.at(0), "\xc3\xa9*");

  EXPECT_EQ(refused("A SEARCH CHARSET UTF-8 ALL", utf8).error.code(), Errc::kInvalid);
}

TEST(CommandDecoderTest, AppendOfStreamedLiterals) {
  const std::string text = "A APPEND {1}\r\nb (\\Seen) {5000000000}\r\n UTF8 (~{7}\r\n)";
  const std::vector<StreamedLiteral> streamed = {{38, 5'000'000'000, false}, {51, 7, true}};
  const auto got = decode_command({text, streamed});
  ASSERT_TRUE(got) << got.error().error.text();
  const auto& append = std::get<AppendCommand>(got->command);
  EXPECT_EQ(append.mailbox.utf8(), "b");
  ASSERT_EQ(append.messages.size(), 2U);
  EXPECT_TRUE(append.messages[0].flags.system.has(SystemFlag::kSeen));
  EXPECT_EQ(append.messages[0].size_bytes, 5'000'000'000U);
  EXPECT_EQ(append.messages[0].streamed, 0U);
  EXPECT_EQ(append.messages[1].size_bytes, 7U);
  EXPECT_EQ(append.messages[1].streamed, 1U);
  EXPECT_TRUE(append.messages[1].utf8);
}

TEST(CommandDecoderTest, AStreamedLiteralElsewhereIsRefused) {
  const std::vector<StreamedLiteral> streamed = {{16, 5, false}};
  const auto got = decode_command({"A1 LOGIN me {5}\r\n", streamed});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().tag, "A1");
}

struct StartCase {
  const char* name;
  std::string text;
  std::vector<StreamedLiteral> streamed;
  bool found;
  std::string mailbox;
  std::size_t index;
};

const StartCase kStarts[] = {
    {"Plain", "A1 APPEND Sent {42}\r\n", {}, true, "Sent", 0},
    {"Lower", "A1 append inbox {42+}\r\n", {}, true, "INBOX", 0},
    {"All", "A1 APPEND a (\\Seen) \"17-Jul-1996 02:44:25 -0700\" ~{1}\r\n", {}, true, "a", 0},
    {"Utf8", "A1 APPEND a UTF8 (~{1}\r\n", {}, true, "a", 0},
    {"MailboxIsALiteral", "A1 APPEND {4}\r\n", {}, false, "", 0},
    {"MailboxWasALiteral", "A1 APPEND {4}\r\nSent {9}\r\n", {}, true, "Sent", 0},
    {"SecondMessage", "A1 APPEND a {1}\r\n {9}\r\n", {{17, 1, false}}, true, "a", 1},
    {"SecondMessageInline", "A1 APPEND a {1}\r\nx {9}\r\n", {}, true, "a", 1},
    {"OtherCommand", "A1 LOGIN {4}\r\n", {}, false, "", 0},
    {"SearchForAppend", "A1 SEARCH BODY {4}\r\n", {}, false, "", 0},
    {"BadMailbox", "A1 APPEND R&D {4}\r\n", {}, false, "", 0},
    {"NoTag", "APPEND a {4}\r\n", {}, false, "", 0},
    {"Catenate", "A1 APPEND a CATENATE (TEXT {4}\r\n", {}, false, "", 0},
};

class AppendStartTest : public testing::TestWithParam<StartCase> {};

TEST_P(AppendStartTest, TellsAMessageFromOtherLiterals) {
  const StartCase& c = GetParam();
  const auto start = find_append_start({c.text, c.streamed});
  ASSERT_EQ(start.has_value(), c.found);
  if (!c.found) return;
  EXPECT_EQ(start->tag, "A1");
  EXPECT_EQ(start->mailbox.utf8(), c.mailbox);
  EXPECT_EQ(start->message_index, c.index);
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, AppendStartTest, testing::ValuesIn(kStarts),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace imap
