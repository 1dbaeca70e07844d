// The rules of docs/conflicts.md, one test each: both sides change the same thing while the link is
// down. tests/unit/layering/check.py looks that each
// rule there has a test of the name that it tells.
#include <fstream>

#include "tests/end_to_end/proxy_fixture.h"

namespace support {
namespace {

using namespace std::chrono_literals;

std::string draft(const std::string& subject, const std::string& id) {
  return simple_message(subject, "Hello.\r\n", "<" + id + "@drafts.test>");
}

class ConflictsTest : public ProxyFixture {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(start_synced(ServerKind::kDovecot));
    there_ = upstream();
    ASSERT_TRUE(there_);
    link_->down();
    here_ = local();
    ASSERT_TRUE(here_);
  }

  void here(const std::string& command) { expect_ok(here_.get(), command); }
  void there(const std::string& command) { expect_ok(there_.get(), command); }
  void append_here(const std::string& mailbox, const std::string& message) {
    const auto done = here_->append(mailbox, message);
    ASSERT_TRUE(done && done->ok()) << done->str();
  }
  void append_there(const std::string& mailbox, const std::string& message) {
    const auto done = there_->append(mailbox, message);
    ASSERT_TRUE(done && done->ok()) << done->str();
  }

  // The link comes up; all that waits is sent or parked, and both sides show the same.
  void meet(std::uint64_t parked = 0) {
    (void)there_->command("UNSELECT");
    link_->up();
    const auto sent = proxy_->wait_until_sent();
    ASSERT_TRUE(sent) << sent.error().text() << proxy_->log();
    if (parked == 0) expect_equal();
    const auto status = proxy_->status();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->parked, parked) << proxy_->log();
    tree_ = *upstream_tree();
  }
  // As in expect_convergence(), but for what is kept here alone.
  void expect_equal() {
    SeenTree here;
    SeenTree there;
    const bool equal = eventually(
        [&] {
          const auto ours = local_tree();
          const auto theirs = upstream_tree();
          if (!ours || !theirs) return false;
          here = *ours;
          there = *theirs;
          recovered_ = here["Recovered"];
          here.erase("Recovered");
          return here == there;
        },
        60s);
    EXPECT_TRUE(equal) << "here:\n"
                       << describe(here) << "upstream:\n"
                       << describe(there) << proxy_->log();
  }

  std::size_t count(const std::string& mailbox, const std::string& subject) const {
    const auto found = tree_.find(mailbox);
    return found == tree_.end() ? 0 : count_in(found->second, subject);
  }
  static std::size_t count_in(const std::vector<SeenMessage>& seen, const std::string& subject) {
    return static_cast<std::size_t>(std::ranges::count_if(seen, [&](const SeenMessage& one) {
      return one.body.find("Subject: " + subject + "\r\n") != std::string::npos;
    }));
  }
  std::vector<std::string> flags(const std::string& mailbox, const std::string& subject) const {
    for (const SeenMessage& one : tree_.at(mailbox)) {
      if (one.body.find("Subject: " + subject + "\r\n") != std::string::npos) return one.flags;
    }
    ADD_FAILURE() << "no " << subject << " in " << mailbox;
    return {};
  }
  using Flags = std::vector<std::string>;

  std::unique_ptr<RawImap> here_;
  std::unique_ptr<RawImap> there_;
  SeenTree tree_;                       // upstream's, in the end
  std::vector<SeenMessage> recovered_;  // and what is kept here alone
};

// ---- Flags ----

TEST_F(ConflictsTest, DifferentFlagsBothWin) {
  here("SELECT INBOX");
  here("STORE 1 +FLAGS (\\Flagged)");
  there("SELECT INBOX");
  there("STORE 1 +FLAGS (\\Answered)");
  meet();
  EXPECT_EQ(flags("INBOX", "INBOX 0"), (Flags{"\\Answered", "\\Flagged"}));
}

TEST_F(ConflictsTest, TheSameFlagIsAsItWasSetHere) {
  here("SELECT INBOX");
  here("STORE 1 +FLAGS (\\Flagged)");
  here("STORE 2 +FLAGS (\\Seen)");
  here("STORE 2 -FLAGS (\\Seen)");
  there("SELECT INBOX");
  there("STORE 1 +FLAGS (\\Flagged)");
  there("STORE 1 -FLAGS (\\Flagged)");
  meet();
  EXPECT_EQ(flags("INBOX", "INBOX 0"), (Flags{"\\Flagged"}));
  EXPECT_EQ(flags("INBOX", "INBOX 1"), Flags());
}

TEST_F(ConflictsTest, ReplacedFlagsLeaveAloneWhatWasNotSeen) {
  here("SELECT INBOX");
  here("STORE 1 FLAGS (\\Seen)");
  there("SELECT INBOX");
  there("STORE 1 +FLAGS (\\Answered)");
  meet();
  EXPECT_EQ(flags("INBOX", "INBOX 0"), (Flags{"\\Answered", "\\Seen"}));
}

TEST_F(ConflictsTest, AnExpungeUpstreamWinsOverFlagsThatWait) {
  here("SELECT INBOX");
  here("STORE 1 +FLAGS (\\Flagged)");
  there("SELECT INBOX");
  there("STORE 1 +FLAGS (\\Deleted)");
  there("EXPUNGE");
  meet();
  EXPECT_EQ(count("INBOX", "INBOX 0"), 0U);
  EXPECT_TRUE(recovered_.empty());
}

TEST_F(ConflictsTest, FlagsThatWaitFollowAMessageMovedUpstreamNowhere) {
  here("SELECT INBOX");
  here("STORE 1 +FLAGS (\\Flagged)");
  there("SELECT INBOX");
  there("MOVE 1 Work");
  meet();
  EXPECT_EQ(flags("Work", "INBOX 0"), Flags());
}

// ---- Messages ----

TEST_F(ConflictsTest, BothSidesExpungeTheSameMessage) {
  here("SELECT INBOX");
  here("STORE 1 +FLAGS (\\Deleted)");
  here("EXPUNGE");
  there("SELECT INBOX");
  there("STORE 1 +FLAGS (\\Deleted)");
  there("EXPUNGE");
  meet();
  EXPECT_EQ(count("INBOX", "INBOX 0"), 0U);
  EXPECT_EQ(tree_.at("INBOX").size(), 4U);
}

TEST_F(ConflictsTest, AnExpungeTakesNothingElseThatIsDeletedUpstream) {
  here("SELECT INBOX");
  here("STORE 1 +FLAGS (\\Deleted)");
  here("EXPUNGE");
  there("SELECT INBOX");
  there("STORE 2 +FLAGS (\\Deleted)");
  meet();
  EXPECT_EQ(flags("INBOX", "INBOX 1"), (Flags{"\\Deleted"}));
  EXPECT_EQ(tree_.at("INBOX").size(), 4U);
}

TEST_F(ConflictsTest, AMoveUpstreamWinsOverAnExpungeThatWaits) {
  here("SELECT INBOX");
  here("STORE 1 +FLAGS (\\Deleted)");
  here("EXPUNGE");
  there("SELECT INBOX");
  there("MOVE 1 Work");
  meet();
  EXPECT_EQ(count("INBOX", "INBOX 0"), 0U);
  EXPECT_EQ(count("Work", "INBOX 0"), 1U);
}

TEST_F(ConflictsTest, AMessageMovedOnBothSidesIsInBothPlaces) {
  here("SELECT INBOX");
  here("MOVE 1 Work");
  there("SELECT INBOX");
  there("MOVE 1 Work/Old");
  meet();
  EXPECT_EQ(count("INBOX", "INBOX 0"), 0U);
  EXPECT_EQ(count("Work", "INBOX 0"), 1U);
  EXPECT_EQ(count("Work/Old", "INBOX 0"), 1U);
}

TEST_F(ConflictsTest, WhatIsMovedOrCopiedAndGoneUpstreamIsUploaded) {
  here("SELECT INBOX");
  here("STORE 1 +FLAGS (\\Flagged)");
  here("MOVE 1 Work");
  here("COPY 1 Work");  // INBOX 1
  there("SELECT INBOX");
  there("STORE 1,2 +FLAGS (\\Deleted)");
  there("EXPUNGE");
  meet();
  EXPECT_EQ(tree_.at("INBOX").size(), 3U);
  EXPECT_EQ(flags("Work", "INBOX 0"), (Flags{"\\Flagged"}));
  EXPECT_EQ(count("Work", "INBOX 1"), 1U);
  EXPECT_TRUE(recovered_.empty());
}

TEST_F(ConflictsTest, ADraftReplacedOnBothSidesIsTwoDrafts) {
  link_->up();
  append_here("Drafts", draft("as it was", "1"));
  ASSERT_TRUE(proxy_->wait_until_sent()) << proxy_->log();
  expect_convergence();
  link_->down();
  here("SELECT Drafts");
  append_here("Drafts", draft("as written here", "2"));
  here("STORE 1 +FLAGS (\\Deleted)");
  here("EXPUNGE");
  there("SELECT Drafts");
  append_there("Drafts", draft("as written there", "3"));
  there("STORE 1 +FLAGS (\\Deleted)");
  there("EXPUNGE");
  meet();
  EXPECT_EQ(count("Drafts", "as it was"), 0U);
  EXPECT_EQ(count("Drafts", "as written here"), 1U);
  EXPECT_EQ(count("Drafts", "as written there"), 1U);
}

// ---- Mailboxes ----

TEST_F(ConflictsTest, BothSidesCreateTheSameMailbox) {
  here("CREATE Plans");
  append_here("Plans", simple_message("from here"));
  there("CREATE Plans");
  append_there("Plans", simple_message("from there"));
  meet();
  EXPECT_EQ(tree_.at("Plans").size(), 2U);
}

TEST_F(ConflictsTest, RenamedOnBothSidesItHasUpstreamsName) {
  append_here("Work", simple_message("written before"));
  here("RENAME Work Tasks");
  append_here("Tasks", simple_message("written after"));
  there("RENAME Work Jobs");
  meet();
  EXPECT_FALSE(tree_.contains("Tasks"));
  EXPECT_FALSE(tree_.contains("Work"));
  ASSERT_TRUE(tree_.contains("Jobs"));
  EXPECT_EQ(tree_.at("Jobs").size(), 5U);
  EXPECT_TRUE(tree_.contains("Jobs/Old"));
  EXPECT_TRUE(recovered_.empty());
}

TEST_F(ConflictsTest, WritesFollowAMailboxRenamedUpstream) {
  here("SELECT Work");
  here("STORE 1 +FLAGS (\\Flagged)");
  append_here("Work", simple_message("written here"));
  here("SELECT INBOX");
  here("MOVE 1 Work");
  there("RENAME Work Jobs");
  meet();
  EXPECT_EQ(flags("Jobs", "Work 0"), (Flags{"\\Flagged"}));
  EXPECT_EQ(count("Jobs", "written here"), 1U);
  EXPECT_EQ(count("Jobs", "INBOX 0"), 1U);
  EXPECT_FALSE(tree_.contains("Work"));
}

TEST_F(ConflictsTest, AWriteThatMeetsARenameUpstreamFollowsIt) {
  link_->up();
  expect_convergence();
  link_->stall();  // both are written before the first one is refused
  there("RENAME Work Jobs");
  append_here("Work", simple_message("written here"));
  here("SELECT INBOX");
  here("COPY 1 Work");
  meet();
  EXPECT_EQ(count("Jobs", "written here"), 1U);
  EXPECT_EQ(count("Jobs", "INBOX 0"), 1U);
  EXPECT_FALSE(tree_.contains("Work"));
  EXPECT_TRUE(recovered_.empty());
}

// Made under its new name at once it would be taken for the one that is to go, and that would stay.
TEST_F(ConflictsTest, AMailboxMadeHereTakesANameAfterTheOneThatHadIt) {
  here("CREATE New");
  here("DELETE Work/Old");
  here("RENAME New Work/Old");
  here("CREATE Other");
  here("RENAME Work Jobs");
  here("RENAME Other Work");
  append_here("Work", simple_message("written here"));
  meet();
  EXPECT_EQ(count("Jobs", "Work 0"), 1U);
  EXPECT_EQ(tree_["Jobs/Old"].size(), 0U);
  EXPECT_EQ(tree_["Work"].size(), 1U);
}

TEST_F(ConflictsTest, ARenameToANameThatIsTakenUpstreamIsParked) {
  here("RENAME Work Tasks");
  append_here("Tasks", simple_message("from here"));
  there("CREATE Tasks");
  append_there("Tasks", simple_message("from there"));
  ASSERT_NO_FATAL_FAILURE(meet(1));
  // Both are there, and what was written here is in the one that it was written to.
  EXPECT_EQ(count("Work", "from here"), 1U);
  EXPECT_EQ(count("Tasks", "from there"), 1U);
  const auto here = local_tree();
  ASSERT_TRUE(here) << here.error().text();
  EXPECT_EQ(count_in(here->at("Tasks"), "from there"), 1U);
  EXPECT_EQ(count_in(here->at("Tasks (local)"), "from here"), 1U);
}

TEST_F(ConflictsTest, AMailboxDeletedUpstreamLeavesWhatWaitsInRecovered) {
  append_here("Work/Old", simple_message("only here"));
  here("SELECT INBOX");
  here("MOVE 1 Work/Old");
  here("COPY 1 Work/Old");
  there("DELETE Work/Old");
  meet();
  EXPECT_FALSE(tree_.contains("Work/Old"));
  EXPECT_EQ(count_in(recovered_, "only here"), 1U);
  // What upstream still has stays, or comes back, where it was.
  EXPECT_EQ(count("INBOX", "INBOX 0"), 1U);
  EXPECT_EQ(count("INBOX", "INBOX 1"), 1U);
  EXPECT_EQ(count_in(recovered_, "INBOX 0") + count_in(recovered_, "INBOX 1"), 0U);
}

TEST_F(ConflictsTest, BothSidesDeleteTheSameMailbox) {
  here("DELETE Work/Old");
  there("DELETE Work/Old");
  meet();
  EXPECT_FALSE(tree_.contains("Work/Old"));
  EXPECT_TRUE(recovered_.empty());
}

TEST_F(ConflictsTest, AMailboxDeletedHereGoesWithWhatCameUpstreamMeanwhile) {
  here("DELETE Work/Old");
  append_there("Work/Old", simple_message("too late"));
  meet();
  EXPECT_FALSE(tree_.contains("Work/Old"));
}

TEST_F(ConflictsTest, ADeleteThatWaitsSparesAnotherMailboxOfThatName) {
  here("DELETE Work/Old");
  there("DELETE Work/Old");
  there("CREATE Fresh");
  append_there("Fresh", simple_message("another"));
  there("RENAME Fresh Work/Old");
  meet();
  EXPECT_EQ(count("Work/Old", "another"), 1U);
}

TEST_F(ConflictsTest, AMailboxDeletedHereAndRenamedUpstreamStays) {
  here("DELETE Work/Old");
  there("RENAME Work/Old Kept");
  meet();
  EXPECT_EQ(count("Kept", "Work/Old 0"), 1U);
}

TEST_F(ConflictsTest, AMailboxRenamedHereAndDeletedUpstreamIsGone) {
  here("RENAME Work/Old Kept");
  append_here("Kept", simple_message("only here"));
  there("DELETE Work/Old");
  meet();
  EXPECT_FALSE(tree_.contains("Kept"));
  EXPECT_FALSE(tree_.contains("Work/Old"));
  EXPECT_EQ(count_in(recovered_, "only here"), 1U);
}

TEST_F(ConflictsTest, SubscriptionsAreAsTheyWereSetHere) {
  here("SUBSCRIBE Work");
  there("SUBSCRIBE Work/Old");
  there("UNSUBSCRIBE Work");
  meet();
  const auto names = [](RawImap* client) {
    std::vector<std::string> found;
    for (const std::string& line : expect_ok(client, "LSUB \"\" \"Work*\"").untagged) {
      if (line.find("\\No") == std::string::npos) found.push_back(line.substr(line.rfind(' ') + 1));
    }
    for (std::string& name : found) std::erase(name, '"');
    std::ranges::sort(found);
    return found;
  };
  EXPECT_EQ(names(there_.get()), (Flags{"Work", "Work/Old"}));
  EXPECT_TRUE(eventually([&] { return names(here_.get()) == Flags{"Work", "Work/Old"}; }));
}

// ---- What the server does ----

TEST_F(ConflictsTest, APermanentNoParksTheWriteAndKeepsItsMessages) {
  const std::string name(240, 'x');  // more than Dovecot allows in one level, or its file system
  const std::string too_long = name + "/" + name;
  here("CREATE " + too_long);
  append_here(too_long, simple_message("refused"));
  there("SELECT INBOX");
  (void)there_->command("UNSELECT");
  link_->up();
  ASSERT_TRUE(eventually([&] {
    const auto status = proxy_->status();
    return status && status->parked > 0 && status->pending == 0;
  })) << proxy_->log();
  const auto listed = proxy_->command({"queue", "list"});
  ASSERT_TRUE(listed);
  EXPECT_NE(listed->output.find("parked"), std::string::npos) << listed->output;
  const auto here = local_tree();
  ASSERT_TRUE(here) << here.error().text();
  EXPECT_EQ(count_in(here->at(too_long), "refused"), 1U);
  EXPECT_EQ(count_in(here->at("Recovered"), "refused"), 1U);
}

TEST_F(ConflictsTest, ANewUidValidityLeavesWritesWithTheirMessages) {
  here("SELECT Work");
  here("STORE 2 +FLAGS (\\Flagged)");
  here("MOVE 3 INBOX");
  append_here("Work", simple_message("written here"));
  there_.reset();
  server_->stop();
  for (const auto& file : std::filesystem::directory_iterator(server_->path() / "mail" / ".Work")) {
    if (file.path().filename().string().starts_with("dovecot")) {
      std::filesystem::remove(file.path());
    }
  }
  ASSERT_TRUE(server_->start_again());
  there_ = upstream();
  ASSERT_TRUE(there_);
  meet();
  EXPECT_EQ(flags("Work", "Work 1"), (Flags{"\\Flagged"}));
  EXPECT_EQ(count("INBOX", "Work 2"), 1U);
  EXPECT_EQ(count("Work", "Work 2"), 0U);
  EXPECT_EQ(count("Work", "written here"), 1U);
  EXPECT_EQ(tree_.at("Work").size(), 3U);
}

}  // namespace
}  // namespace support
