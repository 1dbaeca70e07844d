#include "cache/rocks_engine.h"

#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <thread>

#include "base/log.h"
#include "cache/codec.h"
#include "cache/keys.h"

namespace cache {
namespace {

using namespace std::chrono_literals;

// DO NOT CHANGE: stored. In the order of Family.
constexpr std::array<const char*, kFamilies> kFamilyNames = {
    "default", "index", "summary", "header", "body", "text", "changes", "journal", "messages"};

// Who wants to read waits so long for those who read to end, before the engine is opened anew.
constexpr auto kDrain = 250ms;

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

std::vector<rocksdb::ColumnFamilyDescriptor> families(
    const std::shared_ptr<rocksdb::Cache>& cache) {
  std::vector<rocksdb::ColumnFamilyDescriptor> all;
  for (std::size_t i = 0; i < kFamilies; ++i) {
    all.emplace_back(kFamilyNames[i], family_options(static_cast<Family>(i), cache));
  }
  return all;
}

// What RocksDB has to say goes to our log. Its own LOG file would be one more file that a full disk
// stops, and RocksDB does not survive that: it asserts when it writes the next line.
class InfoLog final : public rocksdb::Logger {
 public:
  InfoLog() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    Logv(rocksdb::InfoLogLevel::INFO_LEVEL, format, arguments);
  }
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < rocksdb::InfoLogLevel::WARN_LEVEL || level == rocksdb::HEADER_LEVEL) return;
    std::array<char, 1'000> text{};
    (void)std::vsnprintf(text.data(), text.size(), format, arguments);
    if (level >= rocksdb::InfoLogLevel::ERROR_LEVEL) {
      Log().warning("rocksdb: {}", text.data());
    } else {
      Log().debug("rocksdb: {}", text.data());
    }
  }
};

rocksdb::DBOptions db_options(const StoreOptions& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = options.create;
  db.create_missing_column_families = options.create;
  db.max_total_wal_size = 64U << 20;
  db.max_open_files = 256;
  db.max_background_jobs = 2;
  db.bytes_per_sync = 1U << 20;
  db.info_log = std::make_shared<InfoLog>();
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  // The log ends where it does not add up, and nothing behind that counts: with the power goes what
  // was not synced, in any order. Whether that is all that is missing RocksWriter sees.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.paranoid_checks = true;
  // See EngineSlot.
  db.max_bgerror_resume_count = 0;
  return db;
}

}  // namespace

Error to_error(const rocksdb::Status& status) {
  if (status.IsNotFound()) return {Errc::kNotFound, "not in the cache"};
  // A file that the manifest names and that is not there is as bad as a checksum that is wrong.
  if (status.IsCorruption() || status.IsPathNotFound())
    return {Errc::kCorruption, "the cache is damaged: " + status.ToString()};
  if (status.IsNoSpace()) return {Errc::kLimit, "the disk of the data directory is full"};
  return {Errc::kIo, "the cache cannot be read or written: " + status.ToString()};
}

const char* name_of(Family family) {
  return family == Family::kMeta ? "meta" : kFamilyNames[static_cast<std::size_t>(family)];
}

Error DamageNote::error(const rocksdb::Status& status) {
  Error error = to_error(status);
  if (error.code() != Errc::kCorruption || path_.empty() || noted_.exchange(true)) return error;
  std::ofstream(path_) << error.text() << '\n';
  Log().error(
      "{}: restart waystation, which rebuilds the cache from upstream; writes that were "
      "not sent yet are safe",
      error.text());
  return error;
}

Engine::~Engine() {
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  }
  db_->Close().PermitUncheckedError();
}

// Told by RocksDB, on whatever thread, that something in its background failed. Soft errors are
// left to it: no room for a compaction, which waits for some while writes go on.
class EngineSlot::Watcher final : public rocksdb::EventListener {
 public:
  explicit Watcher(EngineSlot* slot) : slot_(slot) {}
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override {
    if (!is_soft(*error)) slot_->failed(*error);
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status error,
                            bool* by_itself) override {
    *by_itself = *by_itself && is_soft(error);
  }
  static bool is_soft(const rocksdb::Status& error) {
    return error.severity() == rocksdb::Status::Severity::kSoftError;
  }

 private:
  EngineSlot* slot_;
};

EngineSlot::EngineSlot(std::string directory, StoreOptions options, DamageNote* damage)
    : directory_(std::move(directory)),
      options_(std::move(options)),
      damage_(damage),
      cache_(rocksdb::NewLRUCache(options_.block_cache_bytes, 2)),
      // The rest is for what is written while the first part is on its way out.
      buffers_(std::make_shared<rocksdb::WriteBufferManager>(options_.write_buffer_bytes / 4 * 3)) {
}

EngineSlot::~EngineSlot() = default;

Result<> EngineSlot::open() {
  TRY_VOID(check_families());
  TRY_VOID(open_as(Mode::kMakeOrWrite));
  Result<> checked = check_schema();
  if (!checked) engine_.reset();
  return checked;
}

Error EngineSlot::other_schema(std::uint32_t found) const {
  return {Errc::kStale,
          fmt::format("{} was made by {} version of Waystation (schema {}, this program knows {}): "
                      "use that version, or another data_dir",
                      directory_, found > keys::kSchemaVersion ? "a newer" : "an older", found,
                      keys::kSchemaVersion)};
}

// The schema version is written once, when the store is new.
Result<> EngineSlot::check_schema() {
  rocksdb::DB* const db = engine_->db();
  rocksdb::ColumnFamilyHandle* const meta = engine_->family(Family::kMeta);
  std::string version;
  const rocksdb::Status read = db->Get({}, meta, keys::schema(), &version);
  if (read.IsNotFound()) {
    Encoder(&version).number(keys::kSchemaVersion);
    rocksdb::WriteOptions sync;
    sync.sync = true;
    const rocksdb::Status written = db->Put(sync, meta, keys::schema(), version);
    if (!written.ok()) return fail(to_error(written));
    return {};
  }
  if (!read.ok()) return fail(to_error(read));
  Decoder in(version);
  const auto found = in.number<std::uint32_t>();
  TRY_VOID(in.finish("schema version"));
  if (found != keys::kSchemaVersion) return fail(other_schema(found));
  return {};
}

// A store with other families is of another version: what that is, is read without touching it.
Result<> EngineSlot::check_families() const {
  std::vector<std::string> found;
  // A store that is new, or so damaged that opening it tells more.
  if (!rocksdb::DB::ListColumnFamilies(db_options(options_), directory_, &found).ok()) return {};
  const auto is_known = [](const std::string& name) {
    return std::ranges::find(kFamilyNames, name) != kFamilyNames.end();
  };
  if (found.size() == kFamilies && std::ranges::all_of(found, is_known)) return {};
  rocksdb::DBOptions options = db_options(options_);
  options.create_if_missing = false;
  rocksdb::DB* raw = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status opened = rocksdb::DB::OpenForReadOnly(
      options, directory_, {{kFamilyNames[0], family_options(Family::kMeta, cache_)}}, &handles,
      &raw);
  if (!opened.ok()) return {};
  const Engine meta(std::unique_ptr<rocksdb::DB>(raw), handles);
  std::string version;
  // Without a version it was never finished: whoever began it was killed.
  if (!raw->Get({}, handles[0], keys::schema(), &version).ok()) return {};
  Decoder decoder(version);
  const auto schema = decoder.number<std::uint32_t>();
  if (decoder.ok() && schema == keys::kSchemaVersion) return {};
  return fail(other_schema(schema));
}

Result<> EngineSlot::open_as(Mode mode) {
  rocksdb::DBOptions options = db_options(options_);
  if (mode != Mode::kMakeOrWrite) {
    options.create_if_missing = options.create_missing_column_families = false;
  }
  options.write_buffer_manager = buffers_;
  options.listeners.push_back(std::make_shared<Watcher>(this));
  stopped_ = mode == Mode::kRead;
  rocksdb::DB* raw = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status opened =
      mode == Mode::kRead
          ? rocksdb::DB::OpenForReadOnly(options, directory_, families(cache_), &handles, &raw)
          : rocksdb::DB::Open(options, directory_, families(cache_), &handles, &raw);
  if (!opened.ok()) {
    stopped_ = true;
    return fail(to_error(opened).within("opening " + directory_));
  }
  auto engine = std::make_shared<Engine>(std::unique_ptr<rocksdb::DB>(raw), std::move(handles));
  const std::lock_guard lock(mutex_);
  engine_ = std::move(engine);
  return {};
}

EnginePtr EngineSlot::use() {
  std::unique_lock lock(mutex_);
  // Who reads may have to read more before it ends: so nobody waits for ever.
  if (leaving_) changed_.wait_for(lock, kDrain, [this] { return !leaving_; });
  changed_.wait(lock, [this] { return !opening_; });
  return engine_;
}

// Waits until nobody uses the engine, and closes it.
bool EngineSlot::take_out() {
  EnginePtr engine;
  const auto deadline = std::chrono::steady_clock::now() + kDrain;
  std::unique_lock lock(mutex_);
  if (!engine_) {
    opening_ = true;
    return true;
  }
  leaving_ = true;
  while (engine_.use_count() > 1 && std::chrono::steady_clock::now() < deadline) {
    lock.unlock();
    std::this_thread::sleep_for(2ms);
    lock.lock();
  }
  leaving_ = false;
  opening_ = engine_.use_count() == 1;
  if (opening_) engine = std::move(engine_);
  const bool taken = opening_;
  lock.unlock();
  changed_.notify_all();
  engine.reset();  // closes it
  return taken;
}

Result<> EngineSlot::reopen() {
  if (!take_out()) return fail(Errc::kUnavailable, "the store is busy with reading");
  Result<> opened = open_as(Mode::kWrite);
  if (!opened) {
    if (const Result<> reading = open_as(Mode::kRead); !reading) {
      Log().error("{}", reading.error().text());
    }
  }
  {
    const std::lock_guard lock(mutex_);
    opening_ = false;
  }
  changed_.notify_all();
  return opened;
}

bool EngineSlot::is_behind() const {
  const std::size_t used = buffers_->memory_usage();
  return used > options_.write_buffer_bytes && used > buffers_->mutable_memtable_memory_usage();
}

std::optional<Error> EngineSlot::damage() const {
  const std::lock_guard lock(mutex_);
  return hurt_;
}

void EngineSlot::stop() {
  stopped_ = true;
  const std::lock_guard lock(call_mutex_);
  if (on_stopped_) on_stopped_();
}

void EngineSlot::on_stopped(std::function<void()> call) {
  const std::lock_guard lock(call_mutex_);
  on_stopped_ = std::move(call);
}

void EngineSlot::failed(const rocksdb::Status& status) {
  Error error = damage_->error(status);
  if (error.code() == Errc::kCorruption) {
    const std::lock_guard lock(mutex_);
    hurt_ = std::move(error);
  }
  stop();
}

}  // namespace cache
