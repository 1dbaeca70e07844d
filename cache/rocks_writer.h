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

/// Takes what has queued up while the last fsync ran and writes it with one: to the engine, then
/// what is kept apart to the journal file; then it answers.
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
    std::uint64_t reserve_bytes = 0;
    StepHook at_step;
  };
  /// `store`: reads what `slot` has.
  RocksWriter(Store* store, EngineSlot* slot, DamageNote* damage, Options options)
      : store_(store), slot_(slot), damage_(damage), options_(std::move(options)) {}
  ~RocksWriter();

  /// Compares the engine with the journal file, makes that anew, and begins to take commits.
  /// Errors: kCorruption: the journal file is ahead, so the engine's log lost its end.
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

  void run();
  bool take_group(std::vector<Pending>* group);
  void answer(std::span<Pending> group, const Result<>& written);
  Result<> write(std::span<const Pending> group);
  void wait_for_memory();
  Result<> write_to_engine(const rocksdb::WriteOptions& options, rocksdb::WriteBatch* batch);

  // The journal file.
  Result<> check_journal();
  Result<> make_room(std::uint64_t bytes);
  void keep(std::span<const Pending> group, bool sync);
  Result<> append(std::span<const Pending> group, bool sync);
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
  std::uint64_t sequence_ = 0;  // of the last group that had something to keep
  std::unique_ptr<JournalFile> journal_;
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
