// OutputQueue: bytes to be sent, as a list of strings. Internal to net/.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace net {

/// Joins small writes and takes big strings as they are, so that nothing large is copied.
class OutputQueue {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void append(std::string_view data);
  void append(std::string&& data);
  /// The first piece. REQUIRES: not empty.
  std::string_view front() const;
  /// Fills `pieces` with as many of the first pieces as fit; returns how many.
  std::size_t gather(std::span<iovec> pieces) const;
  /// Drops the first `bytes`.
  void pop(std::size_t bytes);
  void clear();

 private:
  std::vector<std::string> chunks_;  // [first_, end) are to be sent
  std::size_t first_ = 0;
  std::size_t offset_ = 0;  // of chunks_[first_], already popped
  std::size_t size_ = 0;
};

}  // namespace net
