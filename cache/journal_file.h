// JournalFile: what is kept apart from the store (cache/kept.h), on the disk: an append-only file
// of checksummed records. Byte diagrams: docs/storage.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cache/store.h"

namespace cache {

/// Written by the store's writer thread with each commit group that has something to keep, under
/// that group's sequence number; made anew from the store when most of it is out of date. A group
/// can be *whole*: then all that the store gets is here too, and the store can be brought up to
/// date from it.
///
/// Thread: one.
/// Errors: kLimit (disk full), kIo.
class JournalFile {
 public:
  struct Op {
    Batch::Kind kind;
    Family family;
    std::string_view key;
    std::string_view value;
    bool kept = true;  // else it is here because its group is whole, and no store is made of it
  };

  /// Makes the file at `path` anew, replacing what is there only when all is on the disk. `fill`
  /// calls add() for what it begins with, as the group `sequence`.
  static Result<std::unique_ptr<JournalFile>> create(
      std::string path, std::uint64_t sequence,
      const std::function<Result<>(JournalFile* file)>& fill, const StepHook& at_step);
  ~JournalFile();

  /// Makes sure that the next `bytes` find room on the disk.
  Result<> reserve(std::uint64_t bytes);
  /// Begins the group `sequence`; add() what belongs to it; end() makes it count, all or nothing.
  void begin(std::uint64_t sequence, bool is_whole = false);
  Result<> add(const Op& op);
  Result<> end(bool sync);
  /// A group that turned out to be too long for that is not.
  bool is_whole() const { return is_whole_; }
  /// Takes back the group that was begun last, also when it was ended.
  Result<> drop();
  /// Whether most of it may be out of date; not while it is shorter than `least`.
  bool wants_renewal(std::uint64_t least) const;

  struct Facts {
    bool exists = false;
    std::uint64_t sequence = 0;  // of the last group
    /// From this group on all are here, one after the other, and whole; sequence + 1: none is.
    std::uint64_t whole_from = 1;
    std::uint64_t records = 0;
    std::uint64_t damaged_bytes = 0;  // before the last good record: not what a crash leaves
  };
  /// Reads the groups behind `after`, in order. Of one that was cut off at the end nothing is told.
  /// Errors: kStale: written by another version.
  static Result<Facts> read(const std::string& path, std::uint64_t after,
                            const std::function<Result<>(const Op& op)>& each);
  static Result<Facts> look(const std::string& path) { return read(path, UINT64_MAX, {}); }

 private:
  JournalFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
  Result<> write_record(bool is_last);
  Error failed(std::string_view what) const;

  std::string path_;
  int file_;
  std::uint64_t size_ = 0;
  std::uint64_t reserved_ = 0;    // the disk has room up to here
  std::uint64_t first_size_ = 0;  // when it was made
  std::uint64_t group_at_ = 0;    // where the group begins
  std::uint64_t sequence_ = 0;
  bool is_whole_ = false;
  std::string record_;
};

/// CRC-32C (Castagnoli).
std::uint32_t crc32c(std::string_view bytes);

}  // namespace cache
