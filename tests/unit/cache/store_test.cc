#include "cache/store.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/codec.h"
#include "cache/compact.h"
#include "cache/database.h"
#include "cache/keys.h"
#include "cache/verify.h"
#include "tests/support/loop_fixture.h"
#include "tests/support/temp_dir.h"

namespace cache {
namespace {

class StoreTest : public testing::Test, public LoopFixture {
 protected:
  std::unique_ptr<Store> open() {
    auto store = open_rocks_store((dir_ / "store").string(), options_);
    EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().text());
    return store ? std::move(*store) : nullptr;
  }
  Result<> commit(Store* store, Batch batch, std::uint32_t stream = 1) {
    return run(store->commit(stream, std::move(batch), Durability::kSynced, loop()));
  }
  static Batch put(std::string key, std::string value) {
    Batch batch;
    batch.put(Family::kIndex, std::move(key), std::move(value));
    return batch;
  }

  support::TempDir dir_;
  StoreOptions options_;
};

class DatabaseTest : public StoreTest {
 protected:
  static void make_store_by_hand(const std::string& path, const std::vector<std::string>& families,
                                 std::optional<std::uint32_t> schema) {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, path, &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    for (const std::string& family : families) {
      rocksdb::ColumnFamilyHandle* handle = nullptr;
      ASSERT_TRUE(db->CreateColumnFamily({}, family, &handle).ok());
      ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
    }
    if (!schema) return;
    std::string version;
    Encoder(&version).number(*schema);
    ASSERT_TRUE(db->Put({}, keys::schema(), version).ok());
  }
  static std::vector<std::string> families_of(const std::string& path) {
    std::vector<std::string> names;
    EXPECT_TRUE(rocksdb::DB::ListColumnFamilies({}, path, &names).ok());
    return names;
  }
  void expect_other_version(const std::string& path, std::uint32_t schema) {
    const auto opened = Database::open(path, options_);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code(), Errc::kStale);
    const std::string& text = opened.error().text();
    const std::string which = schema > keys::kSchemaVersion ? "newer" : "older";
    EXPECT_NE(text.find(which + " version of Waystation (schema " + std::to_string(schema) +
                        ", this program knows " + std::to_string(keys::kSchemaVersion) + ")"),
              std::string::npos)
        << text;
  }
};

TEST_F(StoreTest, ABatchIsThereAfterReopening) {
  {
    const auto store = open();
    Batch batch = put("a", "1");
    batch.put(Family::kBody, "b", std::string(100'000, 'x'));
    ASSERT_TRUE(commit(store.get(), std::move(batch)));
  }
  const auto store = open();
  EXPECT_EQ(store->get(Family::kIndex, "a"), "1");
  EXPECT_EQ(store->get(Family::kBody, "b")->size(), 100'000U);
  const auto missing = store->get(Family::kIndex, "b");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), Errc::kNotFound);
}

TEST_F(StoreTest, ScansInOrderAndWithinTheRange) {
  const auto store = open();
  Batch batch;
  for (const char* key : {"c", "a", "d", "b"}) batch.put(Family::kIndex, key, key);
  ASSERT_TRUE(commit(store.get(), std::move(batch)));
  Batch erase;
  erase.erase_range(Family::kIndex, "b", "c");
  ASSERT_TRUE(commit(store.get(), std::move(erase)));
  std::string seen;
  for (auto cursor = store->scan(Family::kIndex, "a", "d"); cursor->valid(); cursor->next()) {
    seen += cursor->value();
  }
  EXPECT_EQ(seen, "ac");
}

TEST_F(StoreTest, ManyCommitsOfOneTurnComeBackInOrder) {
  const auto store = open();
  std::vector<int> order;
  const auto many = [](StoreTest* test, Store* on, std::vector<int>* into) -> Task<bool> {
    TaskGroup group(test->loop());
    for (int i = 0; i < 200; ++i) {
      group.spawn([](Store* s, Executor* e, int n, std::vector<int>* log) -> Task<void> {
        const Result<> done =
            co_await s->commit(1, put("k", std::to_string(n)), Durability::kSynced, e);
        if (done) log->push_back(n);
      }(on, test->loop(), i, into));
    }
    co_await group.close();
    co_return true;
  };
  ASSERT_TRUE(run(many(this, store.get(), &order)));
  ASSERT_EQ(order.size(), 200U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
  EXPECT_EQ(store->get(Family::kIndex, "k"), "199");
}

TEST_F(StoreTest, AFullDiskFailsTheStreamUntilItRecovers) {
  options_.reserve_bytes = 1ULL << 60;  // no disk has this much free
  const auto store = open();
  const Result<> refused = commit(store.get(), put("a", "1"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kLimit);
  EXPECT_EQ(commit(store.get(), put("a", "2")).error().code(), Errc::kStale);
  EXPECT_EQ(commit(store.get(), put("a", "3"), 2).error().code(), Errc::kLimit)
      << "another stream learns of the disk itself";
  store->recover(1);
  EXPECT_EQ(commit(store.get(), put("a", "4")).error().code(), Errc::kLimit);
  EXPECT_FALSE(store->get(Family::kIndex, "a").has_value());
}

TEST_F(StoreTest, ATornLogTailCostsOnlyTheTail) {
  {
    const auto store = open();
    ASSERT_TRUE(commit(store.get(), put("first", "1")));
    ASSERT_TRUE(commit(store.get(), put("second", std::string(5'000, 'x'))));
  }
  for (const auto& file : std::filesystem::directory_iterator(dir_ / "store")) {
    if (file.path().extension() == ".log" && file.file_size() > 3'000) {
      std::filesystem::resize_file(file.path(), file.file_size() - 100);
    }
  }
  const auto store = open();
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->get(Family::kIndex, "first"), "1");
}

// A store of another version: refused, with both numbers, and left as it is.
TEST_F(DatabaseTest, AnotherSchemaIsRefused) {
  const std::string path = (dir_ / "data").string();
  for (const std::uint32_t schema : {keys::kSchemaVersion - 1, keys::kSchemaVersion + 1}) {
    SCOPED_TRACE(schema);
    std::filesystem::remove_all(path);
    {
      const auto database = Database::open(path, options_);
      ASSERT_TRUE(database.has_value());
      Batch batch = put("a", "1");
      std::string version;
      Encoder(&version).number(schema);
      batch.put(Family::kMeta, keys::schema(), version);
      ASSERT_TRUE(commit((*database)->store(), std::move(batch)));
    }
    expect_other_version(path, schema);
    EXPECT_TRUE(std::filesystem::exists(path + "/store/CURRENT"));
    EXPECT_FALSE(std::filesystem::exists(path + "/DAMAGED"));
  }
}

// What a newer version may have added, or an older one not have had.
TEST_F(DatabaseTest, OtherFamiliesAreRefused) {
  const std::string path = (dir_ / "data").string();
  for (const bool is_newer : {true, false}) {
    SCOPED_TRACE(is_newer);
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
    const std::uint32_t schema = is_newer ? keys::kSchemaVersion + 1 : keys::kSchemaVersion - 1;
    std::vector<std::string> families = {"index", "summary", "header", "body", "text"};
    if (is_newer) families.insert(families.end(), {"changes", "journal", "messages", "threads"});
    make_store_by_hand(path + "/store", families, schema);
    expect_other_version(path, schema);
    EXPECT_EQ(families_of(path + "/store").size(), families.size() + 1) << "it was changed";
  }
}

// Killed while it made its first store.
TEST_F(DatabaseTest, AStoreThatWasNeverFinishedIsFinished) {
  const std::string path = (dir_ / "data").string();
  std::filesystem::create_directories(path);
  make_store_by_hand(path + "/store", {"index", "summary"}, std::nullopt);
  const auto database = Database::open(path, options_);
  ASSERT_TRUE(database.has_value()) << database.error().text();
  EXPECT_EQ((*database)->rebuilt(), "");
  EXPECT_TRUE(commit((*database)->store(), put("a", "1")).has_value());
}

TEST_F(StoreTest, VerifyFindsAFlippedBitAndReadsTheOtherFamilies) {
  const auto damage = [this] {
    std::vector<std::string> lines;
    const auto store = open();
    double done = 0;
    const auto report = verify(
        store.get(),
        [&lines](const std::string& line) {
          if (line.find("damaged") != std::string::npos) lines.push_back(line);
        },
        [&done](double part) { done = part; }, {});
    EXPECT_TRUE(report.has_value());
    EXPECT_EQ(done, 1.0);
    return lines;
  };
  {
    const auto store = open();
    Batch batch;
    for (int i = 0; i < 2'000; ++i) {
      batch.put(Family::kSummary, "key" + std::to_string(i), std::string(500, 'a' + i % 26));
    }
    ASSERT_TRUE(commit(store.get(), std::move(batch)));
    ASSERT_TRUE(store->compact());
  }
  EXPECT_TRUE(damage().empty());
  for (const auto& file : std::filesystem::directory_iterator(dir_ / "store")) {
    if (file.path().extension() != ".sst" || file.file_size() < 4'000) continue;
    std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(1'000);
    bytes.put('\x55');
  }
  const std::vector<std::string> found = damage();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].starts_with("family summary: the cache is damaged")) << found[0];
}

TEST_F(StoreTest, CompactionStopsWhenAsked) {
  const auto store = open();
  ASSERT_TRUE(commit(store.get(), put("a", "1")));
  std::stop_source stop;
  stop.request_stop();
  const Result<> stopped = compact(store.get(), stop.get_token());
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code(), Errc::kCancelled);
  EXPECT_TRUE(store->compact().has_value());
}

TEST_F(DatabaseTest, IsPrivateAndForOneProcess) {
  const std::string path = (dir_ / "data").string();
  const auto first = Database::open(path, options_);
  ASSERT_TRUE(first.has_value()) << first.error().text();
  struct stat facts{};
  ASSERT_EQ(::stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700U);
  const auto second = Database::open(path, options_);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Errc::kLimit);
  EXPECT_NE(second.error().text().find(std::to_string(::getpid())), std::string::npos)
      << second.error().text();
}

}  // namespace
}  // namespace cache
