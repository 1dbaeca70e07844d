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

/// Written by the store's writer thread behind each commit that has something to keep, with that
/// commit's sequence number; made anew from the store when most of it is out of date.
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
  void begin(std::uint64_t sequence);
  Result<> add(const Op& op);
  Result<> end(bool sync);
  /// Whether most of it may be out of date.
  bool wants_renewal() const;

  struct Facts {
    bool exists = false;
    std::uint64_t sequence = 0;  // of the last whole group
    std::uint64_t records = 0;
    std::uint64_t damaged_bytes = 0;  // before the last good record: not what a crash leaves
  };
  /// Reads what is whole, in order. Of a group that was cut off at the end nothing is told.
  /// Errors: kStale: written by another version.
  static Result<Facts> read(const std::string& path,
                            const std::function<Result<>(const Op& op)>& each);

 private:
  JournalFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
  Result<> write_record(bool is_last);
  Error failed(std::string_view what) const;

  std::string path_;
  int file_;
  std::uint64_t size_ = 0;
  std::uint64_t reserved_ = 0;    // the disk has room up to here
  std::uint64_t first_size_ = 0;  // when it was made
  std::uint64_t sequence_ = 0;
  std::string record_;
};

/// CRC-32C (Castagnoli).
std::uint32_t crc32c(std::string_view bytes);

}  // namespace cache
