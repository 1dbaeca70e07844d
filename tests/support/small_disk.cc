#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

#include "base/check.h"
#include "tests/support/disk_calls.h"

namespace support {
namespace {

void limit_files(rlim_t bytes) {
  struct rlimit limit{};
  CHECK(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
  CHECK(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

}  // namespace

std::string name_of(DiskTrouble trouble) {
  static constexpr std::array kNames = {"DiskFull", "FileLimit", "WriteError", "SyncError"};
  return kNames.at(static_cast<std::size_t>(trouble));
}

SmallDisk::SmallDisk(DiskTrouble trouble, std::uint64_t bytes)
    : trouble_(trouble), path_(dir_.path()) {
  (void)std::signal(SIGXFSZ, SIG_IGN);
  if (trouble != DiskTrouble::kFull) return;
  const std::string options = "size=" + std::to_string(bytes);
  mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

SmallDisk::~SmallDisk() {
  end();
  if (mounted_) (void)::umount2(path_.c_str(), MNT_DETACH);
}

bool SmallDisk::is_broken() const {
  return trouble_ == DiskTrouble::kWriteError || trouble_ == DiskTrouble::kSyncError;
}

void SmallDisk::begin() {
  if (is_broken()) {
    const DiskCall broken =
        trouble_ == DiskTrouble::kWriteError ? DiskCall::kWrite : DiskCall::kSync;
    return watch_disk_calls([broken, folder = path_.string()](DiskCall call, int file) {
      return call != broken || !path_of(file).starts_with(folder);
    });
  }
  if (!mounted_) return limit_files(1);
  const std::filesystem::path filler = path_ / "filler";
  const int file = ::open(filler.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  CHECK(file >= 0);
  const std::string block(4'096, 'f');
  while (::write(file, block.data(), block.size()) > 0) {
  }
  ::close(file);
}

void SmallDisk::end() {
  if (is_broken()) return watch_disk_calls({});
  if (!mounted_) return limit_files(RLIM_INFINITY);
  (void)::unlink((path_ / "filler").c_str());
}

}  // namespace support
