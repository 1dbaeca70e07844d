// Store: an ordered key-value engine with atomic, grouped commits. The mail model stands on this
// and on nothing else of the engine, so another engine can serve it one day. Keys: cache/keys.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"

namespace cache {

// DO NOT CHANGE: stored. The names of the column families are in rocks_store.cc.
enum class Family : std::uint8_t {
  kMeta = 0,
  kIndex = 1,
  kSummary = 2,
  kHeader = 3,
  kBody = 4,
  kText = 5,
  kChanges = 6,
  kJournal = 7,
  kMessages = 8,
};
inline constexpr std::size_t kFamilies = 9;

/// Puts, deletes and range deletes that are applied together or not at all.
class Batch {
 public:
  enum class Kind : std::uint8_t { kPut, kErase, kEraseRange, kKeep };
  struct Op {
    Kind kind;
    Family family;
    std::string key;
    std::string value;  // ranges: their end, which is not itself in them
    bool kept = false;  // also in the journal file (cache/kept.h)
    std::uint64_t kept_bytes = 0;
  };

  void put(Family family, std::string key, std::string value) {
    bytes_ += key.size() + value.size();
    ops_.push_back({Kind::kPut, family, std::move(key), std::move(value), false, 0});
  }
  void erase(Family family, std::string key) {
    bytes_ += key.size();
    ops_.push_back({Kind::kErase, family, std::move(key), {}, false, 0});
  }
  void erase_range(Family family, std::string from, std::string to) {
    ops_.push_back({Kind::kEraseRange, family, std::move(from), std::move(to), false, 0});
  }
  /// What the store holds in the range once the batch is applied goes to the journal file: about
  /// `bytes`, for which room is made on the disk beforehand.
  void keep(Family family, std::string from, std::string to, std::uint64_t bytes) {
    ops_.push_back({Kind::kKeep, family, std::move(from), std::move(to), true, bytes});
  }
  bool empty() const { return ops_.empty(); }
  std::size_t bytes() const { return bytes_; }
  std::span<const Op> ops() const { return ops_; }
  std::span<Op> ops() { return ops_; }
  void append(Batch other);

 private:
  std::vector<Op> ops_;
  std::size_t bytes_ = 0;
};

/// Whether a commit waits for the disk.
enum class Durability : std::uint8_t {
  kSynced,   // survives power loss once it is answered: all that a client may see or was told
  kOrdered,  // survives a crash of the process; may be lost with the power, but never before an
             // earlier commit: content that can be fetched again
};

/// Walks a range in key order. Views are good until the next call of next().
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual bool valid() const = 0;
  virtual void next() = 0;
  virtual void seek(std::string_view key) = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  /// What ended the walk early: kCorruption or kIo; ok at the true end.
  virtual Result<> status() const = 0;
};

/// A value that the engine holds in place until it is destroyed.
class Pinned {
 public:
  virtual ~Pinned() = default;
  virtual std::string_view view() const = 0;
};

/// Thread:   every method from any thread. The reading ones may wait for the disk: call them on a
///           worker (run_blocking), except with CacheOnly.
/// Errors:   kNotFound, kCorruption (a checksum did not match), kIo, kLimit (disk full).
class Store {
 public:
  virtual ~Store() = default;

  virtual Result<std::string> get(Family family, std::string_view key) = 0;
  virtual Result<std::unique_ptr<Pinned>> get_pinned(Family family, std::string_view key) = 0;
  /// One entry per key, in order; no value where there is none.
  virtual Result<std::vector<std::optional<std::string>>> multi_get(
      Family family, std::span<const std::string> keys) = 0;
  /// Walks [from, to). `bulk` reads ahead and leaves the block cache to others.
  virtual std::unique_ptr<Cursor> scan(Family family, std::string from, std::string to,
                                       bool bulk = false) = 0;

  /// Queues `batch`; commits are applied in the order of this call, several of them with one fsync.
  /// `done` runs on `executor`'s thread. After a failure all later commits of the same `stream`
  /// fail as well, until recover(stream): they were made on top of what did not happen.
  virtual void commit(std::uint32_t stream, Batch batch, Durability durability, Executor* executor,
                      std::move_only_function<void(Result<>)> done) = 0;
  virtual void recover(std::uint32_t stream) = 0;

  /// Sizes on disk and in memory, for `cache stats`.
  struct Stats {
    std::uint64_t disk_bytes = 0;
    std::uint64_t memory_bytes = 0;
    std::vector<std::pair<std::string, std::uint64_t>> family_bytes;
  };
  virtual Stats stats() = 0;
  virtual Result<> compact() = 0;
  /// Reads every block and blob and compares the checksums. Long.
  virtual Result<> verify(const std::function<void(double done)>& progress) = 0;

  /// Awaits a commit.
  Task<Result<>> commit(std::uint32_t stream, Batch batch, Durability durability,
                        Executor* executor);
};

/// Called when a step of a commit or of a rebuild is done: where a test may kill the process.
using StepHook = std::function<void(std::string_view step)>;

struct StoreOptions {
  /// Of what is kept apart (cache/kept.h); empty: nothing is.
  std::string journal_file;
  /// It is made anew when it is longer than this and has doubled: a few milliseconds in which other
  /// commits wait; and at a start after a crash that much may have to be put back.
  std::uint64_t journal_file_bytes = 8U << 20;
  /// Written when a checksum does not match while the store is in use; empty: not.
  std::string damage_note;
  StepHook at_step;
  std::size_t block_cache_bytes = 24U << 20;
  std::size_t write_buffer_bytes = 8U << 20;  // all families together
  /// Free space below which writes are refused with kLimit.
  std::uint64_t reserve_bytes = 64U << 20;
  bool create = true;
};

/// Opens the store in `directory` (made with mode 0700 when missing).
/// Errors: kLimit names the process that has it open; kStale a schema that this program does not
///         know; kCorruption a damaged store, also one that lacks commits which the journal file
///         has: its log lost its end.
Result<std::unique_ptr<Store>> open_rocks_store(const std::string& directory,
                                                const StoreOptions& options);

}  // namespace cache
