// RocksDB as the store uses it: an open instance, and the slot in which it stands, so that it can
// be opened anew while others read. Nothing but cache/rocks_* includes <rocksdb/*>.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/write_buffer_manager.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cache/store.h"

namespace cache {

/// kCorruption for what a checksum or a missing file tells, kLimit for a full disk, else kIo.
Error to_error(const rocksdb::Status& status);

/// How a family is called in the store, and in what is said of it.
const char* name_of(Family family);

/// Damage that is met while the store is in use is noted beside it: the next start rebuilds it.
/// Thread: any.
class DamageNote {
 public:
  /// `path`: of the note; empty: none is written.
  explicit DamageNote(std::string path) : path_(std::move(path)) {}
  /// to_error(), and the note when it is damage.
  Error error(const rocksdb::Status& status);

 private:
  const std::string path_;
  std::atomic<bool> noted_ = false;
};

/// An open RocksDB, closed with the object.
class Engine {
 public:
  Engine(std::unique_ptr<rocksdb::DB> db, std::vector<rocksdb::ColumnFamilyHandle*> families)
      : db_(std::move(db)), families_(std::move(families)) {}
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  rocksdb::DB* db() const { return db_.get(); }
  rocksdb::ColumnFamilyHandle* family(Family family) const {
    return families_[static_cast<std::size_t>(family)];
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};
using EnginePtr = std::shared_ptr<Engine>;

/// The engine of one directory.
///
/// After any error of the disk RocksDB takes no more writes. Its own Resume() is not used: up to
/// 8.0 it goes on with a log file that has failed (an assertion, which Debian's build keeps, then
/// ends the process), and gives up for good when the disk is still full at the first attempt. So
/// the engine is closed and opened again, which is what a restart does: what was acknowledged is in
/// its log. Whoever reads meanwhile waits for that moment.
///
/// Thread:   use() and what only looks: any; the rest: one at a time.
/// Lifetime: outlives every EnginePtr that it gave.
class EngineSlot {
 public:
  EngineSlot(std::string directory, StoreOptions options, DamageNote* damage);
  ~EngineSlot();

  /// Errors: kStale: made by another version of this program, and left as it was; as to_error().
  Result<> open();
  /// Closes it and opens it again. When it cannot be opened for writing it is opened for reading,
  /// is still stopped, and the error says why. kUnavailable: somebody reads for long: try later.
  Result<> reopen();

  /// Null when not even reading works. Keep it no longer than a read takes.
  EnginePtr use();
  bool is_stopped() const { return stopped_; }
  /// The damage that stopped it, for which opening it again is no cure.
  std::optional<Error> damage() const;
  /// Says that it takes no more writes.
  void stop();
  /// `call` is called when it stopped, from any thread. An empty one: nothing is, from now on.
  void on_stopped(std::function<void()> call);
  const rocksdb::Cache& block_cache() const { return *cache_; }
  /// More is written than there is memory for, and on its way out of it: better wait.
  bool is_behind() const;

 private:
  class Watcher;
  enum class Mode : std::uint8_t { kMakeOrWrite, kWrite, kRead };
  Result<> open_as(Mode mode);
  Result<> check_families() const;
  Result<> check_schema();
  Error other_schema(std::uint32_t found) const;
  void failed(const rocksdb::Status& status);
  bool take_out();

  const std::string directory_;
  const StoreOptions options_;
  DamageNote* const damage_;
  const std::shared_ptr<rocksdb::Cache> cache_;
  const std::shared_ptr<rocksdb::WriteBufferManager> buffers_;
  std::atomic<bool> stopped_ = false;

  std::mutex call_mutex_;
  std::function<void()> on_stopped_;  // under call_mutex_

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Under mutex_.
  std::optional<Error> hurt_;
  bool leaving_ = false;  // it is to be closed as soon as nobody reads
  bool opening_ = false;  // and is being opened again
  EnginePtr engine_;      // last: it tells of failures until it is closed
};

}  // namespace cache
