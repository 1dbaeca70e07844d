#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

// The lines that `log` writes at `level` of its own, as they come out of the process.
std::string written(LogFormat format, const Log& log, std::string_view text) {
  init_log(LogLevel::kInfo, format);
  testing::internal::CaptureStderr();
  log.info("{}", text);
  log.debug("never shown");
  return testing::internal::GetCapturedStderr();
}

const Log kLog = Log({.account = "work", .mailbox = "Entwürfe", .session = "imap#7"});

TEST(LogTest, ALineOfTextTellsAccountMailboxAndSession) {
  EXPECT_THAT(written(LogFormat::kText, kLog, "12 messages"),
              MatchesRegex("20[^ ]+ info +\\[work/Entwürfe\\] imap#7: 12 messages\n"));
}

TEST(LogTest, WhatOthersWroteStaysOnOneLine) {
  EXPECT_THAT(written(LogFormat::kText, Log(), "* BYE\r\nfake line\x1b[2J"),
              EndsWith("* BYE\\x0d\\x0afake line\\x1b[2J\n"));
}

TEST(LogTest, ALineOfJsonIsOneObject) {
  const std::string line = written(LogFormat::kJson, kLog, "said \"no\\yes\"\n");
  EXPECT_THAT(line, StartsWith("{\"time\":\"20"));
  EXPECT_THAT(line,
              EndsWith("\"level\":\"info\",\"account\":\"work\",\"mailbox\":\"Entwürfe\","
                       "\"session\":\"imap#7\",\"text\":\"said \\\"no\\\\yes\\\"\\u000a\"}\n"));
}

TEST(LogTest, JsonKeepsTextAndEscapesBytesThatAreNone) {
  const auto text_of = [](std::string_view text) {
    const std::string line = written(LogFormat::kJson, Log(), text);
    const std::size_t begin = line.find("\"text\":") + 8;
    return line.substr(begin, line.size() - begin - 3);
  };
  for (const char* text : {"a", "ß", "\u0800", "日本語", "\U0001f600", "\U0010ffff"}) {
    EXPECT_EQ(text_of(text), text);
  }
  EXPECT_EQ(text_of("\xff"), "\\u00ff");
  EXPECT_EQ(text_of("\xc3"), "\\u00c3") << "cut off";
  EXPECT_EQ(text_of("\xc0\xaf"), "\\u00c0\\u00af") << "overlong";
  EXPECT_EQ(text_of("\xed\xa0\x80"), "\\u00ed\\u00a0\\u0080") << "a surrogate";
  EXPECT_EQ(text_of("\xf4\x90\x80\x80"), "\\u00f4\\u0090\\u0080\\u0080") << "above U+10FFFF";
  EXPECT_EQ(text_of("\xe2\x82z"), "\\u00e2\\u0082z") << "cut off by something else";
}

TEST(LogTest, TheLevelCanBeChangedWhileRunning) {
  init_log(LogLevel::kError, LogFormat::kText);
  EXPECT_FALSE(kLog.enabled(LogLevel::kInfo));
  set_log_level(LogLevel::kDebug);
  EXPECT_TRUE(kLog.enabled(LogLevel::kDebug));
  EXPECT_FALSE(kLog.enabled(LogLevel::kTrace));
}

TEST(LogTest, AnUnknownLevelIsRefusedWithTheKnownOnes) {
  const Result<LogLevel> level = parse_log_level("loud");
  ASSERT_FALSE(level);
  EXPECT_THAT(level.error().text(), HasSubstr("trace, debug, info, warning or error"));
}

}  // namespace
