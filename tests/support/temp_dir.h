// TempDir: a folder of a test's own, gone when the test ends.
#pragma once

#include <filesystem>
#include <string_view>

namespace support {

/// Creates an empty folder (mode 0700) below $TMPDIR or /tmp and removes it with all it holds.
///
/// Thread:   any; owned by one.
/// Lifetime: when WAYSTATION_KEEP_TEMP is set in the environment the folder is left for a look.
class TempDir {
 public:
  explicit TempDir(std::string_view prefix = "waystation-test");
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace support
