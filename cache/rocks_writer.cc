#include "cache/rocks_writer.h"

#include <fcntl.h>
#include <rocksdb/transaction_log.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "cache/codec.h"
#include "cache/keys.h"

namespace cache {
namespace {

using namespace std::chrono_literals;

// A commit group stops growing here: what waits behind it gets its own fsync.
constexpr std::size_t kGroupBytes = 4U << 20;

// What an operation takes in the journal file beside its key and value.
constexpr std::uint64_t kKeptOpBytes = 16;
// Above it a second sync is cheaper than to write everything twice.
constexpr std::uint64_t kMaxWholeBytes = 64U << 10;

// How often it is looked whether the disk takes data again.
constexpr auto kFirstDelay = 100ms;
constexpr auto kLongestDelay = std::chrono::milliseconds(4s);
constexpr std::size_t kProbeBytes = 1U << 20;

constexpr auto kRemembered = 1min;
std::chrono::milliseconds longer(std::chrono::milliseconds delay) {
  return std::clamp<std::chrono::milliseconds>(2 * delay, kFirstDelay, kLongestDelay);
}

Error too_late() { return {Errc::kStale, "an earlier change could not be stored"}; }

}  // namespace

// Where the engine's log ends: what a write that failed has left behind it is cut off.
struct RocksWriter::LogEnd {
  std::uint64_t number = 0;  // of the file; 0: not known
  std::uint64_t bytes = 0;
};

RocksWriter::~RocksWriter() {
  slot_->on_stopped({});
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// A group as the engine gets it.
struct RocksWriter::Merged {
  rocksdb::WriteBatch batch;
  bool sync = false;
  bool keeps = false;  // something goes to the journal file
  std::uint64_t kept_bytes = 0;
};

Result<> RocksWriter::start() {
  if (has_journal()) {
    TRY_VOID(catch_up());
    const Result<> made = renew_journal();
    if (!made && made.error().code() == Errc::kCorruption) return made;
    // A full disk: what is here can be read, and the first write tries again.
    if (!made) Log().error("the journal file is not up to date: {}", made.error().text());
  }
  slot_->on_stopped([this] {
    const std::lock_guard lock(mutex_);
    wake_.notify_one();
  });
  thread_ = std::thread([this] { run(); });
  return {};
}

void RocksWriter::push(std::uint32_t stream, Batch batch, Durability durability, Executor* executor,
                       std::move_only_function<void(Result<>)> done) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({stream, std::move(batch), durability, executor, std::move(done)});
  }
  wake_.notify_one();
}

void RocksWriter::recover(std::uint32_t stream) {
  const std::lock_guard lock(mutex_);
  failed_.erase(stream);
}

void RocksWriter::run() {
  std::vector<Pending> group;
  while (take_group(&group)) {
    if (group.empty()) {
      if (slot_->is_stopped()) (void)mend();
      continue;
    }
    const Result<> written = write(group);
    if (!written) {
      const std::lock_guard lock(mutex_);
      for (const Pending& pending : group) failed_.insert(pending.stream);
    }
    answer(group, written);
    group.clear();
  }
}

// Waits for commits; while the engine is stopped also for the time of the next try. False at the
// end, when everything was answered.
bool RocksWriter::take_group(std::vector<Pending>* group) {
  std::vector<Pending> late;
  {
    std::unique_lock lock(mutex_);
    const auto has_work = [this] { return closing_ || !queue_.empty(); };
    while (!has_work()) {
      if (!slot_->is_stopped()) {
        wake_.wait(lock);
      } else if (Clock::now() >= next_try_) {
        return true;
      } else {
        wake_.wait_until(lock, next_try_);
      }
    }
    if (queue_.empty()) return false;
    std::size_t bytes = 0;
    while (!queue_.empty() && bytes < kGroupBytes) {
      Pending pending = std::move(queue_.front());
      queue_.pop_front();
      if (failed_.contains(pending.stream)) {
        late.push_back(std::move(pending));
        continue;
      }
      bytes += pending.batch.bytes();
      group->push_back(std::move(pending));
    }
  }
  answer(late, fail(too_late()));
  return true;
}

void RocksWriter::answer(std::span<Pending> group, const Result<>& written) {
  std::set<std::uint32_t> told;
  for (Pending& pending : group) {
    // The first of a stream learns what happened, those behind it that they came too late.
    const bool first = told.insert(pending.stream).second;
    Result<> result = written || first ? written : fail(too_late());
    pending.executor->post([done = std::move(pending.done), result = std::move(result)]() mutable {
      done(std::move(result));
    });
  }
}

Result<RocksWriter::Merged> RocksWriter::merge(const Engine& engine,
                                               std::span<const Pending> group) const {
  Merged merged;
  for (const Pending& pending : group) {
    merged.sync = merged.sync || pending.durability == Durability::kSynced;
    for (const Batch::Op& op : pending.batch.ops()) {
      TRY_VOID(add(engine, {op.kind, op.family, op.key, op.value}, &merged.batch));
      merged.keeps = merged.keeps || op.kept;
      merged.kept_bytes += op.kept ? op.kept_bytes + kKeptOpBytes : 0;
    }
  }
  if (!has_journal()) {
    merged.keeps = false;
    return merged;
  }
  TRY_VOID(add_sequence(engine, sequence_ + 1, &merged.batch));
  return merged;
}

Result<> RocksWriter::add(const Engine& engine, const JournalFile::Op& op,
                          rocksdb::WriteBatch* batch) {
  rocksdb::ColumnFamilyHandle* const family = engine.family(op.family);
  const rocksdb::Slice key(op.key.data(), op.key.size());
  const rocksdb::Slice value(op.value.data(), op.value.size());
  rocksdb::Status added;
  switch (op.kind) {
    case Batch::Kind::kPut:
      added = batch->Put(family, key, value);
      break;
    case Batch::Kind::kErase:
      added = batch->Delete(family, key);
      break;
    case Batch::Kind::kEraseRange:
      added = batch->DeleteRange(family, key, value);
      break;
    case Batch::Kind::kKeep:
      break;
  }
  if (!added.ok()) return fail(to_error(added));
  return {};
}

Result<> RocksWriter::add_sequence(const Engine& engine, std::uint64_t sequence,
                                   rocksdb::WriteBatch* batch) {
  std::string number;
  Encoder(&number).number(sequence);
  return add(engine, {Batch::Kind::kPut, Family::kMeta, keys::sequence(), number}, batch);
}

Result<> RocksWriter::write(std::span<const Pending> group) {
  if (slot_->is_stopped()) TRY_VOID(mend());
  TRY_VOID(check_space());
  wait_for_memory();
  TRY(Merged merged, merge(*slot_->use(), group));
  if (merged.keeps) return write_kept(group, &merged);
  step("begun");
  TRY_VOID(write_to_engine(&merged.batch, merged.sync));
  ++sequence_;
  step("stored");
  return {};
}

// A whole group is safe once the journal file is synced, if all before it in the log is safe too.
// With the others the log is synced first, also when nobody waits for it: a journal file that is
// ahead with such a group means that the log was damaged.
Result<> RocksWriter::write_kept(std::span<const Pending> group, Merged* merged) {
  const std::uint64_t all_bytes = merged->batch.GetDataSize() + merged->kept_bytes;
  const bool small = all_bytes <= kMaxWholeBytes;
  // Room is made first: the store does not get what the journal file then cannot take.
  TRY_VOID(make_room(small ? all_bytes : merged->kept_bytes));
  step("begun");
  Result<> kept = append(group, small && unsynced_ != Unsynced::kAnything);
  const bool whole = kept && journal_->is_whole();
  if (whole) {
    kept = journal_->end(merged->sync);
    step("kept");
  }
  const Result<> stored =
      whole && kept ? write_whole_to_engine(&merged->batch) : write_to_engine(&merged->batch, true);
  if (!stored) {
    take_back();
    return stored;
  }
  ++sequence_;
  step("stored");
  if (kept && !whole) {
    kept = journal_->end(merged->sync);
    step("kept");
  }
  if (kept && !journal_->wants_renewal(options_.journal_file_bytes)) return {};
  // The store has the group: from here on there is no way back. A journal file that cannot be
  // written is made anew; if that fails too it is done before the next group, which fails
  // otherwise.
  if (!kept) {
    Log().error("unsent writes: {}: the journal file is made anew", kept.error().text());
    journal_.reset();
  }
  if (const Result<> renewed = renew_journal(); !renewed) {
    Log().error("unsent writes are in the store alone for now: {}", renewed.error().text());
  }
  return {};
}

// RocksDB takes what comes, however long its way to the disk: a slow one would cost all memory.
// It has a way of its own to wait, but out of that one neither a failure nor the end leads.
void RocksWriter::wait_for_memory() {
  const auto deadline = Clock::now() + kLongestDelay;
  while (slot_->is_behind() && !slot_->is_stopped() && Clock::now() < deadline) {
    std::this_thread::sleep_for(1ms);
  }
}

// Whole groups that the log alone lost are put back in their order, so what comes behind them must
// not be in it before they are safe there.
Result<> RocksWriter::write_to_engine(rocksdb::WriteBatch* batch, bool sync) {
  if (unsynced_ == Unsynced::kWholeGroups) TRY_VOID(sync_log());
  TRY_VOID(add_to_log(batch, sync));
  unsynced_ = sync ? Unsynced::kNothing : Unsynced::kAnything;
  return {};
}

Result<> RocksWriter::write_whole_to_engine(rocksdb::WriteBatch* batch) {
  TRY_VOID(add_to_log(batch, false));
  unsynced_ = Unsynced::kWholeGroups;
  return {};
}

Result<> RocksWriter::add_to_log(rocksdb::WriteBatch* batch, bool sync) {
  const EnginePtr engine = slot_->use();
  const LogEnd end = end_of_log(*engine);
  rocksdb::WriteOptions options;
  options.sync = sync;
  rocksdb::Status status = engine->db()->Write(options, batch);
  // RocksDB does not notice when the end of a log is missing and there is another behind it.
  const bool began_another = status.ok() && !sync && end_of_log(*engine).number != end.number;
  if (began_another) status = engine->db()->SyncWAL();
  if (!status.ok()) {
    cut_log(*engine, end);
    return failed_to_write(status);
  }
  if (Clock::now() >= keep_delay_until_) delay_ = {};
  return {};
}

Result<> RocksWriter::sync_log() {
  const rocksdb::Status synced = slot_->use()->db()->SyncWAL();
  if (!synced.ok()) return failed_to_write(synced);
  unsynced_ = Unsynced::kNothing;
  return {};
}

Result<> RocksWriter::failed_to_write(const rocksdb::Status& status) {
  by_write_ = true;
  postpone(damage_->error(status));
  slot_->stop();
  return fail(trouble_);
}

// A full disk is refused before RocksDB meets it: then it never stops in the middle of its own
// work, deletes and compaction still have room, and reads go on.
Result<> RocksWriter::check_space() {
  const auto now = Clock::now();
  if (now < space_good_until_) return {};
  struct statvfs disk{};
  if (statvfs(options_.directory.c_str(), &disk) != 0) return {};
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  if (free < options_.reserve_bytes) {
    return fail(Errc::kLimit,
                fmt::format("the disk of {} is full: {} MB are free and {} MB are kept in reserve",
                            options_.directory, free >> 20, options_.reserve_bytes >> 20));
  }
  space_good_until_ = now + 250ms;
  return {};
}

// Whether a file can be made, filled and brought to the disk: quotas and limits do not show
// elsewhere.
Result<> RocksWriter::probe() const {
  const std::string path = options_.directory + ".probe";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool good = file >= 0;
  const std::string block(64U << 10, '\x5a');
  for (std::size_t done = 0; good && done < kProbeBytes;) {
    const ssize_t wrote = ::write(file, block.data(), block.size());  // perhaps less at the end
    good = wrote > 0;
    done += good ? static_cast<std::size_t>(wrote) : 0;
  }
  good = good && ::fsync(file) == 0;
  const int why = errno;
  if (file >= 0) {
    ::close(file);
    ::unlink(path.c_str());
  }
  if (good) return {};
  return fail(Errc::kLimit,
              fmt::format("{} cannot be written: {}", options_.directory, std::strerror(why)));
}

// Has the engine take writes again, if the time has come to try it.
Result<> RocksWriter::mend() {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return fail(trouble_);
  }
  if (Clock::now() < next_try_) return fail(trouble_);
  const Result<> mended = try_to_mend();
  if (!mended) {
    if (delay_ == delay_.zero()) Log().error("{}", mended.error().text());
    postpone(mended.error());
    return fail(trouble_);
  }
  Log().info("{} can be written again", options_.directory);
  next_try_ = Clock::now() + kFirstDelay;
  if (!std::exchange(by_write_, false)) {
    // A failure in the background, which the next compaction may meet again: not in a tight circle.
    delay_ = longer(delay_);
    next_try_ = Clock::now() + delay_;
    keep_delay_until_ = Clock::now() + kRemembered;
  }
  return {};
}

void RocksWriter::postpone(const Error& error) {
  // Full or failing: for whoever wanted to write it is the same.
  const bool is_damage = error.code() == Errc::kCorruption;
  trouble_ = Error(is_damage ? Errc::kCorruption : Errc::kLimit, error.text());
  delay_ = longer(delay_);
  next_try_ = Clock::now() + delay_;
  space_good_until_ = {};
}

Result<> RocksWriter::try_to_mend() {
  if (const std::optional<Error> damage = slot_->damage()) return fail(*damage);
  TRY_VOID(check_space());
  TRY_VOID(probe());
  step("mending");
  TRY_VOID(slot_->reopen());
  if (!has_journal()) return {};
  Result<> caught_up = catch_up();
  if (!caught_up) slot_->stop();
  return caught_up;
}

RocksWriter::LogEnd RocksWriter::end_of_log(const Engine& engine) {
  std::unique_ptr<rocksdb::LogFile> file;
  if (!engine.db()->GetCurrentWalFile(&file).ok()) return {};
  return {file->LogNumber(), file->SizeFileBytes()};
}

// What was refused must not come back with the next start. RocksDB writes to a log that failed
// no more, so it can be cut below it. A log that was begun since then has nothing else.
void RocksWriter::cut_log(const Engine& engine, const LogEnd& end) const {
  const auto cut = [this](std::uint64_t number, std::uint64_t bytes) {
    const std::string path = fmt::format("{}/{:06}.log", options_.directory, number);
    struct stat facts{};
    if (::stat(path.c_str(), &facts) != 0 || std::cmp_less_equal(facts.st_size, bytes)) return;
    if (::truncate(path.c_str(), static_cast<off_t>(bytes)) == 0) return;
    Log().warning("cannot cut {}: {}", path, std::strerror(errno));
  };
  if (end.number == 0) return;
  cut(end.number, end.bytes);
  const LogEnd now = end_of_log(engine);
  if (now.number > end.number) cut(now.number, 0);
}

}  // namespace cache
