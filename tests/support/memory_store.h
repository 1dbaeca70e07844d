// MemoryStore: a Store in memory for unit tests, which can be made to fail and to crash.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "cache/store.h"

namespace support {

/// What a disk holds: it outlives the MemoryStore that writes it, as a disk does a process.
struct MemoryDisk {
  using Families = std::array<std::map<std::string, std::string, std::less<>>, cache::kFamilies>;
  Families families;
  Families kept;  // the journal file (cache/kept.h)
};

/// An ordered map per family, with the rules of cache::Store: commits in order, and after a failure
/// none of the same stream until recover().
///
/// Thread: one; `done` is posted to the executor.
class MemoryStore final : public cache::Store {
 public:
  explicit MemoryStore(MemoryDisk* disk) : disk_(disk) {}

  // ---- What tests can do to it ----
  /// From now on commits fail with `code`, until healed().
  void fail_commits(Errc code) { failure_ = code; }
  /// Fails after this many more commits that work.
  void fail_after(std::size_t commits, Errc code) {
    fail_after_ = commits;
    failing_code_ = code;
  }
  void heal() {
    failure_.reset();
    fail_after_.reset();
  }
  /// The process ends after this many more commits: the disk changes no more, and nobody is told.
  void crash_after(std::size_t commits) { crash_after_ = commits; }
  bool has_crashed() const { return crashed_; }
  /// A power cut: what was not synced is lost. `keep`: how many of the ordered commits since the
  /// last synced one survive all the same. Call it when the account is gone.
  void lose_power(std::size_t keep = 0) {
    MemoryDisk state = synced_;
    for (std::size_t i = 0; i < keep && i < unsynced_.size(); ++i) apply(unsynced_[i], &state);
    *disk_ = std::move(state);
    unsynced_.clear();
  }
  /// Holds back the answers of commits until release(): the disk is slow.
  void hold() { held_ = true; }
  void release() {
    held_ = false;
    while (!waiting_.empty()) {
      auto next = std::move(waiting_.front());
      waiting_.pop_front();
      next();
    }
  }
  std::size_t commits() const { return commits_; }
  std::size_t count(cache::Family family) const { return family_of(family).size(); }
  const auto& family(cache::Family family) const { return family_of(family); }

  // ---- cache::Store ----
  Result<std::string> get(cache::Family family, std::string_view key) override {
    const auto found = family_of(family).find(key);
    if (found == family_of(family).end()) return fail(Errc::kNotFound, "not in the store");
    return found->second;
  }
  Result<std::unique_ptr<cache::Pinned>> get_pinned(cache::Family family,
                                                    std::string_view key) override {
    TRY(std::string value, get(family, key));
    return std::make_unique<Held>(std::move(value));
  }
  Result<std::vector<std::optional<std::string>>> multi_get(
      cache::Family family, std::span<const std::string> keys) override {
    std::vector<std::optional<std::string>> values;
    for (const std::string& key : keys) {
      Result<std::string> value = get(family, key);
      values.emplace_back(value ? std::optional(std::move(*value)) : std::nullopt);
    }
    return values;
  }
  std::unique_ptr<cache::Cursor> scan(cache::Family family, std::string from, std::string to,
                                      bool) override {
    return std::make_unique<Walk>(&family_of(family), from, std::move(to));
  }

  void commit(std::uint32_t stream, cache::Batch batch, cache::Durability durability,
              Executor* executor, std::move_only_function<void(Result<>)> done) override {
    auto work = [this, stream, batch = std::move(batch), durability, executor,
                 done = std::move(done)]() mutable {
      Result<> result = run(stream, batch, durability);
      executor->post([done = std::move(done), result = std::move(result)]() mutable {
        done(std::move(result));
      });
    };
    if (held_) {
      waiting_.push_back(std::move(work));
    } else {
      work();
    }
  }
  void recover(std::uint32_t stream) override { failed_.erase(stream); }

  Stats stats() override { return {}; }
  Result<> compact() override { return {}; }
  Result<> verify(const std::function<void(double)>& progress) override {
    progress(1.0);
    return {};
  }

 private:
  using Map = std::map<std::string, std::string, std::less<>>;

  class Held final : public cache::Pinned {
   public:
    explicit Held(std::string value) : value_(std::move(value)) {}
    std::string_view view() const override { return value_; }

   private:
    std::string value_;
  };

  // A snapshot: changes made while it walks are not seen.
  class Walk final : public cache::Cursor {
   public:
    Walk(const Map* map, std::string_view from, std::string to) {
      for (auto at = map->lower_bound(from); at != map->end() && at->first < to; ++at) {
        rows_.emplace_back(*at);
      }
    }
    bool valid() const override { return at_ < rows_.size(); }
    void next() override { ++at_; }
    void seek(std::string_view key) override {
      at_ = 0;
      while (valid() && rows_[at_].first < key) ++at_;
    }
    std::string_view key() const override { return rows_[at_].first; }
    std::string_view value() const override { return rows_[at_].second; }
    Result<> status() const override { return {}; }

   private:
    std::vector<std::pair<std::string, std::string>> rows_;
    std::size_t at_ = 0;
  };

  Map& family_of(cache::Family family) { return disk_->families[static_cast<std::size_t>(family)]; }
  const Map& family_of(cache::Family family) const {
    return disk_->families[static_cast<std::size_t>(family)];
  }

  Result<> run(std::uint32_t stream, const cache::Batch& batch, cache::Durability durability) {
    if (crash_after_ && *crash_after_ == 0) crashed_ = true;
    // Nobody hears of it: but coroutines must end, so they hear of a failure.
    if (crashed_) return fail(Errc::kIo, "crashed");
    if (failed_.contains(stream)) return fail(Errc::kStale, "an earlier commit failed");
    if (fail_after_ && *fail_after_ == 0) failure_ = failing_code_;
    if (failure_) {
      failed_.insert(stream);
      return fail(*failure_, "the disk is full");
    }
    if (crash_after_) --*crash_after_;
    if (fail_after_) --*fail_after_;
    ++commits_;
    apply(batch, disk_);
    if (durability == cache::Durability::kSynced) {
      for (const cache::Batch& earlier : unsynced_) apply(earlier, &synced_);
      unsynced_.clear();
      apply(batch, &synced_);
    } else {
      unsynced_.push_back(batch);
    }
    return {};
  }

  static void apply(const cache::Batch& batch, MemoryDisk* disk) {
    for (const cache::Batch::Op& op : batch.ops()) apply(op, &disk->families);
    for (const cache::Batch::Op& op : batch.ops()) {
      if (op.kind == cache::Batch::Kind::kKeep) {
        const Map& from = disk->families[static_cast<std::size_t>(op.family)];
        for (auto at = from.lower_bound(op.key); at != from.end() && at->first < op.value; ++at) {
          disk->kept[static_cast<std::size_t>(op.family)][at->first] = at->second;
        }
      } else if (op.kept) {
        apply(op, &disk->kept);
      }
    }
  }
  static void apply(const cache::Batch::Op& op, MemoryDisk::Families* families) {
    Map& map = (*families)[static_cast<std::size_t>(op.family)];
    switch (op.kind) {
      case cache::Batch::Kind::kPut:
        map[op.key] = op.value;
        break;
      case cache::Batch::Kind::kErase:
        map.erase(op.key);
        break;
      case cache::Batch::Kind::kEraseRange:
        map.erase(map.lower_bound(op.key), map.lower_bound(op.value));
        break;
      case cache::Batch::Kind::kKeep:
        break;
    }
  }

  MemoryDisk* disk_;
  MemoryDisk synced_ = *disk_;
  std::vector<cache::Batch> unsynced_;
  std::set<std::uint32_t> failed_;
  std::optional<Errc> failure_;
  std::optional<std::size_t> fail_after_;
  Errc failing_code_ = Errc::kLimit;
  std::optional<std::size_t> crash_after_;
  bool crashed_ = false;
  bool held_ = false;
  std::deque<std::move_only_function<void()>> waiting_;
  std::size_t commits_ = 0;
};

}  // namespace support
