#include "tests/support/disk_calls.h"

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>

namespace support {
namespace {

using Watcher = std::function<bool(DiskCall call, int file)>;

std::atomic<bool> is_watched = false;
std::mutex mutex;
std::shared_ptr<const Watcher> watcher;  // under mutex

bool allowed(DiskCall call, int file) {
  if (!is_watched) return true;
  std::unique_lock lock(mutex);
  const std::shared_ptr<const Watcher> asked = watcher;
  lock.unlock();
  if (!asked || (*asked)(call, file)) return true;
  errno = EIO;
  return false;
}

}  // namespace

extern "C" {
ssize_t write(int file, const void* bytes, size_t size) {
  if (!allowed(DiskCall::kWrite, file)) return -1;
  return ::syscall(SYS_write, file, bytes, size);
}
ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  if (!allowed(DiskCall::kWrite, file)) return -1;
  return ::syscall(SYS_pwrite64, file, bytes, size, offset);
}
int fsync(int file) {
  if (!allowed(DiskCall::kSync, file)) return -1;
  return static_cast<int>(::syscall(SYS_fsync, file));
}
int fdatasync(int file) {
  if (!allowed(DiskCall::kSync, file)) return -1;
  return static_cast<int>(::syscall(SYS_fdatasync, file));
}
}

std::string path_of(int file) {
  std::array<char, 4'096> name{};
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t length = ::readlink(link.c_str(), name.data(), name.size());
  return length > 0 ? std::string(name.data(), static_cast<std::size_t>(length)) : std::string();
}

void watch_disk_calls(std::function<bool(DiskCall call, int file)> allow) {
  const std::lock_guard lock(mutex);
  is_watched = static_cast<bool>(allow);
  watcher = allow ? std::make_shared<const Watcher>(std::move(allow)) : nullptr;
}

}  // namespace support
