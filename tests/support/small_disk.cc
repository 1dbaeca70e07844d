#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/check.h"

namespace support {
namespace {

void limit_files(rlim_t bytes) {
  struct rlimit limit{};
  CHECK(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
  limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
  CHECK(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

// The folder whose files cannot be written, or synced. Changed only while neither is on.
std::string broken_folder;
std::atomic<bool> writes_fail = false;
std::atomic<bool> syncs_fail = false;

bool is_there(int file) {
  std::array<char, 4'096> name{};
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t length = ::readlink(link.c_str(), name.data(), name.size());
  return length > 0 &&
         std::string_view(name.data(), static_cast<std::size_t>(length)).starts_with(broken_folder);
}

bool fails(const std::atomic<bool>& which, int file) {
  if (!which || !is_there(file)) return false;
  errno = EIO;
  return true;
}

}  // namespace

extern "C" {
ssize_t write(int file, const void* bytes, size_t size) {
  if (fails(writes_fail, file)) return -1;
  return ::syscall(SYS_write, file, bytes, size);
}
ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  if (fails(writes_fail, file)) return -1;
  return ::syscall(SYS_pwrite64, file, bytes, size, offset);
}
int fsync(int file) {
  if (fails(syncs_fail, file)) return -1;
  return static_cast<int>(::syscall(SYS_fsync, file));
}
int fdatasync(int file) {
  if (fails(syncs_fail, file)) return -1;
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}
}

std::string name_of(DiskTrouble trouble) {
  static constexpr std::array kNames = {"DiskFull", "FileLimit", "WriteError", "SyncError"};
  return kNames.at(static_cast<std::size_t>(trouble));
}

SmallDisk::SmallDisk(DiskTrouble trouble, std::uint64_t bytes)
    : trouble_(trouble), path_(dir_.path()) {
  broken_folder = path_.string();
  (void)std::signal(SIGXFSZ, SIG_IGN);
  if (trouble != DiskTrouble::kFull) return;
  const std::string options = "size=" + std::to_string(bytes);
  mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

SmallDisk::~SmallDisk() {
  end();
  if (mounted_) (void)::umount2(path_.c_str(), MNT_DETACH);
}

void SmallDisk::begin() {
  if (trouble_ == DiskTrouble::kWriteError) return writes_fail.store(true);
  if (trouble_ == DiskTrouble::kSyncError) return syncs_fail.store(true);
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
  if (trouble_ == DiskTrouble::kWriteError) return writes_fail.store(false);
  if (trouble_ == DiskTrouble::kSyncError) return syncs_fail.store(false);
  if (!mounted_) return limit_files(RLIM_INFINITY);
  (void)::unlink((path_ / "filler").c_str());
}

}  // namespace support
