// RocksWriter's journal file: what goes into it, and what comes back from it.
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "cache/codec.h"
#include "cache/kept.h"
#include "cache/keys.h"
#include "cache/rocks_writer.h"

namespace cache {
namespace {

// Ranges of keys, united where they overlap.
class Ranges {
 public:
  void add(std::string_view from, std::string_view to) {
    auto at = by_from_.upper_bound(from);
    if (at != by_from_.begin() && std::prev(at)->second >= from) {
      --at;
      from = at->first;
      to = std::max(to, at->second);
    }
    while (at != by_from_.end() && at->first <= to) {
      to = std::max(to, at->second);
      at = by_from_.erase(at);
    }
    by_from_.emplace(from, to);
  }
  /// `to` is not in the range itself.
  bool touches(std::string_view from, std::string_view to) const {
    const auto behind = by_from_.lower_bound(to);
    return behind != by_from_.begin() && std::prev(behind)->second > from;
  }
  bool contains(std::string_view key) const {
    const auto behind = by_from_.upper_bound(key);
    return behind != by_from_.begin() && std::prev(behind)->second > key;
  }
  const std::map<std::string_view, std::string_view>& all() const { return by_from_; }

 private:
  std::map<std::string_view, std::string_view> by_from_;
};

}  // namespace

// What the log lost with the power, or when the disk failed, is put back from the journal file.
//
// All whole groups at its end are, also those before the last one that the store has: of two logs
// the first may have lost its end. Unless the store is ahead: then the log was synced behind them.
Result<> RocksWriter::catch_up() {
  sequence_ = 0;
  unsynced_ = Unsynced::kNothing;  // the engine has brought its log to its tables
  const Result<std::string> number = store_->get(Family::kMeta, keys::sequence());
  if (number) {
    Decoder in(*number);
    sequence_ = in.number<std::uint64_t>();
    TRY_VOID(in.finish("sequence"));
  } else if (number.error().code() != Errc::kNotFound) {
    return fail(number.error());
  }
  TRY(const JournalFile::Facts facts, JournalFile::look(options_.journal_file));
  if (facts.damaged_bytes > 0) {
    Log().error("{} was damaged ({} bytes) and is made anew: nothing is lost if the cache is sound",
                options_.journal_file, facts.damaged_bytes);
  }
  if (facts.sequence < sequence_) return {};
  if (facts.whole_from > sequence_ + 1) {
    return fail(Errc::kCorruption,
                fmt::format("the log of {} lost its end: the journal file has {} more groups of "
                            "writes",
                            options_.directory, facts.sequence - sequence_));
  }
  if (facts.whole_from > facts.sequence) return {};
  TRY_VOID(put_back(facts.whole_from - 1));
  if (facts.sequence > sequence_) {
    Log().info("{}: {} groups of writes that the log of the store had lost were put back",
               options_.directory, facts.sequence - sequence_);
  }
  sequence_ = facts.sequence;
  return {};
}

Result<> RocksWriter::put_back(std::uint64_t after) {
  const EnginePtr engine = slot_->use();
  rocksdb::WriteBatch batch;
  const auto take = [&](const JournalFile::Op& op) { return add(*engine, op, &batch); };
  TRY(const JournalFile::Facts facts, JournalFile::read(options_.journal_file, after, take));
  TRY_VOID(add_sequence(*engine, facts.sequence, &batch));
  rocksdb::WriteOptions options;
  options.sync = true;
  const rocksdb::Status written = engine->db()->Write(options, &batch);
  if (!written.ok()) return fail(to_error(written));
  return {};
}

Result<> RocksWriter::make_room(std::uint64_t bytes) {
  if (!journal_) TRY_VOID(renew_journal());
  return journal_->reserve(bytes);
}

// What the store has in the ranges that are to be kept goes first; all that the group does there
// comes behind it.
Result<> RocksWriter::append(std::span<const Pending> group, bool whole) {
  std::array<Ranges, kFamilies> ranges;
  const auto ranges_of = [&ranges](Family family) -> Ranges& {
    return ranges[static_cast<std::size_t>(family)];
  };
  for (const Pending& pending : group) {
    for (const Batch::Op& op : pending.batch.ops()) {
      if (op.kind == Batch::Kind::kKeep) ranges_of(op.family).add(op.key, op.value);
    }
  }
  journal_->begin(sequence_ + 1, whole);
  for (std::size_t i = 0; i < kFamilies; ++i) {
    const auto family = static_cast<Family>(i);
    for (const auto& [from, to] : ranges[i].all()) {
      const std::unique_ptr<Cursor> cursor =
          store_->scan(family, std::string(from), std::string(to), family == Family::kBody);
      for (; cursor->valid(); cursor->next()) {
        TRY_VOID(journal_->add({Batch::Kind::kPut, family, cursor->key(), cursor->value()}));
      }
      TRY_VOID(cursor->status());
    }
  }
  for (const Pending& pending : group) {
    for (const Batch::Op& op : pending.batch.ops()) {
      if (op.kind == Batch::Kind::kKeep) continue;
      const Ranges& kept_ranges = ranges_of(op.family);
      const bool kept =
          op.kept || (op.kind == Batch::Kind::kEraseRange ? kept_ranges.touches(op.key, op.value)
                                                          : kept_ranges.contains(op.key));
      if (!kept && !whole) continue;
      TRY_VOID(journal_->add({op.kind, op.family, op.key, op.value, kept}));
    }
  }
  return {};
}

// The group was refused: it must not come back with the next start.
void RocksWriter::take_back() {
  const Result<> dropped = journal_->drop();
  if (dropped) return;
  Log().error("unsent writes: {}: the journal file is made anew", dropped.error().text());
  journal_.reset();
}

Result<> RocksWriter::renew_journal() {
  // The new one has no groups from before, which the log may not have on the disk yet.
  TRY_VOID(sync_log());
  const auto fill = [this](JournalFile* file) {
    return for_each_kept(store_,
                         [file](Family family, std::string_view key, std::string_view value) {
                           return file->add({Batch::Kind::kPut, family, key, value});
                         });
  };
  TRY(journal_, JournalFile::create(options_.journal_file, sequence_, fill, options_.at_step));
  return {};
}

}  // namespace cache
