// What is heard during IDLE: news are looked at, what we did ourselves is not.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/upstream/scripted_fixture.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;

// How many connections may listen: with one it is that which syncs.
class WatchTest : public ScriptedFixture, public testing::WithParamInterface<std::uint32_t> {
 protected:
  void SetUp() override {
    ScriptedFixture::SetUp();
    settings_.upstream->max_connections = GetParam();
    support::Script idle = {support::Send{"* OK ready\r\n"}};
    for (int i = 0; i < 20; ++i) {
      idle.insert(idle.end(), {support::Expect{"$1 IDLE"}, support::Send{"+ idling\r\n"},
                               support::Expect{"DONE"}, support::Send{"$1 OK done\r\n"}});
    }
    scripts_.assign(8, idle);
    ASSERT_NO_FATAL_FAILURE(
        serve(std::string(kBest) + " UIDPLUS IDLE", {.flags = "", .modseq = 20}));
    ASSERT_TRUE(wait([this] { return received(" IDLE") > 0; }));
    // Whatever comes to an end at the beginning has done so.
    (void)run(sleep_for(loop(), 100ms));
    before_ = received("(QRESYNC (1 20))");
  }
  std::size_t looks() const { return received("(QRESYNC (1 20))") - before_; }

  std::size_t before_ = 0;
};

TEST_P(WatchTest, FlagsThatAreKnownAreNothingToLookAt) {
  server_->push("* 1 FETCH (UID 5 FLAGS () MODSEQ (21))\r\n");
  server_->push("* OK still here\r\n");
  (void)run(sleep_for(loop(), 200ms));
  EXPECT_EQ(looks(), 0U);
}

TEST_P(WatchTest, AWriteOfOursThatIsHeardIsNothingToLookAt) {
  server_->add_rule({"UID STORE *", {"* 1 FETCH (UID 5 FLAGS (\\Seen) MODSEQ (21))"}});
  const std::size_t before = received(" IDLE");
  ASSERT_TRUE(run(
      account_->store_flags(id_of("INBOX"), imap::SequenceSet::of(1, 1),
                            {.add = {imap::SystemFlags{imap::SystemFlag::kSeen}, {}}, .remove = {}},
                            std::nullopt, nullptr)));
  ASSERT_TRUE(wait([this] { return nothing_unsent(); }));
  // One that has left IDLE to write returns to it.
  if (GetParam() == 1) ASSERT_TRUE(wait([&] { return received(" IDLE") > before; }));
  server_->push("* 1 FETCH (UID 5 FLAGS (\\Seen) MODSEQ (21))\r\n");
  (void)run(sleep_for(loop(), 200ms));
  EXPECT_EQ(looks(), 0U);
  EXPECT_TRUE(becomes_seen());
}

TEST_P(WatchTest, FlagsThatAreNewsAreLookedAt) {
  show({.flags = "\\Seen", .modseq = 21});
  server_->push("* 1 FETCH (UID 5 FLAGS (\\Seen) MODSEQ (21))\r\n");
  EXPECT_TRUE(becomes_seen());
  EXPECT_EQ(looks(), 1U);
}

TEST_P(WatchTest, AMessageWithoutItsUidIsLookedAt) {
  show({.flags = "\\Seen", .modseq = 21});
  server_->push("* 1 FETCH (FLAGS (\\Seen))\r\n");
  EXPECT_TRUE(becomes_seen());
}

TEST_P(WatchTest, ListeningGoesOnAfterNews) {
  for (int round = 0; round < 5; ++round) {
    const bool seen = round % 2 == 0;
    const std::string flags = seen ? "\\Seen" : "";
    const std::size_t before = received(" IDLE");
    show({.flags = flags, .modseq = 21U + static_cast<unsigned>(round)});
    server_->push("* 1 FETCH (UID 5 FLAGS (" + flags + "))\r\n");
    EXPECT_TRUE(wait([&] { return account_->find_mailbox("INBOX")->unseen == (seen ? 1U : 2U); }));
    if (GetParam() == 1) ASSERT_TRUE(wait([&] { return received(" IDLE") > before; }));
  }
}

INSTANTIATE_TEST_SUITE_P(Connections, WatchTest, testing::Values(1, 5));

}  // namespace
}  // namespace upstream
