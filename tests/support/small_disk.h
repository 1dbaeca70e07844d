// SmallDisk: a folder on a disk that a test can fill up, or break.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "tests/support/temp_dir.h"

namespace support {

/// How writing to a disk fails.
enum class DiskTrouble : std::uint8_t {
  kFull,        // ENOSPC
  kFileLimit,   // EFBIG: this process may make no file longer than a byte
  kWriteError,  // EIO from every write
  kSyncError,   // EIO from every sync of a file: what was written may be there or not
};
std::string name_of(DiskTrouble trouble);

/// kFull mounts a file system in memory, for which one has to be root; where that is refused the
/// file limit takes its place. SIGXFSZ is ignored from the first one on. EIO comes from
/// tests/support/disk_calls.h.
///
/// Thread: one that begins and ends the trouble; it is about the whole process.
class SmallDisk {
 public:
  SmallDisk(DiskTrouble trouble, std::uint64_t bytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  /// From now on nothing can be written, but for what files have in reserve.
  void begin();
  void end();

 private:
  bool is_broken() const;

  DiskTrouble trouble_;
  TempDir dir_;
  std::filesystem::path path_;
  bool mounted_ = false;
};

}  // namespace support
