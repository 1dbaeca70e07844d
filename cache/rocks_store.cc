// The Store on RocksDB. Nothing else includes <rocksdb/*>.
#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "base/log.h"
#include "cache/codec.h"
#include "cache/journal_file.h"
#include "cache/kept.h"
#include "cache/keys.h"
#include "cache/store.h"

namespace cache {
namespace {

// DO NOT CHANGE: stored. In the order of Family.
constexpr std::array<const char*, kFamilies> kFamilyNames = {
    "default", "index", "summary", "header", "body", "text", "changes", "journal", "messages"};

// A commit group stops growing here: what waits behind it gets its own fsync.
constexpr std::size_t kGroupBytes = 4U << 20;

// What an operation takes in the journal file beside its key and value.
constexpr std::uint64_t kKeptOpBytes = 16;

Error to_error(const rocksdb::Status& status) {
  if (status.IsNotFound()) return {Errc::kNotFound, "not in the cache"};
  // A file that the manifest names and that is not there is as bad as a checksum that is wrong.
  if (status.IsCorruption() || status.IsPathNotFound())
    return {Errc::kCorruption, "the cache is damaged: " + status.ToString()};
  if (status.IsNoSpace()) return {Errc::kLimit, "the disk of the data directory is full"};
  return {Errc::kIo, "the cache cannot be read or written: " + status.ToString()};
}

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

rocksdb::ColumnFamilyOptions family_options(Family family,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = 16U << 10;
  // Index and filter blocks count towards the block cache, so that its size bounds all of memory.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = false;
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kLZ4Compression;
  options.write_buffer_size = 8U << 20;
  // Nine families: with the default (an eighth of the buffer) an idle one would hold 1 MiB.
  options.arena_block_size = 128U << 10;
  options.max_write_buffer_number = 2;
  switch (family) {
    case Family::kBody:
      // Large values go to blob files, so that compaction moves keys and not mail.
      options.enable_blob_files = true;
      options.min_blob_size = 2U << 10;
      options.blob_compression_type = rocksdb::kLZ4Compression;
      options.blob_file_size = 64U << 20;
      options.enable_blob_garbage_collection = true;
      options.blob_garbage_collection_age_cutoff = 0.5;
      break;
    case Family::kText:
      table.block_size = 64U << 10;  // scanned from end to end by SEARCH
      break;
    case Family::kMeta:
    case Family::kIndex:
    case Family::kSummary:
    case Family::kHeader:
    case Family::kChanges:
    case Family::kJournal:
    case Family::kMessages:
      table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
      break;
  }
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::DBOptions db_options(const StoreOptions& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = options.create;
  db.create_missing_column_families = options.create;
  db.db_write_buffer_size = options.write_buffer_bytes;
  db.max_total_wal_size = 64U << 20;
  db.max_open_files = 256;
  db.max_background_jobs = 2;
  db.bytes_per_sync = 1U << 20;
  db.keep_log_file_num = 2;
  db.max_log_file_size = 1U << 20;
  db.info_log_level = rocksdb::WARN_LEVEL;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  // A torn tail of the log is what a crash leaves; anything before it that does not add up is not.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.paranoid_checks = true;
  return db;
}

// Damage that is met while the store is in use is noted beside it: the next start rebuilds it.
class DamageNote {
 public:
  explicit DamageNote(std::string path) : path_(std::move(path)) {}

  Error error(const rocksdb::Status& status) {
    Error error = to_error(status);
    if (error.code() != Errc::kCorruption || path_.empty() || noted_.exchange(true)) return error;
    std::ofstream(path_) << error.text() << '\n';
    Log().error(
        "{}: restart waystation, which rebuilds the cache from upstream; writes that were "
        "not sent yet are safe",
        error.text());
    return error;
  }

 private:
  const std::string path_;
  std::atomic<bool> noted_ = false;
};

class RocksPinned final : public Pinned {
 public:
  rocksdb::PinnableSlice value;
  std::string_view view() const override { return {value.data(), value.size()}; }
};

class RocksCursor final : public Cursor {
 public:
  RocksCursor(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family, DamageNote* damage,
              std::string from, std::string to, bool bulk)
      : damage_(damage), to_(std::move(to)), upper_(to_) {
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &upper_;
    options.fill_cache = !bulk;
    if (bulk) options.readahead_size = 512U << 10;
    iterator_.reset(db->NewIterator(options, family));
    iterator_->Seek(from);
  }
  bool valid() const override { return iterator_->Valid(); }
  void next() override { iterator_->Next(); }
  void seek(std::string_view key) override { iterator_->Seek(slice(key)); }
  std::string_view key() const override { return cache::view(iterator_->key()); }
  std::string_view value() const override { return cache::view(iterator_->value()); }
  Result<> status() const override {
    if (iterator_->status().ok()) return {};
    return fail(damage_->error(iterator_->status()));
  }

 private:
  DamageNote* damage_;
  std::string to_;
  rocksdb::Slice upper_;  // into to_
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

class RocksStore final : public Store {
 public:
  RocksStore(std::string directory, std::unique_ptr<rocksdb::DB> db,
             std::vector<rocksdb::ColumnFamilyHandle*> families,
             std::shared_ptr<rocksdb::Cache> block_cache, const StoreOptions& store_options,
             std::uint64_t sequence)
      : directory_(std::move(directory)),
        db_(std::move(db)),
        families_(std::move(families)),
        block_cache_(std::move(block_cache)),
        reserve_bytes_(store_options.reserve_bytes),
        journal_path_(store_options.journal_file),
        damage_(store_options.damage_note),
        at_step_(store_options.at_step),
        sequence_(sequence) {}

  /// Makes the journal file from what is here, and begins to take commits.
  Result<> start() {
    if (!journal_path_.empty()) {
      const Result<> made = renew_journal();
      if (!made && made.error().code() == Errc::kCorruption) return made;
      // A full disk: what is here can be read, and the first write tries again.
      if (!made) Log().error("the journal file is not up to date: {}", made.error().text());
    }
    writer_ = std::thread([this] { write_groups(); });
    return {};
  }

  ~RocksStore() override {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_one();
    if (writer_.joinable()) writer_.join();
    for (rocksdb::ColumnFamilyHandle* family : families_) {
      db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
    }
    db_->Close().PermitUncheckedError();
  }

  Result<std::string> get(Family family, std::string_view key) override {
    std::string value;
    const rocksdb::Status status = db_->Get({}, handle(family), slice(key), &value);
    if (!status.ok()) return fail(damage_.error(status));
    return value;
  }

  Result<std::unique_ptr<Pinned>> get_pinned(Family family, std::string_view key) override {
    auto pinned = std::make_unique<RocksPinned>();
    const rocksdb::Status status = db_->Get({}, handle(family), slice(key), &pinned->value);
    if (!status.ok()) return fail(damage_.error(status));
    return pinned;
  }

  Result<std::vector<std::optional<std::string>>> multi_get(
      Family family, std::span<const std::string> keys) override {
    std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    db_->MultiGet({}, handle(family), slices.size(), slices.data(), values.data(), statuses.data());
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
    return std::make_unique<RocksCursor>(db_.get(), handle(family), &damage_, std::move(from),
                                         std::move(to), bulk);
  }

  void commit(std::uint32_t stream, Batch batch, Durability durability, Executor* executor,
              std::move_only_function<void(Result<>)> done) override {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back({stream, std::move(batch), durability, executor, std::move(done)});
    }
    wake_.notify_one();
  }

  void recover(std::uint32_t stream) override {
    const std::lock_guard lock(mutex_);
    failed_.erase(stream);
  }

  Stats stats() override {
    Stats stats;
    for (std::size_t i = 0; i < kFamilies; ++i) {
      std::uint64_t tables = 0;
      std::uint64_t blobs = 0;
      db_->GetIntProperty(families_[i], rocksdb::DB::Properties::kTotalSstFilesSize, &tables);
      db_->GetIntProperty(families_[i], rocksdb::DB::Properties::kTotalBlobFileSize, &blobs);
      stats.family_bytes.emplace_back(i == 0 ? "meta" : kFamilyNames[i], tables + blobs);
      stats.disk_bytes += tables + blobs;
      std::uint64_t memtables = 0;
      db_->GetIntProperty(families_[i], rocksdb::DB::Properties::kSizeAllMemTables, &memtables);
      stats.memory_bytes += memtables;
    }
    stats.memory_bytes += block_cache_->GetUsage();
    return stats;
  }

  Result<> compact() override {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
    options.blob_garbage_collection_age_cutoff = 1.0;
    for (rocksdb::ColumnFamilyHandle* family : families_) {
      const rocksdb::Status status = db_->CompactRange(options, family, nullptr, nullptr);
      if (!status.ok()) return fail(damage_.error(status));
    }
    return {};
  }

  Result<> verify(const std::function<void(double)>& progress) override {
    const std::uint64_t total = stats().disk_bytes;
    std::uint64_t read = 0;
    for (std::size_t i = 0; i < kFamilies; ++i) {
      // Reading every value checks the checksum of every block and of every blob.
      rocksdb::ReadOptions options;
      options.fill_cache = false;
      options.verify_checksums = true;
      options.readahead_size = 1U << 20;
      const std::unique_ptr<rocksdb::Iterator> all(db_->NewIterator(options, families_[i]));
      for (all->SeekToFirst(); all->Valid(); all->Next()) {
        read += all->key().size() + all->value().size();
        if (total > 0)
          progress(std::min(1.0, static_cast<double>(read) / static_cast<double>(total)));
      }
      if (!all->status().ok()) {
        return fail(damage_.error(all->status()).within(i == 0 ? "meta" : kFamilyNames[i]));
      }
    }
    progress(1.0);
    return {};
  }

 private:
  struct Pending {
    std::uint32_t stream;
    Batch batch;
    Durability durability;
    Executor* executor;
    std::move_only_function<void(Result<>)> done;
  };

  rocksdb::ColumnFamilyHandle* handle(Family family) const {
    return families_[static_cast<std::size_t>(family)];
  }

  static void answer(Pending* pending, Result<> result) {
    pending->executor->post([done = std::move(pending->done),
                             result = std::move(result)]() mutable { done(std::move(result)); });
  }

  // The writer thread: takes what has queued up while the last fsync ran and writes it with one.
  void write_groups() {
    std::vector<Pending> group;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
        if (queue_.empty()) return;
        std::size_t bytes = 0;
        while (!queue_.empty() && bytes < kGroupBytes) {
          Pending pending = std::move(queue_.front());
          queue_.pop_front();
          if (failed_.contains(pending.stream)) {
            answer(&pending, fail(Errc::kStale, "an earlier change could not be stored"));
            continue;
          }
          bytes += pending.batch.bytes();
          group.push_back(std::move(pending));
        }
      }
      if (group.empty()) continue;
      const Result<> written = write(group);
      if (!written) {
        const std::lock_guard lock(mutex_);
        for (const Pending& pending : group) failed_.insert(pending.stream);
      }
      std::set<std::uint32_t> told;
      for (Pending& pending : group) {
        // The first of a stream learns what happened, those behind it that they came too late.
        const bool first = told.insert(pending.stream).second;
        answer(&pending, written || first
                             ? written
                             : fail(Errc::kStale, "an earlier change could not be stored"));
      }
      group.clear();
    }
  }

  Result<> write(std::span<const Pending> group) {
    TRY_VOID(check_space());
    rocksdb::WriteBatch merged;
    rocksdb::WriteOptions options;
    bool keeps = false;
    std::uint64_t kept_bytes = 0;
    for (const Pending& pending : group) {
      options.sync = options.sync || pending.durability == Durability::kSynced;
      for (const Batch::Op& op : pending.batch.ops()) {
        rocksdb::Status added;
        switch (op.kind) {
          case Batch::Kind::kPut:
            added = merged.Put(handle(op.family), op.key, op.value);
            break;
          case Batch::Kind::kErase:
            added = merged.Delete(handle(op.family), op.key);
            break;
          case Batch::Kind::kEraseRange:
            added = merged.DeleteRange(handle(op.family), op.key, op.value);
            break;
          case Batch::Kind::kKeep:
            break;
        }
        if (!added.ok()) return fail(to_error(added));
        keeps = keeps || op.kept;
        kept_bytes += op.kept ? op.kept_bytes + kKeptOpBytes : 0;
      }
    }
    keeps = keeps && !journal_path_.empty();
    if (keeps) {
      // Room is made first: the store does not get what the journal file then cannot take.
      TRY_VOID(make_room(kept_bytes));
      std::string number;
      Encoder(&number).number(sequence_ + 1);
      const rocksdb::Status added = merged.Put(handle(Family::kMeta), keys::sequence(), number);
      if (!added.ok()) return fail(to_error(added));
    }
    step("begun");
    rocksdb::Status status = db_->Write(options, &merged);
    if (!status.ok() && needs_resume_) {
      // After a full disk RocksDB refuses writes until it is told that there is space again.
      if (db_->Resume().ok()) status = db_->Write(options, &merged);
    }
    needs_resume_ = !status.ok();
    if (!status.ok()) return fail(damage_.error(status));
    step("stored");
    if (keeps) {
      ++sequence_;
      keep(group, options.sync);
      step("kept");
    }
    return {};
  }

  Result<> make_room(std::uint64_t bytes) {
    if (!journal_) TRY_VOID(renew_journal());
    return journal_->reserve(bytes);
  }

  // The store has the group: from here on there is no way back. A journal file that cannot be
  // written is made anew; if that fails too it is done before the next group, which fails
  // otherwise.
  void keep(std::span<const Pending> group, bool sync) {
    Result<> kept = append(group, sync);
    if (kept && !journal_->wants_renewal()) return;
    if (!kept) {
      Log().error("unsent writes: {}: the journal file is made anew", kept.error().text());
      journal_.reset();
    }
    if (const Result<> renewed = renew_journal(); !renewed) {
      Log().error("unsent writes are in the store alone for now: {}", renewed.error().text());
    }
  }

  Result<> append(std::span<const Pending> group, bool sync) {
    journal_->begin(sequence_);
    for (const Pending& pending : group) {
      for (const Batch::Op& op : pending.batch.ops()) {
        if (!op.kept) continue;
        if (op.kind != Batch::Kind::kKeep) {
          TRY_VOID(journal_->add({op.kind, op.family, op.key, op.value}));
          continue;
        }
        const std::unique_ptr<Cursor> cursor = scan(op.family, op.key, op.value, true);
        for (; cursor->valid(); cursor->next()) {
          TRY_VOID(journal_->add({Batch::Kind::kPut, op.family, cursor->key(), cursor->value()}));
        }
        TRY_VOID(cursor->status());
      }
    }
    return journal_->end(sync);
  }

  Result<> renew_journal() {
    const auto fill = [this](JournalFile* file) {
      return for_each_kept(this,
                           [file](Family family, std::string_view key, std::string_view value) {
                             return file->add({Batch::Kind::kPut, family, key, value});
                           });
    };
    TRY(journal_, JournalFile::create(journal_path_, sequence_, fill, at_step_));
    return {};
  }

  void step(std::string_view name) const {
    if (at_step_) at_step_(name);
  }

  // A full disk is refused before RocksDB meets it: then it never stops in the middle of its own
  // work, deletes and compaction still have room, and reads go on.
  Result<> check_space() {
    const auto now = std::chrono::steady_clock::now();
    if (now < space_good_until_) return {};
    struct statvfs disk{};
    if (statvfs(directory_.c_str(), &disk) != 0) return {};
    const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    if (free < reserve_bytes_) {
      return fail(Errc::kLimit, fmt::format("the disk of {} is full: {} MB are free and {} MB are "
                                            "kept in reserve",
                                            directory_, free >> 20, reserve_bytes_ >> 20));
    }
    space_good_until_ = now + std::chrono::milliseconds(250);
    return {};
  }

  const std::string directory_;
  const std::unique_ptr<rocksdb::DB> db_;
  const std::vector<rocksdb::ColumnFamilyHandle*> families_;
  const std::shared_ptr<rocksdb::Cache> block_cache_;
  const std::uint64_t reserve_bytes_;

  const std::string journal_path_;
  DamageNote damage_;
  const StepHook at_step_;

  // The writer thread's own, once it runs.
  std::uint64_t sequence_;  // of the last group that had something to keep
  std::unique_ptr<JournalFile> journal_;
  bool needs_resume_ = false;
  std::chrono::steady_clock::time_point space_good_until_;

  // Under mutex_.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Pending> queue_;
  std::set<std::uint32_t> failed_;
  bool closing_ = false;

  std::thread writer_;  // last: it uses all of the above
};

}  // namespace

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

namespace {

Result<std::uint64_t> read_sequence(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* meta) {
  std::string value;
  const rocksdb::Status read = db->Get({}, meta, keys::sequence(), &value);
  if (read.IsNotFound()) return 0;
  if (!read.ok()) return fail(to_error(read));
  Decoder in(value);
  const auto sequence = in.number<std::uint64_t>();
  TRY_VOID(in.finish("sequence"));
  return sequence;
}

}  // namespace

Result<std::unique_ptr<Store>> open_rocks_store(const std::string& directory,
                                                const StoreOptions& options) {
  if (options.create && ::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(Errc::kIo, fmt::format("cannot make {}: {}", directory, std::strerror(errno)));
  }
  rocksdb::LRUCacheOptions cache_options;
  cache_options.capacity = options.block_cache_bytes;
  cache_options.num_shard_bits = 2;
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(cache_options);

  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (std::size_t i = 0; i < kFamilies; ++i) {
    descriptors.emplace_back(kFamilyNames[i], family_options(static_cast<Family>(i), cache));
  }
  rocksdb::DB* raw = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  const rocksdb::Status opened =
      rocksdb::DB::Open(db_options(options), directory, descriptors, &families, &raw);
  if (!opened.ok()) return fail(to_error(opened).within("opening " + directory));
  std::unique_ptr<rocksdb::DB> db(raw);

  // The schema version, written once when the store is new.
  std::string version;
  const rocksdb::Status read = db->Get({}, families[0], keys::schema(), &version);
  if (read.IsNotFound()) {
    Encoder(&version).number(keys::kSchemaVersion);
    rocksdb::WriteOptions sync;
    sync.sync = true;
    const rocksdb::Status written = db->Put(sync, families[0], keys::schema(), version);
    if (!written.ok()) return fail(to_error(written));
  } else if (!read.ok()) {
    return fail(to_error(read));
  }
  Decoder decoder(version);
  const auto found = decoder.number<std::uint32_t>();
  if (!decoder.ok() || found != keys::kSchemaVersion) {
    for (rocksdb::ColumnFamilyHandle* family : families) {
      db->DestroyColumnFamilyHandle(family).PermitUncheckedError();
    }
    return fail(Errc::kStale,
                fmt::format("{} was made by another version of Waystation (schema {}, this program "
                            "knows {}): use that version, or another data_dir",
                            directory, found, keys::kSchemaVersion));
  }
  TRY(const std::uint64_t sequence, read_sequence(db.get(), families[0]));
  auto store = std::make_unique<RocksStore>(directory, std::move(db), std::move(families), cache,
                                            options, sequence);
  if (!options.journal_file.empty()) {
    TRY(const JournalFile::Facts facts,
        JournalFile::read(options.journal_file, [](const JournalFile::Op&) { return Result<>(); }));
    if (facts.sequence > sequence) {
      return fail(Errc::kCorruption,
                  fmt::format("the log of {} lost its end: the journal file has {} more groups of "
                              "writes",
                              directory, facts.sequence - sequence));
    }
    if (facts.damaged_bytes > 0) {
      Log().error("{} was damaged ({} bytes) and is made anew: the cache is sound, nothing is lost",
                  options.journal_file, facts.damaged_bytes);
    }
  }
  TRY_VOID(store->start());
  return store;
}

}  // namespace cache
