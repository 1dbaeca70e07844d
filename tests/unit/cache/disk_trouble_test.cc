// Disks that are full or fail, for real: what is refused is not there, what was acknowledged is,
// reads go on, and so do writes when the disk is well again.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <random>
#include <set>
#include <thread>

#include "cache/database.h"
#include "cache/journal_file.h"
#include "cache/keys.h"
#include "tests/support/loop_fixture.h"
#include "tests/support/small_disk.h"

namespace cache {
namespace {

using namespace std::chrono_literals;
using support::DiskTrouble;

constexpr std::uint64_t kDiskBytes = 48U << 20;
constexpr std::size_t kValueBytes = 200'000;

std::string key_of(int n) { return "key" + std::to_string(1'000'000 + n); }
// Neither compresses well.
std::string value_of(int n, std::size_t bytes = kValueBytes) {
  std::string value(bytes, 0);
  std::uint32_t state = 12'345 + static_cast<std::uint32_t>(n);
  for (char& c : value) {
    state = state * 1'664'525 + 1'013'904'223;
    c = static_cast<char>(state >> 24);
  }
  return value;
}

class DiskTroubleTest : public testing::TestWithParam<DiskTrouble>, public LoopFixture {
 protected:
  DiskTroubleTest() {
    options_.reserve_bytes = 0;  // or RocksDB would never meet it
    options_.write_buffer_bytes = 2U << 20;
  }
  void open() {
    auto opened = Database::open(path_, options_);
    ASSERT_TRUE(opened.has_value()) << opened.error().text();
    database_ = std::move(*opened);
    EXPECT_EQ(database_->rebuilt(), "");
  }
  Store* store() const { return database_->store(); }

  // A message and a row of the journal about it, as an APPEND makes them.
  Result<> write(int n, std::size_t bytes = kValueBytes) {
    store()->recover(1);
    Batch batch;
    batch.put(Family::kBody, key_of(n), value_of(n, bytes));
    batch.put(Family::kJournal, key_of(n), std::to_string(n));
    batch.ops().back().kept = true;
    batch.ops().back().kept_bytes = 100;
    return run(store()->commit(1, std::move(batch), Durability::kSynced, loop()));
  }
  void expect_there(int n, std::size_t bytes = kValueBytes) const {
    const auto body = store()->get(Family::kBody, key_of(n));
    EXPECT_TRUE(body && *body == value_of(n, bytes)) << n;
    EXPECT_EQ(store()->get(Family::kJournal, key_of(n)), std::to_string(n));
  }
  void expect_refused(int n) const {
    for (const Family family : {Family::kBody, Family::kJournal}) {
      const auto found = store()->get(family, key_of(n));
      ASSERT_FALSE(found.has_value()) << n;
      EXPECT_EQ(found.error().code(), Errc::kNotFound) << found.error().text();
    }
  }
  // Writes until it is refused; returns which one was.
  int write_until_refused(int from) {
    for (int n = from; n < from + 1'000; ++n) {
      const Result<> written = write(n);
      if (written) continue;
      EXPECT_EQ(written.error().code(), Errc::kLimit) << written.error().text();
      return n;
    }
    ADD_FAILURE() << "the disk takes everything";
    return from;
  }
  // Nobody does anything but try again.
  void write_again(int n) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    for (;;) {
      const Result<> written = write(n);
      if (written) return;
      ASSERT_EQ(written.error().code(), Errc::kLimit) << written.error().text();
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << written.error().text();
      std::this_thread::sleep_for(20ms);
    }
  }
  std::set<std::string> kept() const {
    std::set<std::string> found;
    const auto facts = JournalFile::read(path_ + "/journal", 0, [&](const JournalFile::Op& op) {
      if (op.family == Family::kJournal && op.kind == Batch::Kind::kPut) found.emplace(op.key);
      return Result<>();
    });
    EXPECT_TRUE(facts && facts->damaged_bytes == 0);
    return found;
  }

  support::SmallDisk disk_{GetParam(), kDiskBytes};
  std::string path_ = (disk_ / "data").string();
  StoreOptions options_;
  std::unique_ptr<Database> database_;
};

TEST_P(DiskTroubleTest, WritesAreRefusedReadsGoOnAndWritingGoesOnByItself) {
  ASSERT_NO_FATAL_FAILURE(open());
  ASSERT_TRUE(write(0).has_value());
  std::atomic<int> written = 1;
  std::atomic<bool> done = false;
  std::thread reader([&] {
    for (int n = 0; !done; n = (n + 1) % written) {
      const auto body = store()->get(Family::kBody, key_of(n));
      EXPECT_TRUE(body && body->size() == kValueBytes) << n;
    }
  });
  std::vector<int> refused;
  for (int round = 0; round < 4; ++round) {
    SCOPED_TRACE(round);
    disk_.begin();
    refused.push_back(write_until_refused(written));
    written = refused.back();
    for (int again = 0; again < 3; ++again) EXPECT_FALSE(write(refused.back()).has_value());
    for (int n = 0; n < written; ++n) expect_there(n);
    expect_refused(written);
    disk_.end();
    write_again(written);
    ++written;
    ASSERT_TRUE(write(written).has_value());
    ++written;
    if (HasFailure()) break;
  }
  done = true;
  reader.join();
  for (int n = 0; n < written; ++n) expect_there(n);
  database_.reset();
  ASSERT_NO_FATAL_FAILURE(open());
  for (int n = 0; n < written; ++n) expect_there(n);
  expect_refused(written);
}

// The first write of all, when RocksDB has nothing in memory.
TEST_P(DiskTroubleTest, TheVeryFirstWriteToo) {
  ASSERT_NO_FATAL_FAILURE(open());
  disk_.begin();
  const Result<> refused = write(0, 20U << 20);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kLimit) << refused.error().text();
  disk_.end();
  write_again(1);
  expect_refused(0);
  expect_there(1);
}

TEST_P(DiskTroubleTest, ClosingWhileItLastsLosesNothingAndBringsNothingBack) {
  ASSERT_NO_FATAL_FAILURE(open());
  for (int n = 0; n < 12; ++n) ASSERT_TRUE(write(n).has_value());
  disk_.begin();
  const int refused = write_until_refused(12);
  database_.reset();
  disk_.end();
  ASSERT_NO_FATAL_FAILURE(open());
  for (int n = 0; n < refused; ++n) expect_there(n);
  expect_refused(refused);
  ASSERT_TRUE(write(refused).has_value());
}

TEST_P(DiskTroubleTest, AKillWhileItLastsBringsNothingBack) {
  ASSERT_NO_FATAL_FAILURE(open());
  for (int n = 0; n < 5; ++n) ASSERT_TRUE(write(n).has_value());
  disk_.begin();
  const int refused = write_until_refused(5);
  disk_.end();
  // What kill -9 leaves.
  support::TempDir copy;
  const std::string path = (copy / "data").string();
  std::filesystem::copy(path_, path, std::filesystem::copy_options::recursive);
  database_.reset();
  path_ = path;
  ASSERT_NO_FATAL_FAILURE(open());
  for (int n = 0; n < refused; ++n) expect_there(n);
  expect_refused(refused);
}

// It comes at the worst moment of a commit: what was answered holds, in both files.
TEST_P(DiskTroubleTest, AtEveryStepOfACommit) {
  for (const std::string_view when : {"begun", "stored", "kept"}) {
    SCOPED_TRACE(when);
    std::filesystem::remove_all(path_);
    std::atomic<bool> armed = false;
    options_.at_step = [this, when, &armed](std::string_view step) {
      if (step == when && armed.exchange(false)) disk_.begin();
    };
    ASSERT_NO_FATAL_FAILURE(open());
    ASSERT_TRUE(write(0).has_value());
    armed = true;
    const Result<> during = write(1, 12U << 20);
    if (during) {
      expect_there(1, 12U << 20);
    } else {
      EXPECT_EQ(during.error().code(), Errc::kLimit) << during.error().text();
      EXPECT_EQ(when, "begun") << "what the store has is acknowledged";
      expect_refused(1);
    }
    disk_.end();
    write_again(2);
    EXPECT_EQ(kept().contains(key_of(1)), during.has_value());
    EXPECT_TRUE(kept().contains(key_of(0)) && kept().contains(key_of(2)));
    database_.reset();
    ASSERT_NO_FATAL_FAILURE(open());
    expect_there(0);
    expect_there(2);
    if (during) expect_there(1, 12U << 20);
    database_.reset();
    if (HasFailure()) return;
  }
}

// It is full again when the engine has been closed to be opened anew.
TEST_P(DiskTroubleTest, WhileTheEngineIsOpenedAnewItIsReadAllTheSame) {
  std::atomic<int> mends = 0;
  options_.at_step = [this, &mends](std::string_view step) {
    if (step == "mending" && ++mends == 1) disk_.begin();
  };
  ASSERT_NO_FATAL_FAILURE(open());
  for (int n = 0; n < 5; ++n) ASSERT_TRUE(write(n).has_value());
  disk_.begin();
  const int refused = write_until_refused(5);
  disk_.end();
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (mends == 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(5ms);
  }
  // What closing removes may be room enough for an engine on a full disk.
  const bool is_taken = write(refused).has_value();
  EXPECT_FALSE(is_taken && GetParam() == DiskTrouble::kFileLimit);
  for (int n = 0; n < refused; ++n) expect_there(n);
  if (!is_taken) expect_refused(refused);
  disk_.end();
  write_again(refused + 1);
  for (int n = 0; n < refused; ++n) expect_there(n);
  expect_there(refused + 1);
}

// Somebody who reads for long does not hold it up for ever, and is not disturbed.
TEST_P(DiskTroubleTest, WhoReadsMeanwhileReadsToTheEnd) {
  ASSERT_NO_FATAL_FAILURE(open());
  for (int n = 0; n < 5; ++n) ASSERT_TRUE(write(n).has_value());
  auto cursor = store()->scan(Family::kBody, key_of(0), key_of(1'000));
  disk_.begin();
  const int refused = write_until_refused(5);
  disk_.end();
  EXPECT_FALSE(write(refused).has_value()) << "still the old engine";
  int seen = 0;
  for (; cursor->valid(); cursor->next()) {
    EXPECT_TRUE(cursor->value() == value_of(seen));
    expect_there(seen);  // reads more while it reads
    ++seen;
  }
  EXPECT_TRUE(cursor->status().has_value());
  EXPECT_EQ(seen, 5);
  cursor.reset();
  write_again(refused);
}

// Again and again, at any moment, while somebody writes all the time.
TEST_P(DiskTroubleTest, ComesAndGoes) {
  constexpr std::size_t kBytes = 30'000;
  ASSERT_NO_FATAL_FAILURE(open());
  std::atomic<bool> done = false;
  std::thread trouble([&] {
    std::minstd_rand random(7);
    while (!done) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));
      disk_.begin();
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
      disk_.end();
    }
  });
  std::vector<int> acknowledged;
  std::vector<int> refused;
  const auto until = std::chrono::steady_clock::now() + 6s;
  for (int n = 0; std::chrono::steady_clock::now() < until && acknowledged.size() < 500; ++n) {
    (write(n, kBytes) ? acknowledged : refused).push_back(n);
  }
  done = true;
  trouble.join();
  write_again(900'000);
  EXPECT_FALSE(acknowledged.empty());
  for (const bool reopened : {false, true}) {
    SCOPED_TRACE(reopened);
    for (const int n : acknowledged) expect_there(n, kBytes);
    for (const int n : refused) expect_refused(n);
    if (HasFailure()) return;
    database_.reset();
    if (!reopened) ASSERT_NO_FATAL_FAILURE(open());
  }
  // What was kept apart is whole too.
  const std::set<std::string> in_journal = kept();
  for (const int n : acknowledged) EXPECT_TRUE(in_journal.contains(key_of(n))) << n;
  for (const int n : refused) EXPECT_FALSE(in_journal.contains(key_of(n))) << n;
}

INSTANTIATE_TEST_SUITE_P(Disk, DiskTroubleTest,
                         testing::Values(DiskTrouble::kFull, DiskTrouble::kFileLimit,
                                         DiskTrouble::kWriteError, DiskTrouble::kSyncError),
                         [](const auto& info) { return support::name_of(info.param); });

}  // namespace
}  // namespace cache
