// OpenFile: reads a small file, whole and bounded.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string>

#include "base/result.h"

namespace config {

/// "No such file or directory". Thread: any.
std::string errno_text(int number);
/// kNotFound, kPermission or kIo.
Errc errno_code(int number);

using Deadline = std::chrono::steady_clock::time_point;

/// Reads `fd`, which must not block, to its end.
/// Errors: kLimit when there is more than `max_bytes`; kTimeout; kIo.
Result<std::string> read_all(int fd, std::size_t max_bytes, Deadline deadline);

/// A file that is open for reading; closed at the end.
class OpenFile {
 public:
  static Result<OpenFile> open(const std::string& path);
  OpenFile(OpenFile&& other) noexcept;
  OpenFile& operator=(OpenFile&&) = delete;
  ~OpenFile();

  mode_t mode() const { return mode_; }
  Result<std::string> read_all(std::size_t max_bytes, Deadline deadline) const;

 private:
  OpenFile(int fd, mode_t mode) : fd_(fd), mode_(mode) {}
  int fd_;
  mode_t mode_;
};

}  // namespace config
