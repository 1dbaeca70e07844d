// The link is cut after every byte of a replay, in either direction: nothing is lost, nothing is
// there twice, and both sides end equal.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <tuple>
#include <vector>

#include "tests/unit/upstream/replay_fixture.h"

namespace upstream {
namespace {

using Direction = support::LinkDirection;

struct Server {
  const char* name;
  bool uidplus;
  bool move;
};
constexpr Server kServers[] = {
    {"Plain", false, false}, {"Uidplus", true, false}, {"UidplusAndMove", true, true}};

struct Kind {
  const char* name;
  Letters letters;
  bool bodies = true;  // cached; else their headers alone
};
constexpr Kind kKinds[] = {
    {"WithId", Letters::kWithId}, {"WithoutId", Letters::kWithoutId},
    {"SameId", Letters::kSameId}, {"SameHeader", Letters::kSameHeader},
    {"Twins", Letters::kTwins},   {"HeadersAlone", Letters::kWithId, false},
};

using Case = std::tuple<Server, Kind, Direction>;

std::string name_of(const testing::TestParamInfo<Case>& info) {
  const auto& [server, kind, direction] = info.param;
  return std::string(server.name) + kind.name +
         (direction == Direction::kToServer ? "ToServer" : "ToClient");
}

class ReplayCutTest : public ReplayFixture, public testing::WithParamInterface<Case> {
 protected:
  void serve() {
    if (!kind().bodies) serve_headers_alone();
    ReplayFixture::serve({.uidplus = server().uidplus, .move = server().move});
  }
  void serve_inbox() {
    serve();
    for (const std::string& letter : letters(kind().letters, 0)) server_->deliver("INBOX", letter);
    ASSERT_EQ(settled(), "");
  }
  static const Server& server() { return std::get<Server>(GetParam()); }
  static const Kind& kind() { return std::get<Kind>(GetParam()); }
  void sweep(const std::vector<Step>& steps) {
    // Every byte where messages are plain; elsewhere each sweep looks at others, and what it leaves
    // out differs.
    const auto number = static_cast<std::uint64_t>(kind().letters);
    const std::uint64_t stride = number == 0 && kind().bodies ? 1 : 11;
    ReplayFixture::sweep(std::get<Direction>(GetParam()), number * 2, stride, steps);
  }
};

TEST_P(ReplayCutTest, AppendThenExpunge) {
  serve();
  sweep(append_then_expunge(kind().letters));
}

TEST_P(ReplayCutTest, CopyThenExpunge) {
  serve_inbox();
  sweep(copy_then_expunge());
}

TEST_P(ReplayCutTest, MoveToAndFro) {
  serve_inbox();
  sweep(move_to_and_fro());
}

INSTANTIATE_TEST_SUITE_P(Each, ReplayCutTest,
                         testing::Combine(testing::ValuesIn(kServers), testing::ValuesIn(kKinds),
                                          testing::Values(Direction::kToServer,
                                                          Direction::kToClient)),
                         name_of);

class FolderCutTest : public ReplayFixture, public testing::WithParamInterface<Direction> {};

TEST_P(FolderCutTest, CreateAppendRenameDelete) {
  serve();
  sweep(GetParam(), 0, 1, create_append_rename_delete(Letters::kWithId));
}

// EXPUNGE without UIDPLUS takes all that is \Deleted: what somebody else has marked must stay.
TEST_P(FolderCutTest, ExpungeWithoutUidplusSparesWhatOthersMarked) {
  serve({.uidplus = false, .move = false});
  server_->set_flags("Work", server_->deliver("Work", mail(900)), "\\Deleted");
  look_around();
  ASSERT_EQ(settled(), "");
  imap::SequenceSet made;
  sweep(GetParam(), 0, 3,
        {[&](std::uint64_t round, Contents expected) {
           made = append_all("Work", letters(Letters::kWithId, round));
           expected["Work"].insert(letters(Letters::kWithId, round)[0]);
           return expected;
         },
         [&](std::uint64_t, Contents expected) {
           EXPECT_TRUE(run(account_->expunge(id_of("Work"), made, true)));
           expected["Work"] = {mail(900)};
           return expected;
         }});
}

// Where two seconds lie between the two looks for a message that was under way.
class SecondLookForSentTest : public ReplayFixture {
 protected:
  // Ends after the first look for `letter`.
  void send_and_look(const std::string& letter) {
    settings_.sync.reconnect_min = std::chrono::milliseconds(500);
    settings_.sync.reconnect_max = std::chrono::milliseconds(500);
    ASSERT_NO_FATAL_FAILURE(serve());
    server_->deliver("Work", letters(Letters::kWithId, 1)[0]);
    look_around();
    ASSERT_EQ(settled(), "");
    server_->hang_up_on("APPEND", false);
    append_all("Work", {letter});
    ASSERT_TRUE(wait([this] { return server_->count("APPEND") == 1; }));
    const std::size_t looks = server_->count("UID FETCH");
    ASSERT_TRUE(wait([&] { return server_->count("UID FETCH") > looks; }));
  }
};

// A server may be at the message still when the next connection looks for it (Courier).
TEST_F(SecondLookForSentTest, FindsAMessageThatArrivesAfterTheFirst) {
  const std::string letter = letters(Letters::kWithId, 2)[0];
  ASSERT_NO_FATAL_FAILURE(send_and_look(letter));
  server_->deliver("Work", letter);
  ASSERT_EQ(settled(), "");
  EXPECT_EQ(server_->count("APPEND"), 1U);
  EXPECT_EQ(contents()["Work"].count(letter), 1U);
}

TEST_F(SecondLookForSentTest, IsNotWaitedForByAStop) {
  ASSERT_NO_FATAL_FAILURE(send_and_look(letters(Letters::kWithId, 2)[0]));
  run(sleep_for(loop(), std::chrono::milliseconds(50), {}));  // the first look has its answer
  const auto begin = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  EXPECT_FALSE(nothing_unsent());
}

INSTANTIATE_TEST_SUITE_P(Each, FolderCutTest,
                         testing::Values(Direction::kToServer, Direction::kToClient),
                         [](const auto& info) {
                           return info.param == Direction::kToServer ? "ToServer" : "ToClient";
                         });

}  // namespace
}  // namespace upstream
