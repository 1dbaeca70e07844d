#include "net/output_queue.h"

#include <utility>

#include "base/check.h"

namespace net {

namespace {
constexpr std::size_t kJoined = 16384;  // a chunk that writes are joined in grows up to this
constexpr std::size_t kBig = 4096;      // from here on, taking a string beats copying it
}  // namespace

void OutputQueue::append(std::string_view data) {
  if (data.empty()) return;
  size_ += data.size();
  if (first_ < chunks_.size() && chunks_.back().size() + data.size() <= kJoined) {
    chunks_.back().append(data);
  } else {
    chunks_.emplace_back(data);
  }
}

void OutputQueue::append(std::string&& data) {
  if (data.size() < kBig) {
    append(std::string_view(data));
    return;
  }
  size_ += data.size();
  chunks_.push_back(std::move(data));
}

std::string_view OutputQueue::front() const {
  return std::string_view(chunks_[first_]).substr(offset_);
}

std::size_t OutputQueue::gather(std::span<iovec> pieces) const {
  std::size_t count = 0;
  for (std::size_t i = first_; i < chunks_.size() && count < pieces.size(); ++i) {
    const std::size_t skip = i == first_ ? offset_ : 0;
    pieces[count].iov_base = const_cast<char*>(chunks_[i].data() + skip);
    pieces[count].iov_len = chunks_[i].size() - skip;
    ++count;
  }
  return count;
}

void OutputQueue::pop(std::size_t bytes) {
  CHECK(bytes <= size_);
  size_ -= bytes;
  if (size_ == 0) {
    clear();
    return;
  }
  while (bytes > 0) {
    const std::size_t left = chunks_[first_].size() - offset_;
    if (bytes < left) {
      offset_ += bytes;
      break;
    }
    bytes -= left;
    chunks_[first_] = std::string();
    ++first_;
    offset_ = 0;
  }
  // A queue that never runs empty still gives its slots back, now and then.
  if (first_ >= 64 && first_ * 2 >= chunks_.size()) {
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void OutputQueue::clear() {
  chunks_ = {};
  first_ = offset_ = size_ = 0;
}

}  // namespace net
