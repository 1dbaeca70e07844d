#include "config/file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace config {

std::string errno_text(int number) { return std::generic_category().message(number); }

Errc errno_code(int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return Errc::kNotFound;
    case EACCES:
    case EPERM:
      return Errc::kPermission;
    default:
      return Errc::kIo;
  }
}

namespace {

int poll_timeout(Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

}  // namespace

Result<std::string> read_all(int fd, std::size_t max_bytes, Deadline deadline) {
  std::string text;
  std::array<char, 16 * 1024> buffer{};
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got == 0) break;
    if (got > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(got));
      if (text.size() > max_bytes) {
        return fail(Errc::kLimit, fmt::format("more than {} bytes", max_bytes));
      }
    } else if (errno == EAGAIN) {
      pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
      const int ready = ::poll(&waiting, 1, poll_timeout(deadline));
      if (ready == 0) return fail(Errc::kTimeout, "no end in time");
      if (ready < 0 && errno != EINTR) return fail(Errc::kIo, errno_text(errno));
    } else if (errno != EINTR) {
      return fail(Errc::kIo, errno_text(errno));
    }
  }
  return text;
}

Result<OpenFile> OpenFile::open(const std::string& path) {
  // O_NONBLOCK: neither opening nor reading a pipe that nobody writes to may wait for ever.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(errno_code(errno), errno_text(errno));
  OpenFile file(fd, 0);
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail(Errc::kIo, errno_text(errno));
  if (S_ISDIR(status.st_mode)) return fail(Errc::kIo, errno_text(EISDIR));
  file.mode_ = status.st_mode;
  return file;
}

OpenFile::OpenFile(OpenFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), mode_(other.mode_) {}

OpenFile::~OpenFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::string> OpenFile::read_all(std::size_t max_bytes, Deadline deadline) const {
  return config::read_all(fd_, max_bytes, deadline);
}

}  // namespace config
