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
#include "cache/kept.h"
#include "cache/keys.h"

namespace cache {
namespace {

using namespace std::chrono_literals;

// A commit group stops growing here: what waits behind it gets its own fsync.
constexpr std::size_t kGroupBytes = 4U << 20;

// What an operation takes in the journal file beside its key and value.
constexpr std::uint64_t kKeptOpBytes = 16;

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

Result<> RocksWriter::start() {
  const Result<std::string> number = store_->get(Family::kMeta, keys::sequence());
  if (number) {
    Decoder in(*number);
    sequence_ = in.number<std::uint64_t>();
    TRY_VOID(in.finish("sequence"));
  } else if (number.error().code() != Errc::kNotFound) {
    return fail(number.error());
  }
  if (!options_.journal_file.empty()) {
    TRY_VOID(check_journal());
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

Result<> RocksWriter::check_journal() {
  TRY(const JournalFile::Facts facts,
      JournalFile::read(options_.journal_file, [](const JournalFile::Op&) { return Result<>(); }));
  if (facts.sequence > sequence_) {
    return fail(Errc::kCorruption,
                fmt::format("the log of {} lost its end: the journal file has {} more groups of "
                            "writes",
                            options_.directory, facts.sequence - sequence_));
  }
  if (facts.damaged_bytes > 0) {
    Log().error("{} was damaged ({} bytes) and is made anew: the cache is sound, nothing is lost",
                options_.journal_file, facts.damaged_bytes);
  }
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

Result<> RocksWriter::write(std::span<const Pending> group) {
  if (slot_->is_stopped()) TRY_VOID(mend());
  TRY_VOID(check_space());
  wait_for_memory();
  const EnginePtr engine = slot_->use();
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
          added = merged.Put(engine->family(op.family), op.key, op.value);
          break;
        case Batch::Kind::kErase:
          added = merged.Delete(engine->family(op.family), op.key);
          break;
        case Batch::Kind::kEraseRange:
          added = merged.DeleteRange(engine->family(op.family), op.key, op.value);
          break;
        case Batch::Kind::kKeep:
          break;
      }
      if (!added.ok()) return fail(to_error(added));
      keeps = keeps || op.kept;
      kept_bytes += op.kept ? op.kept_bytes + kKeptOpBytes : 0;
    }
  }
  keeps = keeps && !options_.journal_file.empty();
  if (keeps) {
    // Room is made first: the store does not get what the journal file then cannot take.
    TRY_VOID(make_room(kept_bytes));
    std::string number;
    Encoder(&number).number(sequence_ + 1);
    const rocksdb::Status added =
        merged.Put(engine->family(Family::kMeta), keys::sequence(), number);
    if (!added.ok()) return fail(to_error(added));
  }
  step("begun");
  TRY_VOID(write_to_engine(options, &merged));
  step("stored");
  if (keeps) {
    ++sequence_;
    keep(group, options.sync);
    step("kept");
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

Result<> RocksWriter::write_to_engine(const rocksdb::WriteOptions& options,
                                      rocksdb::WriteBatch* batch) {
  const EnginePtr engine = slot_->use();
  const LogEnd end = end_of_log(*engine);
  const rocksdb::Status status = engine->db()->Write(options, batch);
  if (status.ok()) {
    if (Clock::now() >= keep_delay_until_) delay_ = {};
    return {};
  }
  cut_log(*engine, end);
  by_write_ = true;
  postpone(damage_->error(status));
  slot_->stop();
  return fail(trouble_);
}

Result<> RocksWriter::make_room(std::uint64_t bytes) {
  if (!journal_) TRY_VOID(renew_journal());
  return journal_->reserve(bytes);
}

// The store has the group: from here on there is no way back. A journal file that cannot be
// written is made anew; if that fails too it is done before the next group, which fails
// otherwise.
void RocksWriter::keep(std::span<const Pending> group, bool sync) {
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

Result<> RocksWriter::append(std::span<const Pending> group, bool sync) {
  journal_->begin(sequence_);
  for (const Pending& pending : group) {
    for (const Batch::Op& op : pending.batch.ops()) {
      if (!op.kept) continue;
      if (op.kind != Batch::Kind::kKeep) {
        TRY_VOID(journal_->add({op.kind, op.family, op.key, op.value}));
        continue;
      }
      const std::unique_ptr<Cursor> cursor = store_->scan(op.family, op.key, op.value, true);
      for (; cursor->valid(); cursor->next()) {
        TRY_VOID(journal_->add({Batch::Kind::kPut, op.family, cursor->key(), cursor->value()}));
      }
      TRY_VOID(cursor->status());
    }
  }
  return journal_->end(sync);
}

Result<> RocksWriter::renew_journal() {
  const auto fill = [this](JournalFile* file) {
    return for_each_kept(store_,
                         [file](Family family, std::string_view key, std::string_view value) {
                           return file->add({Batch::Kind::kPut, family, key, value});
                         });
  };
  TRY(journal_, JournalFile::create(options_.journal_file, sequence_, fill, options_.at_step));
  return {};
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
  return slot_->reopen();
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
