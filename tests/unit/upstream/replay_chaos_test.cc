// Writes of every kind at random, over a link that is cut at random: each happens once.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/unit/upstream/replay_fixture.h"

namespace upstream {
namespace {

struct Server {
  const char* name;
  bool uidplus;
  bool move;
  std::uint32_t connections;
};
constexpr Server kServers[] = {{"PlainOverOneConnection", false, false, 1},
                               {"UidplusOverTwo", true, false, 2},
                               {"MoveWithoutUidplusOverThree", false, true, 3},
                               {"UidplusAndMoveOverFive", true, true, 5}};

class ReplayChaosTest : public ReplayFixture,
                        public testing::WithParamInterface<std::tuple<Server, std::uint64_t>> {
 protected:
  std::uint64_t draw(std::uint64_t below) {
    return std::uniform_int_distribution<std::uint64_t>(0, below - 1)(random_);
  }
  std::string draw_mailbox() {
    std::vector<std::string> names;
    for (const auto& [name, record] : account_->mailboxes()) names.push_back(name);
    return names[draw(names.size())];
  }
  imap::SequenceSet draw_uids(std::string_view mailbox) {
    imap::SequenceSet some;
    for (const std::uint32_t uid : all_uids(mailbox)) {
      if (draw(2) == 0) some.add(uid);
    }
    return some;
  }

  // One write, as a client would do it; what it refuses is no matter.
  void write(std::uint64_t round) {
    const std::string from = draw_mailbox();
    const std::string to = draw_mailbox();
    const std::string name = "M" + std::to_string(draw(3));
    imap::FlagList flagged;
    flagged.system.add(imap::SystemFlag::kFlagged);
    switch (draw(10)) {
      case 0:
      case 1:
      case 2:
        append_all(to, letters(static_cast<Letters>(draw(5)), round % 20));
        break;
      case 3:
        if (from != to) (void)run(account_->copy(id_of(from), draw_uids(from), id_of(to)));
        break;
      case 4:
      case 5:
        if (from != to) (void)run(account_->move(id_of(from), draw_uids(from), id_of(to)));
        break;
      case 6:
        (void)run(account_->expunge(id_of(from), draw_uids(from), true));
        break;
      case 7:
        (void)run(account_->store_flags(id_of(from), draw_uids(from), {flagged, {}}, std::nullopt,
                                        nullptr));
        break;
      case 8:
        (void)run(account_->create_mailbox(name, 0));
        break;
      default:
        if (draw(2) == 0) {
          (void)run(account_->rename_mailbox(name, "M" + std::to_string(3 + draw(3))));
        } else {
          (void)run(account_->delete_mailbox(name));
        }
    }
  }

  // What is seen here.
  Contents local_contents() {
    Contents all;
    for (const auto& [name, record] : account_->mailboxes()) {
      std::multiset<std::string>& bytes = all[name];
      const auto box = run(account_->open_mailbox(record->id));
      if (!box) continue;
      for (const cache::MessageEntry& entry : (*box)->messages()) {
        const Result<std::string> body = run(bytes_of(entry));
        EXPECT_TRUE(body);
        if (body) bytes.insert(*body);
      }
    }
    return all;
  }

  std::mt19937_64 random_;
};

TEST_P(ReplayChaosTest, EveryWriteHappensOnce) {
  const auto& [server, seed] = GetParam();
  random_.seed(seed);
  settings_.upstream->max_connections = server.connections;
  serve({.uidplus = server.uidplus, .move = server.move});
  for (std::uint64_t round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    const auto direction = draw(2) == 0 ? Direction::kToServer : Direction::kToClient;
    server_->cut(direction, draw(1'000));
    for (std::uint64_t left = 1 + draw(4); left > 0; --left) write(round);
    if (draw(3) != 0) continue;  // more writes while those before are under way
    const Contents seen = local_contents();
    ASSERT_EQ(settled(), "");
    ASSERT_EQ(contents(), seen) << "what was seen here is what upstream has";
    EXPECT_EQ(recovered(), 0U);
  }
  server_->cut(Direction::kToServer, UINT64_MAX);
  const Contents seen = local_contents();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents(), seen);
}

INSTANTIATE_TEST_SUITE_P(Each, ReplayChaosTest,
                         testing::Combine(testing::ValuesIn(kServers),
                                          testing::Range<std::uint64_t>(1, 4)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param).name) +
                                  std::to_string(std::get<1>(info.param));
                         });

}  // namespace
}  // namespace upstream
