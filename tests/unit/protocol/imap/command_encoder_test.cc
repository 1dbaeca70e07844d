#include "protocol/imap/command_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace imap {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Break = Writer::Break;

Command login(std::string user, std::string password) {
  return LoginCommand{std::move(user), Secret(std::move(password))};
}

TEST(CommandEncoderTest, StopsAtSynchronizingLiterals) {
  const EncodedCommand sent = encode_command("A1", login("me\xc3\xa9", "p\r\nw"));
  EXPECT_EQ(sent.text, "A1 LOGIN {4}\r\nme\xc3\xa9 {4}\r\np\r\nw\r\n");
  EXPECT_THAT(sent.breaks,
              ElementsAre(Break{14, true, std::nullopt}, Break{24, true, std::nullopt}));
  EXPECT_EQ(sent.text.substr(0, 14), "A1 LOGIN {4}\r\n");
}

TEST(CommandEncoderTest, DoesNotStopWithLiteralPlus) {
  const EncodedCommand sent =
      encode_command("A1", login("me", "\xc3\xa9"), {.literals = LiteralStyle::kPlus});
  EXPECT_EQ(sent.text, "A1 LOGIN me {2+}\r\n\xc3\xa9\r\n");
  EXPECT_THAT(sent.breaks, IsEmpty());
}

TEST(CommandEncoderTest, StreamsTheMessagesOfAnAppend) {
  AppendCommand append;
  append.mailbox = *MailboxName::make("Sent");
  append.messages.push_back(
      {.flags = {.system = {SystemFlag::kSeen}}, .size_bytes = 5'000, .streamed = 0});
  append.messages.push_back({.utf8 = true, .size_bytes = 7, .streamed = 1});
  const EncodedCommand minus =
      encode_command("A1", append, {.literals = LiteralStyle::kMinus, .utf8 = true});
  EXPECT_EQ(minus.text, "A1 APPEND Sent (\\Seen) {5000}\r\n UTF8 (~{7+}\r\n)\r\n");
  EXPECT_THAT(minus.breaks, ElementsAre(Break{31, true, 0}, Break{45, false, 1}));
  EXPECT_EQ(describe_command("A1", append), "A1 APPEND Sent (\\Seen) {5000} UTF8 (~{7})");
}

TEST(CommandEncoderTest, NamesACharsetOnlyWhereOneIsNeeded) {
  SearchCommand search;
  search.key = {.kind = SearchKind::kSubject, .text = "\xc3\xa9"};
  EXPECT_EQ(encode_command("A", search, {.literals = LiteralStyle::kPlus}).text,
            "A SEARCH CHARSET UTF-8 SUBJECT {2+}\r\n\xc3\xa9\r\n");
  EXPECT_EQ(encode_command("A", search, {.literals = LiteralStyle::kPlus, .utf8 = true}).text,
            "A SEARCH SUBJECT \"\xc3\xa9\"\r\n");
  search.key.text = "e";
  EXPECT_EQ(encode_command("A", search).text, "A SEARCH SUBJECT \"e\"\r\n");
}

TEST(CommandEncoderTest, SendsAServersNameBackAsItCame) {
  const Command command = DeleteCommand{MailboxName::from_server("R&D", false)};
  EXPECT_EQ(encode_command("A", command).text, "A DELETE R&D\r\n");
}

TEST(DescribeCommandTest, HidesSecretsAndStaysOnOneLine) {
  EXPECT_EQ(describe_command("A1", login("me", "hunter2")), "A1 LOGIN me ***");
  EXPECT_EQ(describe_command("A1", login("a\r\nb", "")), "A1 LOGIN \"a??b\" ***");
  AuthenticateCommand plain{"PLAIN", Secret("AGEAYg==")};
  EXPECT_EQ(describe_command("A1", plain), "A1 AUTHENTICATE PLAIN ***");
  AppendCommand append;
  append.mailbox = MailboxName::inbox();
  append.messages.push_back({.size_bytes = 6, .bytes = "secret"});
  EXPECT_EQ(describe_command("A1", append), "A1 APPEND INBOX {6}");
  EXPECT_EQ(describe_command("A1", NoopCommand{}), "A1 NOOP");
}

}  // namespace
}  // namespace imap
