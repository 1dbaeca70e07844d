// PowerCut: what a folder may look like after the power was gone.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>

namespace support {

/// Notes how much of each file below a folder was synced. The rest of it, the power may take: in
/// whole or in part, and what it leaves of that may have holes of zeros, as pages go to the disk in
/// any order. Names of files are as safe as can be: made, renamed and removed at once.
///
/// Thread: copy_to() any, one at a time. One object at a time.
class PowerCut {
 public:
  explicit PowerCut(std::filesystem::path folder);
  ~PowerCut();
  PowerCut(const PowerCut&) = delete;
  PowerCut& operator=(const PowerCut&) = delete;

  /// Makes `copy` what the disk has after a cut at this moment; waits for one in which nobody works
  /// on the folder, as a copy takes its time and a cut does not.
  void copy_to(const std::filesystem::path& copy, std::mt19937* chance);

 private:
  using Synced = std::map<ino_t, std::uint64_t>;  // bytes
  Synced synced() const;

  const std::filesystem::path folder_;
  mutable std::mutex mutex_;
  Synced synced_;
};

}  // namespace support
