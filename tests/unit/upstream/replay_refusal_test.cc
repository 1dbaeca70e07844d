// Refusals, half-done commands and wrong words in answer to a replay: retried, looked for or
// parked, and in the end each message is there once.
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "tests/unit/upstream/replay_fixture.h"

namespace upstream {
namespace {

using support::ModelOptions;
using support::UidTelling;

// What a client does, and what the server must have then. INBOX begins with two messages, Old and
// Work with one each.
struct Write {
  const char* name;
  const char* command;  // that carries it out, with UIDPLUS and MOVE
};
constexpr Write kWrites[] = {
    {"Append", "APPEND"},     {"Copy", "UID COPY"},
    {"Move", "UID MOVE"},     {"Create", "CREATE"},
    {"Rename", "RENAME"},     {"Delete", "DELETE"},
    {"Expunge", "UID STORE"}, {"ExpungeAtLast", "UID EXPUNGE"},
};

class WriteFixture : public ReplayFixture {
 protected:
  void serve_filled(ModelOptions options = {}) {
    ASSERT_NO_FATAL_FAILURE(serve(std::move(options)));
    server_->deliver("INBOX", mail(1));
    server_->deliver("INBOX", mail(2));
    server_->deliver("Work", mail(3));
    look_around();
    ASSERT_EQ(settled(), "");
    EXPECT_TRUE(run(account_->create_mailbox("Old", 0)));
    ASSERT_EQ(settled(), "");
  }

  Contents write(std::string_view name) {
    Contents expected = contents();
    if (name == "Append") {
      append_all("Work", {mail(4)});
      expected["Work"].insert(mail(4));
    } else if (name == "Copy") {
      EXPECT_TRUE(run(account_->copy(id_of("INBOX"), all_uids("INBOX"), id_of("Work"))));
      expected["Work"].merge(Contents(contents())["INBOX"]);
    } else if (name == "Move") {
      EXPECT_TRUE(run(account_->move(id_of("INBOX"), all_uids("INBOX"), id_of("Work"))));
      expected["Work"].merge(expected["INBOX"]);
    } else if (name == "Create") {
      EXPECT_TRUE(run(account_->create_mailbox("New", 0)));
      expected["New"];
    } else if (name == "Rename") {
      EXPECT_TRUE(run(account_->rename_mailbox("Work", "Play")));
      expected["Play"] = expected["Work"];
      expected.erase("Work");
    } else if (name == "Delete") {
      EXPECT_TRUE(run(account_->delete_mailbox("Old")));
      expected.erase("Old");
    } else if (name.starts_with("Expunge")) {
      EXPECT_TRUE(run(account_->expunge(id_of("INBOX"), all_uids("INBOX"), true)));
      expected["INBOX"].clear();
    }
    return expected;
  }

  // The first entry of the journal, once the server has said something to it.
  const cache::JournalEntry* answered() {
    const auto is_answered = [this] {
      return !account_->journal().empty() &&
             !account_->journal().begin()->second.last_answer.empty();
    };
    return wait(is_answered) ? &account_->journal().begin()->second : nullptr;
  }
};

// ---- Parked before it was found out what had become of it ----

class UnknownOutcomeTest : public WriteFixture, public testing::WithParamInterface<bool> {
 protected:
  const cache::JournalEntry& first() const { return account_->journal().begin()->second; }
};

TEST_P(UnknownOutcomeTest, ARetryLooksFirst) {
  const bool arrives = GetParam();
  ASSERT_NO_FATAL_FAILURE(serve_filled());
  server_->hang_up_on("APPEND", arrives);
  server_->refuse("UID FETCH", "NO [SERVERBUG] broken", SIZE_MAX);
  const Contents expected = write("Append");
  // Each connection makes one try.
  for (std::uint32_t tries = 1; first().state != cache::JournalState::kParked; ++tries) {
    ASSERT_TRUE(wait([&] {
      return first().attempts > tries || first().state == cache::JournalState::kParked;
    })) << tries;
    server_->cut(Direction::kToServer, 0);
    look_around();
  }
  server_->refuse("UID FETCH", "", 0);
  look_around();
  const std::uint32_t seen = arrives ? 3 : 2;  // the sync has found it, too
  ASSERT_TRUE(wait([&] { return messages("Work") == seen; }));
  retry_now();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents(), expected);
  EXPECT_EQ(server_->count("APPEND"), arrives ? 1U : 2U);
}

INSTANTIATE_TEST_SUITE_P(Each, UnknownOutcomeTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Arrived" : "NotArrived"; });

// ---- Hanging up ----

class HangUpTest : public WriteFixture, public testing::WithParamInterface<bool> {};

// Each command that may be part of a replay, hung up on before and after it is carried out.
TEST_P(HangUpTest, EndsWithEachMessageOnce) {
  ASSERT_NO_FATAL_FAILURE(serve_filled({.uidplus = GetParam(), .move = GetParam()}));
  for (const bool after_acting : {false, true}) {
    for (const char* command :
         {"STATUS", "APPEND", "SELECT", "UID FETCH", "UID COPY", "UID MOVE", "UID STORE",
          "UID EXPUNGE", "EXPUNGE", "UID SEARCH", "LIST", "LSUB", "LOGIN", "CAPABILITY", "IDLE"}) {
      SCOPED_TRACE(std::string(command) + (after_acting ? " done" : ""));
      const auto hang_up = [&] { server_->hang_up_on(command, after_acting); };
      hang_up();
      Contents expected = write("Append");
      ASSERT_EQ(settled(), "");
      ASSERT_EQ(contents(), expected);
      hang_up();
      expected = write("Copy");
      ASSERT_EQ(settled(), "");
      ASSERT_EQ(contents(), expected);
      hang_up();
      expected = write("Move");
      ASSERT_EQ(settled(), "");
      ASSERT_EQ(contents(), expected);
      hang_up();
      expected = contents();
      expected["INBOX"].insert(mail(1));
      EXPECT_TRUE(run(account_->expunge(id_of("Work"), all_uids("Work"), true)));
      expected["Work"].clear();
      append_all("INBOX", {mail(1)});
      ASSERT_EQ(settled(), "");
      ASSERT_EQ(contents(), expected);
      EXPECT_EQ(recovered(), 0U);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, HangUpTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "UidplusAndMove" : "Plain"; });

// ---- Refusals ----

enum class Outcome { kRetried, kParked };
struct Answer {
  const char* name;
  const char* text;
  Outcome outcome;
};
constexpr Answer kAnswers[] = {
    {"Overquota", "NO [OVERQUOTA] full", Outcome::kRetried},
    {"Limit", "NO [LIMIT] too many", Outcome::kRetried},
    {"Unavailable", "NO [UNAVAILABLE] not now", Outcome::kRetried},
    {"Inuse", "NO [INUSE] locked", Outcome::kRetried},
    {"Serverbug", "NO [SERVERBUG] sorry", Outcome::kRetried},
    {"NoLongerExist", "NO some of the requested messages no longer exist", Outcome::kRetried},
    {"Noperm", "NO [NOPERM] no", Outcome::kParked},
    {"Cannot", "NO [CANNOT] no", Outcome::kParked},
    {"Plain", "NO no", Outcome::kParked},
    {"Bad", "BAD what", Outcome::kParked},
};

class RefusalTest : public WriteFixture,
                    public testing::WithParamInterface<std::tuple<Write, Answer>> {};

TEST_P(RefusalTest, IsRetriedOrParkedAndDoneOnceItIsAllowed) {
  const auto& [write_of, answer] = GetParam();
  ASSERT_NO_FATAL_FAILURE(serve_filled());
  server_->refuse(write_of.command, answer.text, 1);
  const Contents expected = write(write_of.name);
  const cache::JournalEntry* entry = answered();
  ASSERT_NE(entry, nullptr);
  if (answer.outcome == Outcome::kParked) {
    EXPECT_EQ(entry->state, cache::JournalState::kParked);
    EXPECT_EQ(recovered(), std::string_view(write_of.name) == "Append" ? 1U : 0U);
  } else {
    EXPECT_EQ(entry->state, cache::JournalState::kPending);
    EXPECT_GT(entry->next_try, 0);
    EXPECT_EQ(recovered(), 0U);
  }
  retry_now();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents(), expected);
}

INSTANTIATE_TEST_SUITE_P(Each, RefusalTest,
                         testing::Combine(testing::ValuesIn(kWrites), testing::ValuesIn(kAnswers)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param).name) +
                                  std::get<1>(info.param).name;
                         });

// ---- What is told of UIDs ----

class UidTellingTest : public WriteFixture, public testing::WithParamInterface<UidTelling> {};

TEST_P(UidTellingTest, IsNotNeeded) {
  ASSERT_NO_FATAL_FAILURE(serve_filled({.telling = GetParam()}));
  for (const char* name : {"Append", "Copy", "Append", "Move", "Append"}) {
    SCOPED_TRACE(name);
    const Contents expected = write(name);
    EXPECT_TRUE(wait([this] { return nothing_unsent(); }));
    look_around();
    EXPECT_EQ(settled(), "");
    EXPECT_EQ(contents(), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, UidTellingTest,
                         testing::Values(UidTelling::kNothing, UidTelling::kLies),
                         [](const auto& info) {
                           return info.param == UidTelling::kLies ? "Lies" : "Nothing";
                         });

// ---- Half done ----

class HalfDoneTest : public WriteFixture, public testing::WithParamInterface<bool> {};

// The source was expunged upstream, and the server says OK all the same.
TEST_P(HalfDoneTest, ACopyWhoseSourceIsGoneIsUploaded) {
  // Without IDLE nobody tells that it is gone.
  ASSERT_NO_FATAL_FAILURE(serve_filled({.uidplus = GetParam(), .move = GetParam(), .idle = false}));
  Contents expected = contents();
  expected["Work"].insert({mail(1), mail(2)});
  expected["INBOX"].erase(mail(1));
  server_->remove("INBOX", 1);
  EXPECT_TRUE(run(account_->copy(id_of("INBOX"), all_uids("INBOX"), id_of("Work"))));
  EXPECT_TRUE(wait([this] { return nothing_unsent(); }));
  look_around();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents(), expected);
}

TEST_P(HalfDoneTest, AMoveWhoseSourceIsGoneIsUploaded) {
  ASSERT_NO_FATAL_FAILURE(serve_filled({.uidplus = GetParam(), .move = GetParam(), .idle = false}));
  Contents expected = contents();
  expected["Work"].insert({mail(1), mail(2)});
  expected["INBOX"].clear();
  server_->remove("INBOX", 1);
  EXPECT_TRUE(run(account_->move(id_of("INBOX"), all_uids("INBOX"), id_of("Work"))));
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents(), expected);
}

// RFC 6851 3.3: a MOVE may have moved some and fail.
TEST_P(HalfDoneTest, AMoveThatStoppedHalfwayGoesOn) {
  ASSERT_NO_FATAL_FAILURE(serve_filled({.uidplus = GetParam(), .move = true}));
  server_->stop_transfer_after(1);
  const Contents expected = write("Move");
  EXPECT_TRUE(wait([this] { return server_->messages("INBOX").size() == 1; }));
  // It is looked at again after a while, or when the connection is a new one.
  server_->hang_up_on("IDLE", false);
  worker_->journal_grew();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents(), expected);
}

INSTANTIATE_TEST_SUITE_P(Each, HalfDoneTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "Uidplus" : "Plain"; });

using MailboxesTest = WriteFixture;

TEST_F(MailboxesTest, AMailboxMadeAnewIsNotDeletedByWhatDeletedItsNamesake) {
  ASSERT_NO_FATAL_FAILURE(serve_filled());
  append_all("Old", {mail(5)});
  ASSERT_EQ(settled(), "");
  server_->refuse("DELETE", "NO [INUSE] somebody has it open", 1);
  EXPECT_TRUE(run(account_->delete_mailbox("Old")));
  ASSERT_NE(answered(), nullptr);
  EXPECT_TRUE(run(account_->create_mailbox("Old", 0)));
  append_all("Old", {mail(6)});
  retry_now();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents()["Old"], std::multiset<std::string>{mail(6)});
}

TEST_F(MailboxesTest, AMailboxMadeAnewIsNotDeletedWhenTheDeletionWasParked) {
  ASSERT_NO_FATAL_FAILURE(serve_filled());
  server_->refuse("DELETE", "NO [NOPERM] no", 1);
  EXPECT_TRUE(run(account_->delete_mailbox("Old")));
  ASSERT_NE(answered(), nullptr);
  EXPECT_TRUE(run(account_->create_mailbox("Old", 0)));
  append_all("Old", {mail(6)});
  EXPECT_TRUE(wait([this] { return server_->messages("Old").size() == 1; }));
  retry_now();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents()["Old"], std::multiset<std::string>{mail(6)});
}

TEST_F(MailboxesTest, ARenameThatIsPutOffKeepsItsPlaceBeforeACreate) {
  ASSERT_NO_FATAL_FAILURE(serve_filled());
  append_all("Old", {mail(5)});
  ASSERT_EQ(settled(), "");
  server_->refuse("RENAME", "NO [INUSE] somebody has it open", 1);
  EXPECT_TRUE(run(account_->rename_mailbox("Old", "Older")));
  ASSERT_NE(answered(), nullptr);
  EXPECT_TRUE(run(account_->create_mailbox("Old", 0)));
  append_all("Old", {mail(6)});
  retry_now();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents()["Older"], std::multiset<std::string>{mail(5)});
  EXPECT_EQ(contents()["Old"], std::multiset<std::string>{mail(6)});
}

// RENAME takes along what lies below, also what upstream has not heard of when it is written.
TEST_F(MailboxesTest, AMailboxBelowOneThatIsRenamedGoesAlong) {
  ASSERT_NO_FATAL_FAILURE(serve_filled());
  server_->refuse("CREATE", "NO [INUSE] not now", 1);
  EXPECT_TRUE(run(account_->create_mailbox("Old/Below", 0)));
  append_all("Old/Below", {mail(5)});
  ASSERT_NE(answered(), nullptr);
  EXPECT_TRUE(run(account_->rename_mailbox("Old", "Older")));
  retry_now();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents()["Older/Below"], std::multiset<std::string>{mail(5)});
  EXPECT_FALSE(contents().contains("Old"));
}

// Those below go first, also where the name was made anew before they were deleted.
TEST_F(MailboxesTest, AMailboxMadeAnewDoesNotHoldUpTheDeletionOfWhatWasBelowIt) {
  ASSERT_NO_FATAL_FAILURE(serve_filled());
  EXPECT_TRUE(run(account_->create_mailbox("Old/Below", 0)));
  append_all("Old", {mail(5)});
  ASSERT_EQ(settled(), "");
  server_->refuse("DELETE", "NO [INUSE] somebody has it open", 1);
  EXPECT_TRUE(run(account_->delete_mailbox("Old")));
  ASSERT_NE(answered(), nullptr);
  EXPECT_TRUE(run(account_->create_mailbox("Old", 0)));
  append_all("Old", {mail(6)});
  EXPECT_TRUE(run(account_->delete_mailbox("Old/Below")));
  retry_now();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents()["Old"], std::multiset<std::string>{mail(6)});
  EXPECT_FALSE(contents().contains("Old/Below"));
}

// It has its new name upstream when its turn to be deleted comes.
TEST_F(MailboxesTest, AMailboxThatIsRenamedAndThenDeletedIsGone) {
  ASSERT_NO_FATAL_FAILURE(serve_filled());
  EXPECT_TRUE(run(account_->create_mailbox("Old/Below", 0)));
  append_all("Old", {mail(5)});
  ASSERT_EQ(settled(), "");
  server_->refuse("RENAME", "NO [INUSE] somebody has it open", 1);
  EXPECT_TRUE(run(account_->rename_mailbox("Old", "Older")));
  ASSERT_NE(answered(), nullptr);
  EXPECT_TRUE(run(account_->delete_mailbox("Older")));
  retry_now();
  EXPECT_TRUE(wait([this] { return nothing_unsent(); }));
  EXPECT_EQ(server_->mailboxes(), (std::vector<std::string>{"INBOX", "Older/Below", "Work"}));
}

TEST_F(MailboxesTest, AMailboxBelowOneThatIsRenamedIsDeletedUnderItsNewName) {
  ASSERT_NO_FATAL_FAILURE(serve_filled());
  EXPECT_TRUE(run(account_->create_mailbox("Old/Below", 0)));
  ASSERT_EQ(settled(), "");
  server_->refuse("RENAME", "NO [INUSE] somebody has it open", 1);
  EXPECT_TRUE(run(account_->rename_mailbox("Old", "Older")));
  ASSERT_NE(answered(), nullptr);
  EXPECT_TRUE(run(account_->delete_mailbox("Older/Below")));
  retry_now();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(server_->mailboxes(), (std::vector<std::string>{"INBOX", "Older", "Work"}));
}

// The answer to RENAME was lost, and the mailbox is deleted before anybody knows.
TEST_F(MailboxesTest, AMailboxWhoseRenameWasCutOffIsDeletedUnderItsNewName) {
  ASSERT_NO_FATAL_FAILURE(serve_filled());
  append_all("Old", {mail(5)});
  ASSERT_EQ(settled(), "");
  server_->hang_up_on("RENAME", true);
  server_->refuse("LIST", "NO [UNAVAILABLE] not now", 1'000);  // so that nothing is sent for now
  EXPECT_TRUE(run(account_->rename_mailbox("Old", "Older")));
  EXPECT_TRUE(wait([this] { return contents().contains("Older"); }));
  EXPECT_TRUE(run(account_->delete_mailbox("Older")));
  server_->refuse("LIST", "", 0);
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(server_->mailboxes(), (std::vector<std::string>{"INBOX", "Work"}));
}

// The mailbox that a copy comes from is deleted upstream while the copy is under way.
TEST_F(MailboxesTest, ASourceThatIsDeletedDoesNotHoldEverythingUp) {
  ASSERT_NO_FATAL_FAILURE(serve_filled());
  append_all("Old", {mail(5)});
  ASSERT_EQ(settled(), "");
  Contents expected = contents();
  expected["Work"].insert(mail(5));
  expected.erase("Old");
  server_->hang_up_on("UID MOVE", false);
  EXPECT_TRUE(run(account_->move(id_of("Old"), all_uids("Old"), id_of("Work"))));
  EXPECT_TRUE(wait([this] { return server_->count("UID MOVE") == 1; }));
  stop();  // a list that was read just before would be the last one for long
  server_->drop("Old");
  start(server_->port());
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents(), expected);
}

// A mailbox that is deleted upstream while messages wait for it.
TEST_F(MailboxesTest, WhatWaitedForAMailboxThatIsDeletedIsRecovered) {
  ASSERT_NO_FATAL_FAILURE(serve_filled());
  server_->refuse("APPEND", "NO [UNAVAILABLE] not now", 1);
  append_all("Old", {mail(5)});
  ASSERT_NE(answered(), nullptr);
  server_->drop("Old");
  retry_now();
  EXPECT_TRUE(wait([this] { return recovered() == 1; }));
}

}  // namespace
}  // namespace upstream
