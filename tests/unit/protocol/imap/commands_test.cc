#include "protocol/imap/commands.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "protocol/imap/command_decoder.h"
#include "protocol/imap/command_table.h"

namespace imap {
namespace {

Command decoded(std::string_view text) {
  const auto got = decode_command({text});
  EXPECT_TRUE(got) << text;
  return got ? got->command : Command();
}

TEST(CommandTableTest, EveryRowHasADecoder) {
  std::set<std::string_view> names;
  for (const CommandInfo& info : command_table()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " is there twice";
    const std::string text = "A1 " + std::string(info.name) + " (";
    const auto got = decode_command({text});
    ASSERT_FALSE(got);
    EXPECT_FALSE(got.error().unknown_command) << info.name;
    EXPECT_EQ(got.error().name, info.name);
  }
  EXPECT_EQ(find_command("uid Fetch")->name, "UID FETCH");
  EXPECT_EQ(find_command("UID"), nullptr);
}

TEST(CommandTableTest, TellsUidFormsApart) {
  EXPECT_EQ(info_of(decoded("A FETCH 1 FLAGS")).name, "FETCH");
  EXPECT_EQ(info_of(decoded("A UID FETCH 1 FLAGS")).name, "UID FETCH");
  EXPECT_EQ(info_of(decoded("A EXAMINE a")).name, "EXAMINE");
  EXPECT_EQ(info_of(decoded("A UID EXPUNGE 1")).name, "UID EXPUNGE");
}

// RFC 3501 7.4.1: no EXPUNGE while a command that uses sequence numbers in its arguments waits, nor
// during FETCH, STORE and SEARCH.
TEST(CommandTableTest, OnlyTheThreeMayNotSendExpunge) {
  for (const CommandInfo& info : command_table()) {
    if (!info.allowed_in(SessionState::kSelected) || info.changes_selection || info.runs_alone) {
      continue;
    }
    const bool forbidden = info.name == "FETCH" || info.name == "STORE" || info.name == "SEARCH";
    EXPECT_EQ(info.may_send_expunge, !forbidden) << info.name;
  }
}

TEST(CommandTableTest, WhatChangesTheSelectionRunsAlone) {
  for (const CommandInfo& info : command_table()) {
    if (info.changes_selection) EXPECT_TRUE(info.runs_alone) << info.name;
    if (info.uses_sequence_numbers) {
      EXPECT_EQ(info.states, static_cast<std::uint8_t>(SessionState::kSelected)) << info.name;
      EXPECT_FALSE(info.name.starts_with("UID ")) << info.name;
    }
  }
}

TEST(CommandTableTest, KnowsTheStates) {
  EXPECT_TRUE(find_command("LOGIN")->allowed_in(SessionState::kNotAuthenticated));
  EXPECT_FALSE(find_command("LOGIN")->allowed_in(SessionState::kAuthenticated));
  EXPECT_FALSE(find_command("SELECT")->allowed_in(SessionState::kNotAuthenticated));
  EXPECT_TRUE(find_command("SELECT")->allowed_in(SessionState::kSelected));
  EXPECT_FALSE(find_command("FETCH")->allowed_in(SessionState::kAuthenticated));
  EXPECT_TRUE(find_command("NOOP")->allowed_in(SessionState::kNotAuthenticated));
}

TEST(CommandTest, AUidSearchMayUseSequenceNumbers) {
  EXPECT_TRUE(uses_sequence_numbers(decoded("A UID SEARCH NOT 1:3")));
  EXPECT_FALSE(uses_sequence_numbers(decoded("A UID SEARCH UID 1:3")));
  EXPECT_TRUE(uses_sequence_numbers(decoded("A SEARCH SEEN")));
  EXPECT_TRUE(uses_sequence_numbers(decoded("A COPY 1 a")));
  EXPECT_FALSE(uses_sequence_numbers(decoded("A UID COPY 1 a")));
}

TEST(CommandTest, StatusItemsHaveNames) {
  for (int i = 0; i <= static_cast<int>(StatusItem::kAppendLimit); ++i) {
    const auto item = static_cast<StatusItem>(i);
    EXPECT_EQ(parse_status_item(name_of(item)), item);
  }
  EXPECT_EQ(parse_status_item("FOO"), std::nullopt);
}

}  // namespace
}  // namespace imap
