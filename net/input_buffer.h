// InputBuffer: bytes received and not yet consumed. Internal to net/.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/check.h"

namespace net {

/// A string that is consumed from the front.
class InputBuffer {
 public:
  std::string_view view() const { return std::string_view(bytes_).substr(start_); }
  std::size_t size() const { return bytes_.size() - start_; }
  bool empty() const { return size() == 0; }

  void consume(std::size_t bytes) {
    CHECK(bytes <= size());
    start_ += bytes;
    if (!empty()) return;
    bytes_.clear();
    start_ = 0;
  }
  /// Where to append; drops what was consumed first.
  std::string* tail() {
    // Moving the rest costs less than it saves only when there is less of it than of what goes.
    if (start_ > 0 && start_ >= size()) {
      bytes_.erase(0, start_);
      start_ = 0;
    }
    return &bytes_;
  }
  /// Gives the memory back. What is left keeps no more than it needs.
  void shrink() {
    if (empty()) {
      bytes_ = std::string();
      start_ = 0;
    }
  }
  void clear() {
    bytes_ = std::string();
    start_ = 0;
  }

 private:
  std::string bytes_;
  std::size_t start_ = 0;
};

}  // namespace net
