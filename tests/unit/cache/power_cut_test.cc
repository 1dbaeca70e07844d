// The power goes while the store is written: what was acknowledged is there afterwards, all of it
// up to one commit and nothing of those behind, and the store is the same one, not one made anew.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cache/database.h"
#include "tests/support/loop_fixture.h"
#include "tests/support/power_cut.h"
#include "tests/support/temp_dir.h"

namespace cache {
namespace {

constexpr Family kUsed[] = {Family::kIndex, Family::kBody, Family::kChanges, Family::kJournal};
constexpr int kCommits = 250;
constexpr std::size_t kImages = 25;

using State = std::map<std::pair<Family, std::string>, std::string>;

class PowerCutTest : public testing::TestWithParam<unsigned>, public LoopFixture {
 protected:
  struct Image {
    std::string path;
    std::string step;
    std::size_t acknowledged;  // commits that are promised to be there
    std::size_t pushed;        // more there cannot be
  };

  void SetUp() override {
    // Memory is full soon, so that there are several logs; the journal file is too long soon.
    options_.write_buffer_bytes = 1U << 20;
    options_.journal_file_bytes = 200U << 10;
    options_.at_step = [this](std::string_view step) { take_image(step); };
    states_.emplace_back();
  }

  // In the writer's thread.
  void take_image(std::string_view step) {
    if (images_.size() == kImages || chance_there_() % 12 != 0) return;
    const std::size_t acknowledged = acknowledged_;
    images_.push_back({(dir_ / ("image-" + std::to_string(images_.size()))).string(),
                       std::string(step), acknowledged, 0});
    power_.copy_to(images_.back().path, &chance_there_);
    images_.back().pushed = pushed_;
  }

  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(chance_() % below); }
  std::string any_key() { return "k" + std::to_string(100 + pick(60)); }

  // What one commit does, here and in the store.
  Batch any_batch(State* state) {
    Batch batch;
    for (std::uint32_t ops = 1 + pick(4); ops > 0; --ops) {
      const Family family = kUsed[pick(std::size(kUsed))];
      const std::string key = any_key();
      if (pick(5) == 0) {
        std::string end = any_key();
        if (end < key) end = key + "~";
        batch.erase_range(family, key, end);
        state->erase(state->lower_bound({family, key}), state->lower_bound({family, end}));
      } else if (pick(5) == 0) {
        batch.erase(family, key);
        state->erase({family, key});
      } else {
        const std::size_t bytes = pick(8) == 0 ? 20'000 + pick(90'000) : pick(300);
        const std::string value(bytes, static_cast<char>('a' + pick(26)));
        batch.put(family, key, value);
        (*state)[{family, key}] = value;
      }
      batch.ops().back().kept = family == Family::kJournal;
      batch.ops().back().kept_bytes = batch.bytes();
      if (pick(6) == 0) batch.keep(Family::kIndex, key, key + "~", 200);
    }
    return batch;
  }

  static Task<void> commit_one(PowerCutTest* test, Batch batch, Durability durability,
                               std::size_t number) {
    const Result<> done =
        co_await test->store_->commit(1, std::move(batch), durability, test->loop());
    EXPECT_TRUE(done.has_value()) << done.error().text();
    if (done && durability == Durability::kSynced) test->acknowledged_ = number;
  }
  static Task<void> commit_all(PowerCutTest* test) {
    TaskGroup group(test->loop());
    for (int i = 0; i < kCommits; ++i) {
      test->states_.push_back(test->states_.back());
      Batch batch = test->any_batch(&test->states_.back());
      const auto durability = test->pick(4) == 0 ? Durability::kOrdered : Durability::kSynced;
      const std::size_t number = ++test->pushed_;
      Task<void> commit = commit_one(test, std::move(batch), durability, number);
      if (test->pick(4) == 0) {
        group.spawn(std::move(commit));
      } else {
        co_await std::move(commit);
      }
    }
    co_await group.close();
  }

  static State contents(Store* store) {
    State state;
    for (const Family family : kUsed) {
      const auto cursor = store->scan(family, "", "~");
      for (; cursor->valid(); cursor->next()) {
        state[{family, std::string(cursor->key())}] = std::string(cursor->value());
      }
      EXPECT_TRUE(cursor->status().has_value());
    }
    return state;
  }

  support::TempDir dir_;
  std::string path_ = (dir_ / "data").string();
  support::PowerCut power_{path_};
  StoreOptions options_;
  Store* store_ = nullptr;
  std::mt19937 chance_{GetParam()};
  std::vector<State> states_;  // after so many commits
  std::atomic<std::size_t> pushed_ = 0;
  std::atomic<std::size_t> acknowledged_ = 0;
  // The writer's thread, until it has ended.
  std::mt19937 chance_there_{GetParam() + 1'000};
  std::vector<Image> images_;
};

TEST_P(PowerCutTest, TakesNothingThatWasAcknowledged) {
  {
    auto database = Database::open(path_, options_);
    ASSERT_TRUE(database.has_value()) << database.error().text();
    store_ = (*database)->store();
    run(commit_all(this));
  }
  ASSERT_EQ(images_.size(), kImages);
  for (const Image& image : images_) {
    SCOPED_TRACE(image.path + " " + image.step);
    const auto database = Database::open(image.path, {});
    ASSERT_TRUE(database.has_value()) << database.error().text();
    EXPECT_EQ((*database)->rebuilt(), "");
    const State found = contents((*database)->store());
    std::size_t commits = image.acknowledged;
    while (commits < image.pushed && states_[commits] != found) ++commits;
    EXPECT_TRUE(states_[commits] == found)
        << "is not what any of the commits " << image.acknowledged << " to " << image.pushed
        << " left";
    // And it goes on.
    Batch batch;
    batch.put(Family::kJournal, "after", "x");
    batch.ops().back().kept = true;
    EXPECT_TRUE(run((*database)->store()->commit(1, std::move(batch), Durability::kSynced, loop()))
                    .has_value());
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seed, PowerCutTest, testing::Range(0U, 8U));

}  // namespace
}  // namespace cache
