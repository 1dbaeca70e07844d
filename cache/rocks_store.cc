// The Store on RocksDB: reading. Writing is in rocks_writer.cc, RocksDB itself in rocks_engine.cc.
#include <rocksdb/iterator.h>
#include <rocksdb/slice.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <stop_token>
#include <utility>

#include "base/log.h"
#include "cache/compact.h"
#include "cache/rocks_engine.h"
#include "cache/rocks_writer.h"
#include "cache/store.h"

namespace cache {
namespace {

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

Error unreadable() { return {Errc::kIo, "the cache cannot be read: the disk fails"}; }

// A value, or what is walked, keeps the engine open that it is in.
class RocksPinned final : public Pinned {
 public:
  EnginePtr engine;
  rocksdb::PinnableSlice value;
  std::string_view view() const override { return {value.data(), value.size()}; }
};

class RocksCursor final : public Cursor {
 public:
  RocksCursor(EnginePtr engine, Family family, DamageNote* damage, std::string from, std::string to,
              bool bulk)
      : damage_(damage), engine_(std::move(engine)), to_(std::move(to)), upper_(to_) {
    if (!engine_) return;
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &upper_;
    options.fill_cache = !bulk;
    if (bulk) options.readahead_size = 512U << 10;
    iterator_.reset(engine_->db()->NewIterator(options, engine_->family(family)));
    iterator_->Seek(from);
  }
  bool valid() const override { return iterator_ && iterator_->Valid(); }
  void next() override { iterator_->Next(); }
  void seek(std::string_view key) override {
    if (iterator_) iterator_->Seek(slice(key));
  }
  std::string_view key() const override { return cache::view(iterator_->key()); }
  std::string_view value() const override { return cache::view(iterator_->value()); }
  Result<> status() const override {
    if (!iterator_) return fail(unreadable());
    if (iterator_->status().ok()) return {};
    return fail(damage_->error(iterator_->status()));
  }

 private:
  DamageNote* damage_;
  EnginePtr engine_;
  std::string to_;
  rocksdb::Slice upper_;  // into to_
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class RocksStore final : public Store {
 public:
  RocksStore(const std::string& directory, const StoreOptions& options)
      : damage_(options.damage_note),
        slot_(directory, options, &damage_),
        writer_(this, &slot_, &damage_,
                {.directory = directory,
                 .journal_file = options.journal_file,
                 .journal_file_bytes = options.journal_file_bytes,
                 .reserve_bytes = options.reserve_bytes,
                 .at_step = options.at_step}) {}

  Result<> open() {
    TRY_VOID(slot_.open());
    return writer_.start();
  }

  Result<std::string> get(Family family, std::string_view key) override {
    const EnginePtr engine = slot_.use();
    if (!engine) return fail(unreadable());
    std::string value;
    const rocksdb::Status status =
        engine->db()->Get({}, engine->family(family), slice(key), &value);
    if (!status.ok()) return fail(damage_.error(status));
    return value;
  }

  Result<std::unique_ptr<Pinned>> get_pinned(Family family, std::string_view key) override {
    EnginePtr engine = slot_.use();
    if (!engine) return fail(unreadable());
    auto pinned = std::make_unique<RocksPinned>();
    const rocksdb::Status status =
        engine->db()->Get({}, engine->family(family), slice(key), &pinned->value);
    if (!status.ok()) return fail(damage_.error(status));
    pinned->engine = std::move(engine);
    return pinned;
  }

  Result<std::vector<std::optional<std::string>>> multi_get(
      Family family, std::span<const std::string> keys) override {
    const EnginePtr engine = slot_.use();
    if (!engine) return fail(unreadable());
    std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    engine->db()->MultiGet({}, engine->family(family), slices.size(), slices.data(), values.data(),
                           statuses.data());
    std::vector<std::optional<std::string>> found(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (statuses[i].ok()) {
        found[i].emplace(values[i].data(), values[i].size());
      } else if (!statuses[i].IsNotFound()) {
        return fail(damage_.error(statuses[i]));
      }
    }
    return found;
  }

  std::unique_ptr<Cursor> scan(Family family, std::string from, std::string to,
                               bool bulk) override {
    return std::make_unique<RocksCursor>(slot_.use(), family, &damage_, std::move(from),
                                         std::move(to), bulk);
  }

  void commit(std::uint32_t stream, Batch batch, Durability durability, Executor* executor,
              std::move_only_function<void(Result<>)> done) override {
    writer_.push(stream, std::move(batch), durability, executor, std::move(done));
  }
  void recover(std::uint32_t stream) override { writer_.recover(stream); }

  Stats stats() override {
    Stats stats;
    stats.memory_bytes = slot_.block_cache().GetUsage();
    const EnginePtr engine = slot_.use();
    if (!engine) return stats;
    for (std::size_t i = 0; i < kFamilies; ++i) {
      const auto family = static_cast<Family>(i);
      const auto number = [&](const std::string& property) {
        std::uint64_t value = 0;
        engine->db()->GetIntProperty(engine->family(family), property, &value);
        return value;
      };
      const std::uint64_t bytes = number(rocksdb::DB::Properties::kTotalSstFilesSize) +
                                  number(rocksdb::DB::Properties::kTotalBlobFileSize);
      stats.family_bytes.emplace_back(name_of(family), bytes);
      stats.disk_bytes += bytes;
      stats.memory_bytes += number(rocksdb::DB::Properties::kSizeAllMemTables);
    }
    return stats;
  }

  Result<> compact() override { return compact_until({}); }

  Result<> compact_until(std::stop_token stop) {
    const EnginePtr engine = slot_.use();
    if (!engine) return fail(unreadable());
    std::atomic<bool> canceled = false;
    const std::stop_callback on_stop(stop, [&canceled] { canceled = true; });
    rocksdb::CompactRangeOptions options;
    options.canceled = &canceled;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
    options.blob_garbage_collection_age_cutoff = 1.0;
    for (std::size_t i = 0; i < kFamilies; ++i) {
      const rocksdb::Status status = engine->db()->CompactRange(
          options, engine->family(static_cast<Family>(i)), nullptr, nullptr);
      if (canceled) return fail(Errc::kCancelled, "stopped");
      if (!status.ok()) return fail(damage_.error(status));
    }
    return {};
  }

  Result<> verify(const std::function<void(double)>& progress) override {
    const std::uint64_t total = stats().disk_bytes;
    const EnginePtr engine = slot_.use();
    if (!engine) return fail(unreadable());
    std::uint64_t read = 0;
    for (std::size_t i = 0; i < kFamilies; ++i) {
      const auto family = static_cast<Family>(i);
      // Reading every value checks the checksum of every block and of every blob.
      rocksdb::ReadOptions options;
      options.fill_cache = false;
      options.verify_checksums = true;
      options.readahead_size = 1U << 20;
      const std::unique_ptr<rocksdb::Iterator> all(
          engine->db()->NewIterator(options, engine->family(family)));
      for (all->SeekToFirst(); all->Valid(); all->Next()) {
        read += all->key().size() + all->value().size();
        if (total > 0)
          progress(std::min(1.0, static_cast<double>(read) / static_cast<double>(total)));
      }
      if (!all->status().ok()) return fail(damage_.error(all->status()).within(name_of(family)));
    }
    progress(1.0);
    return {};
  }

 private:
  DamageNote damage_;
  EngineSlot slot_;
  RocksWriter writer_;  // last: it ends first
};

}  // namespace

Result<> compact(Store* store, std::stop_token stop) {
  auto* const rocks = dynamic_cast<RocksStore*>(store);
  return rocks != nullptr ? rocks->compact_until(std::move(stop)) : store->compact();
}

void Batch::append(Batch other) {
  bytes_ += other.bytes_;
  if (ops_.empty()) {
    ops_ = std::move(other.ops_);
    return;
  }
  ops_.insert(ops_.end(), std::make_move_iterator(other.ops_.begin()),
              std::make_move_iterator(other.ops_.end()));
}

Task<Result<>> Store::commit(std::uint32_t stream, Batch batch, Durability durability,
                             Executor* executor) {
  struct Awaiter {
    Store* store;
    std::uint32_t stream;
    Batch* batch;
    Durability durability;
    Executor* executor;
    Result<> result;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
      store->commit(stream, std::move(*batch), durability, executor, [this, caller](Result<> done) {
        result = std::move(done);
        caller.resume();
      });
    }
    Result<> await_resume() { return std::move(result); }
  };
  co_return co_await Awaiter{this, stream, &batch, durability, executor, {}};
}

Result<std::unique_ptr<Store>> open_rocks_store(const std::string& directory,
                                                const StoreOptions& options) {
  if (options.create && ::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Errc::kIo, fmt::format("cannot make {}: {}", directory, std::strerror(errno)));
  }
  auto store = std::make_unique<RocksStore>(directory, options);
  TRY_VOID(store->open());
  return store;
}

}  // namespace cache
