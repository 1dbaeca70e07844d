// RocksWriter: the thread through which every commit of the store goes, in groups.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "base/result.h"
#include "cache/journal_file.h"
#include "cache/rocks_engine.h"
#include "cache/store.h"

namespace cache {

/// Takes what has queued up while the last fsync ran and writes it: to the engine's log, and what
/// is kept apart to the journal file; then it answers. A small group goes to the journal file
/// whole, so that this one has to be synced and the log has not: what the log loses with the power
/// is put back from there (docs/adr/0013).
///
/// When the disk is full or fails, what waits is refused, and nothing of it is left in the engine's
/// log. From then on it looks from time to time, and with the next commit, whether the disk takes
/// data again, and has the engine opened anew.
///
/// Thread:   push() and recover() from any thread.
/// Lifetime: borrows all that it is given. The destructor waits for what was pushed.
class RocksWriter {
 public:
  struct Options {
    std::string directory;
    std::string journal_file;  // empty: nothing is kept apart
    std::uint64_t journal_file_bytes = 0;
    std::uint64_t reserve_bytes = 0;
    StepHook at_step;
  };
  /// `store`: reads what `slot` has.
  RocksWriter(Store* store, EngineSlot* slot, DamageNote* damage, Options options)
      : store_(store), slot_(slot), damage_(damage), options_(std::move(options)) {}
  ~RocksWriter();

  /// Compares the engine with the journal file, makes that anew, and begins to take commits.
  /// Errors: kCorruption: the engine's log lost more than the journal file can put back.
  Result<> start();

  /// As Store::commit() and Store::recover().
  void push(std::uint32_t stream, Batch batch, Durability durability, Executor* executor,
            std::move_only_function<void(Result<>)> done);
  void recover(std::uint32_t stream);

 private:
  using Clock = std::chrono::steady_clock;
  struct Pending {
    std::uint32_t stream;
    Batch batch;
    Durability durability;
    Executor* executor;
    std::move_only_function<void(Result<>)> done;
  };
  struct LogEnd;
  struct Merged;
  enum class Unsynced : std::uint8_t { kNothing, kWholeGroups, kAnything };

  Result<Merged> merge(const Engine& engine, std::span<const Pending> group) const;
  static Result<> add(const Engine& engine, const JournalFile::Op& op, rocksdb::WriteBatch* batch);
  static Result<> add_sequence(const Engine& engine, std::uint64_t sequence,
                               rocksdb::WriteBatch* batch);

  void run();
  bool take_group(std::vector<Pending>* group);
  void answer(std::span<Pending> group, const Result<>& written);
  Result<> write(std::span<const Pending> group);
  Result<> write_kept(std::span<const Pending> group, Merged* merged);
  void wait_for_memory();
  Result<> write_to_engine(rocksdb::WriteBatch* batch, bool sync);
  Result<> write_whole_to_engine(rocksdb::WriteBatch* batch);
  Result<> add_to_log(rocksdb::WriteBatch* batch, bool sync);
  Result<> sync_log();
  Result<> failed_to_write(const rocksdb::Status& status);

  // The journal file: rocks_writer_journal.cc.
  bool has_journal() const { return !options_.journal_file.empty(); }
  Result<> catch_up();
  Result<> put_back(std::uint64_t after);
  Result<> make_room(std::uint64_t bytes);
  Result<> append(std::span<const Pending> group, bool whole);
  void take_back();
  Result<> renew_journal();

  // Disk trouble.
  Result<> check_space();
  Result<> probe() const;
  Result<> mend();
  Result<> try_to_mend();
  void postpone(const Error& error);
  static LogEnd end_of_log(const Engine& engine);
  void cut_log(const Engine& engine, const LogEnd& end) const;

  void step(std::string_view name) const {
    if (options_.at_step) options_.at_step(name);
  }

  Store* const store_;
  EngineSlot* const slot_;
  DamageNote* const damage_;
  const Options options_;

  // The thread's own, once it runs.
  std::uint64_t sequence_ = 0;  // of the last group
  std::unique_ptr<JournalFile> journal_;
  Unsynced unsynced_ = Unsynced::kNothing;  // what of the log may not be on the disk
  Clock::time_point space_good_until_;
  Error trouble_{Errc::kLimit, "the store takes no writes"};  // what was met last
  Clock::time_point next_try_;
  std::chrono::milliseconds delay_{};  // until then, when it fails; 0 since a write worked
  Clock::time_point keep_delay_until_;
  bool by_write_ = false;  // what stopped the engine was a write, nothing in its background

  // Under mutex_.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Pending> queue_;
  std::set<std::uint32_t> failed_;
  bool closing_ = false;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace cache
