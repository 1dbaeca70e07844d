#include "tests/support/power_cut.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "tests/support/disk_calls.h"

namespace support {
namespace {

constexpr std::uint64_t kPage = 4'096;

struct File {
  ino_t inode = 0;
  std::string bytes;
  bool operator==(const File&) const = default;
};
// By the path below the folder.
using Files = std::map<std::filesystem::path, File>;

Files read_all(const std::filesystem::path& folder) {
  Files files;
  std::error_code gone;  // somebody removes it meanwhile
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, gone)) {
    struct stat facts{};
    if (::stat(entry.path().c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    files[entry.path().lexically_relative(folder)] = {facts.st_ino, std::move(bytes).str()};
  }
  return files;
}

// What is left of a file of which the first `synced` bytes are safe.
void cut(std::string* bytes, std::uint64_t synced, std::mt19937* chance) {
  if (bytes->size() <= synced) return;
  bytes->resize(synced + (*chance)() % (bytes->size() - synced + 1));
  for (std::uint64_t page = synced / kPage * kPage; page < bytes->size(); page += kPage) {
    if ((*chance)() % 4 != 0) continue;
    const std::uint64_t begin = std::max(page, synced);
    const std::uint64_t end = std::min<std::uint64_t>(page + kPage, bytes->size());
    std::fill_n(bytes->begin() + static_cast<std::ptrdiff_t>(begin), end - begin, '\0');
  }
}

}  // namespace

PowerCut::PowerCut(std::filesystem::path folder) : folder_(std::move(folder)) {
  watch_disk_calls([this](DiskCall call, int file) {
    struct stat facts{};
    if (!path_of(file).starts_with(folder_.string()) || ::fstat(file, &facts) != 0) return true;
    // A file that is written for the first time may have the number of one that was removed.
    if (call == DiskCall::kWrite && facts.st_size > 0) return true;
    const std::lock_guard lock(mutex_);
    synced_[facts.st_ino] = static_cast<std::uint64_t>(facts.st_size);
    return true;
  });
}

PowerCut::~PowerCut() { watch_disk_calls({}); }

PowerCut::Synced PowerCut::synced() const {
  const std::lock_guard lock(mutex_);
  return synced_;
}

void PowerCut::copy_to(const std::filesystem::path& copy, std::mt19937* chance) {
  Files files;
  Synced safe;
  for (bool still = false; !still;) {
    safe = synced();
    files = read_all(folder_);
    still = files == read_all(folder_) && safe == synced();
  }
  for (auto& [name, file] : files) {
    const auto found = safe.find(file.inode);
    cut(&file.bytes, found == safe.end() ? 0 : found->second, chance);
    std::filesystem::create_directories((copy / name).parent_path());
    std::ofstream(copy / name, std::ios::binary) << file.bytes;
  }
}

}  // namespace support
