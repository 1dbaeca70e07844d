#include "tests/support/scripted_server.h"

#include <gtest/gtest.h>

#include "tests/support/raw_imap.h"
#include "tests/support/script_pattern.h"

namespace support {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<ScriptedServer> play(std::string_view transcript, std::vector<Rule> rules = {}) {
  auto scripts = parse_upstream_script(transcript);
  EXPECT_TRUE(scripts) << scripts.error().text();
  auto server = ScriptedServer::start(std::move(*scripts), std::move(rules));
  EXPECT_TRUE(server) << server.error().text();
  return std::move(*server);
}

TEST(ScriptWordsTest, CatchesWordsAndRepeatsThem) {
  ScriptWords words;
  EXPECT_TRUE(words.match("$1 LOGIN * $2", "a7 login me secret"));
  EXPECT_EQ(words.fill_in("$1 OK $2 costs $ or $9"), "a7 OK secret costs $ or $9");
  EXPECT_FALSE(words.match("$1 NOOP", "a8 NOOP"));
  EXPECT_TRUE(words.match("$1 NOOP", "a7 NOOP"));
  EXPECT_FALSE(words.match("LIST *x", "LIST y"));
}

TEST(ScriptedServerTest, PlaysATranscript) {
  auto server = play(R"(# a comment, and a line for others
C: a1 NOOP
US: * OK ready
UC: $1 LOGIN "alice" *
US: $1 OK in
UC: $2 SELECT INBOX
US- * 3 EXI
US- STS\r\n$2 O
US: K done
)");
  auto client = RawImap::login(server->port(), "alice", "x");
  ASSERT_TRUE(client) << client.error().text();
  const auto reply = (*client)->command("SELECT INBOX");
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(reply->str(), "* 3 EXISTS\n<tag> OK done");
  EXPECT_TRUE(server->finish());
}

TEST(ScriptedServerTest, AnotherLineIsAFailure) {
  auto server = play("US: * OK ready\nUC: $1 LOGIN *\n");
  auto client = RawImap::connect(server->port());
  ASSERT_TRUE(client);
  EXPECT_FALSE((*client)->command("NOOP"));
  const auto finished = server->finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code(), Errc::kProtocol);
  EXPECT_NE(finished.error().text().find("t1 NOOP"), std::string::npos) << finished.error().text();
}

TEST(ScriptedServerTest, WhatIsMissingIsNamed) {
  auto server = play("US: * OK ready\nUC: $1 LOGIN *\n");
  auto client = RawImap::connect(server->port());
  ASSERT_TRUE(client);
  const auto finished = server->finish(50ms);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code(), Errc::kTimeout);
}

TEST(ScriptedServerTest, RulesServeWhatNoScriptDoes) {
  auto server = play("US: * OK ready\nUC: $1 SELECT INBOX\nUS: $1 OK [READ-ONLY] mine\n",
                     ScriptedServer::plain_server("IMAP4rev1 IDLE"));
  auto client = RawImap::login(server->port(), "alice", "x");
  ASSERT_TRUE(client) << client.error().text();
  EXPECT_EQ((*client)->command("SELECT INBOX")->code(), "READ-ONLY");
  EXPECT_TRUE(server->finish());
  EXPECT_EQ((*client)->command("SELECT INBOX")->code(), "READ-WRITE");
  auto other = RawImap::login(server->port(), "alice", "x");
  ASSERT_TRUE(other) << other.error().text();
  EXPECT_EQ((*other)->capabilities(), (std::vector<std::string>{"IMAP4REV1", "IDLE"}));
  EXPECT_EQ((*other)->append("INBOX", "x").error().code(), Errc::kClosed) << "no rule for APPEND";
}

TEST(ScriptedServerTest, PushReachesIdle) {
  auto server = play("", ScriptedServer::plain_server());
  auto client = RawImap::login(server->port(), "alice", "x");
  ASSERT_TRUE(client) << client.error().text();
  const auto tag = (*client)->send_command("IDLE");
  ASSERT_TRUE(tag);
  EXPECT_EQ(*(*client)->read_line(), "+ idling");
  server->push("* 7 EXISTS\r\n");
  EXPECT_EQ(*(*client)->read_line(), "* 7 EXISTS");
  ASSERT_TRUE((*client)->send_raw("DONE\r\n"));
  EXPECT_TRUE((*client)->collect(*tag)->ok());
}

TEST(ScriptedServerTest, LiteralsOfTheClientAreAskedFor) {
  auto server = play("US: * OK ready\nUC: $1 APPEND * {5}\\r\\nhello\nUS: $1 OK kept\n");
  auto client = RawImap::connect(server->port());
  ASSERT_TRUE(client);
  const auto reply = (*client)->append("Drafts", "hello");
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_TRUE(reply->ok());
  EXPECT_TRUE(server->finish());
}

TEST(ScriptedServerTest, HugeLiteralsSilenceAndResets) {
  auto server = play(
      "US: * 1 FETCH (BODY[] {4294967296}\nUS! fill 100000 y\nUS! reset\n"
      "US! accept\nUS! silence 50ms\nUS! close\n");
  auto client = RawImap::connect(server->port());
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code(), Errc::kClosed);
  client = RawImap::connect(server->port());
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code(), Errc::kClosed);
  EXPECT_TRUE(server->finish());
  EXPECT_EQ(server->connections(), 2U);
}

TEST(ScriptParserTest, FaultsHaveTheirLine) {
  const auto parsed = parse_upstream_script("US: * OK\nUS! dance\n");
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().text().find("line 2"), std::string::npos);
  EXPECT_FALSE(parse_upstream_script("US: \\q\n"));
}

}  // namespace
}  // namespace support
