// Servers whose word is not enough, as GNU imap4d: they take a neighbour for a message that is not
// there, say OK to what they do not do, and do not tell why they refuse.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/upstream/replay_fixture.h"

namespace upstream {
namespace {

using support::ModelOptions;

class DoubtTest : public ReplayFixture {
 protected:
  // INBOX has five messages here, and there the first and the fourth alone.
  void serve_half() {
    ASSERT_NO_FATAL_FAILURE(
        serve({.uidplus = false, .move = false, .idle = false, .confuses_absent = true}));
    for (int i = 1; i <= 5; ++i) server_->deliver("INBOX", mail(i));
    look_around();
    ASSERT_EQ(settled(), "");
    for (const std::uint32_t uid : {2U, 3U, 5U}) server_->remove("INBOX", uid);
  }
  void serve_plain() {
    ASSERT_NO_FATAL_FAILURE(serve({.uidplus = false, .move = false, .idle = false}));
    server_->deliver("INBOX", mail(1));
    server_->deliver("INBOX", mail(2));
    look_around();
    ASSERT_EQ(settled(), "");
  }
  imap::SequenceSet absent() {
    const imap::SequenceSet all = all_uids("INBOX");
    imap::SequenceSet those;
    std::uint32_t number = 0;
    for (const std::uint32_t uid : all) {
      ++number;
      if (number == 2 || number == 3 || number == 5) those.add(uid);
    }
    return those;
  }
  void flag(imap::SequenceSet uids) {
    imap::FlagList flagged;
    flagged.system.add(imap::SystemFlag::kFlagged);
    EXPECT_TRUE(run(account_->store_flags(id_of("INBOX"), std::move(uids), {flagged, {}},
                                          std::nullopt, nullptr)));
  }
  std::string flags_there() {
    std::string all;
    for (const support::ModelMessage& message : server_->messages("INBOX")) {
      all += "[" + message.flags + "]";
    }
    return all;
  }
  bool is_sent() {
    return wait([this] { return nothing_unsent(); });
  }
};

TEST_F(DoubtTest, FlagsOfMessagesThatAreGoneAreNotGivenToOthers) {
  ASSERT_NO_FATAL_FAILURE(serve_half());
  flag(absent());
  EXPECT_TRUE(is_sent());
  EXPECT_EQ(flags_there(), "[][]");
  look_around();
  EXPECT_EQ(settled(), "");
}

TEST_F(DoubtTest, FlagsReachThoseThatAreThere) {
  ASSERT_NO_FATAL_FAILURE(serve_half());
  flag(all_uids("INBOX"));
  EXPECT_TRUE(is_sent());
  EXPECT_EQ(flags_there(), "[\\Flagged][\\Flagged]");
}

TEST_F(DoubtTest, AnExpungeOfMessagesThatAreGoneTakesNoOthers) {
  ASSERT_NO_FATAL_FAILURE(serve_half());
  EXPECT_TRUE(run(account_->expunge(id_of("INBOX"), absent(), true)));
  EXPECT_TRUE(is_sent());
  look_around();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents()["INBOX"], (std::multiset<std::string>{mail(1), mail(4)}));
}

TEST_F(DoubtTest, ACopyOfMessagesThatAreGoneIsNotOneOfOthers) {
  ASSERT_NO_FATAL_FAILURE(serve_half());
  EXPECT_TRUE(run(account_->copy(id_of("INBOX"), absent(), id_of("Work"))));
  EXPECT_TRUE(is_sent());
  look_around();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents()["INBOX"], (std::multiset<std::string>{mail(1), mail(4)}));
  EXPECT_EQ(contents()["Work"], (std::multiset<std::string>{mail(2), mail(3), mail(5)}));
}

TEST_F(DoubtTest, AMoveTakesEachOnceWhetherItIsGoneOrNot) {
  ASSERT_NO_FATAL_FAILURE(serve_half());
  EXPECT_TRUE(run(account_->move(id_of("INBOX"), all_uids("INBOX"), id_of("Work"))));
  EXPECT_TRUE(is_sent());
  look_around();
  EXPECT_EQ(settled(), "");
  EXPECT_TRUE(contents()["INBOX"].empty());
  EXPECT_EQ(contents()["Work"],
            (std::multiset<std::string>{mail(1), mail(2), mail(3), mail(4), mail(5)}));
}

// A sweep of flags names what is gone, which is BAD.
TEST_F(DoubtTest, AMailboxIsBroughtInStepAlsoWhenUidsOfItAreGone) {
  ASSERT_NO_FATAL_FAILURE(serve_half());
  server_->set_flags("INBOX", 1, "\\Flagged");
  stop();
  start(server_->port());
  EXPECT_EQ(settled(), "");
}

TEST_F(DoubtTest, FlagsThatAreNotKeptAreStoredAgain) {
  ASSERT_NO_FATAL_FAILURE(serve_plain());
  server_->refuse("UID STORE", "OK done", 1);
  flag(all_uids("INBOX"));
  EXPECT_TRUE(is_sent());
  EXPECT_EQ(flags_there(), "[\\Flagged][\\Flagged]");
}

TEST_F(DoubtTest, FlagsThatAreNeverKeptAreNotSentForEver) {
  ASSERT_NO_FATAL_FAILURE(serve_plain());
  server_->refuse("UID STORE", "OK done", 1'000);
  flag(all_uids("INBOX"));
  EXPECT_TRUE(is_sent());
  EXPECT_LE(server_->count("UID STORE"), 3U);
}

TEST_F(DoubtTest, AnExpungeThatRemovesNothingIsDoneAgain) {
  ASSERT_NO_FATAL_FAILURE(serve_plain());
  server_->refuse("EXPUNGE", "OK done", 1);
  EXPECT_TRUE(run(account_->move(id_of("INBOX"), all_uids("INBOX"), id_of("Work"))));
  EXPECT_TRUE(is_sent());
  EXPECT_TRUE(server_->messages("INBOX").empty());
  EXPECT_EQ(server_->messages("Work").size(), 2U);
}

TEST_F(DoubtTest, AnExpungeThatRemovesNothingStaysInTheQueue) {
  ASSERT_NO_FATAL_FAILURE(serve_plain());
  server_->refuse("EXPUNGE", "OK done", 1'000);
  EXPECT_TRUE(run(account_->expunge(id_of("INBOX"), all_uids("INBOX"), true)));
  EXPECT_TRUE(wait([this] {
    return !account_->journal().empty() && !account_->journal().begin()->second.last_answer.empty();
  }));
  EXPECT_EQ(account_->journal().begin()->second.state, cache::JournalState::kPending);
  EXPECT_LE(server_->count("EXPUNGE"), 4U);
}

// imap4d numbers a mailbox anew that has become empty.
TEST_F(DoubtTest, AMoveWhoseSourceIsNumberedAnewInTheMiddleIsDoneOnce) {
  ASSERT_NO_FATAL_FAILURE(serve_plain());
  server_->hang_up_on("EXPUNGE", true);
  server_->refuse("LIST", "NO [UNAVAILABLE] not now", 1'000);  // so that nothing is sent for now
  EXPECT_TRUE(run(account_->move(id_of("INBOX"), all_uids("INBOX"), id_of("Work"))));
  EXPECT_TRUE(wait([this] { return server_->messages("INBOX").empty(); }));
  server_->renumber("INBOX");
  server_->refuse("LIST", "", 0);
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents()["Work"], (std::multiset<std::string>{mail(1), mail(2)}));
  EXPECT_TRUE(contents()["INBOX"].empty());
  EXPECT_EQ(recovered(), 0U);
}

// Courier gives a mailbox that is renamed a new UIDVALIDITY.
TEST_F(DoubtTest, AMailboxThatIsRenamedAndNumberedAnewAndThenDeletedIsGone) {
  settings_.sync.reconnect_min = settings_.sync.reconnect_max = std::chrono::milliseconds(500);
  ASSERT_NO_FATAL_FAILURE(serve({.renames_anew = true}));
  server_->deliver("Work", mail(1));
  look_around();
  ASSERT_EQ(settled(), "");
  // Nobody looks at it under its new name before it is deleted.
  server_->hang_up_on("LIST", false);
  EXPECT_TRUE(run(account_->rename_mailbox("Work", "Play")));
  ASSERT_TRUE(is_sent());
  EXPECT_TRUE(run(account_->delete_mailbox("Play")));
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(server_->mailboxes(), std::vector<std::string>{"INBOX"});
}

TEST_F(DoubtTest, ARenameThatWasDoneBeforeACutIsNotParked) {
  ASSERT_NO_FATAL_FAILURE(serve_plain());
  server_->hang_up_on("RENAME", true);
  EXPECT_TRUE(run(account_->rename_mailbox("Work", "Play")));
  ASSERT_TRUE(wait([this] { return server_->mailboxes().back() == "Play"; }));
  server_->refuse("RENAME", "NO RENAME Failed", 1);
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(server_->mailboxes().back(), "Play");
}

TEST_F(DoubtTest, ADeleteThatWasDoneBeforeACutIsNotParked) {
  ASSERT_NO_FATAL_FAILURE(serve_plain());
  server_->hang_up_on("DELETE", true);
  EXPECT_TRUE(run(account_->delete_mailbox("Work")));
  ASSERT_TRUE(wait([this] { return server_->mailboxes().size() == 1; }));
  server_->refuse("DELETE", "NO DELETE Cannot remove", 1);
  EXPECT_EQ(settled(), "");
}

TEST_F(DoubtTest, WhatWaitsForAMailboxThatIsGoneIsRecovered) {
  ASSERT_NO_FATAL_FAILURE(serve_plain());
  server_->refuse("STATUS", "NO STATUS Error opening mailbox", 1'000);
  server_->drop("Work");
  append_all("Work", {mail(3)});
  EXPECT_TRUE(wait([this] { return recovered() == 1; }));
}

}  // namespace
}  // namespace upstream
