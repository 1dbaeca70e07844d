// Poll: tells when a socket can be read or written. Internal to net/.
#pragma once

#include <functional>

#include "base/result.h"

struct uv_poll_s;

namespace net {

class Loop;

/// Watches one socket. All sockets of net/ work on readiness: bytes are read into and written from
/// memory of ours in one call, so no buffer is ever lent out across turns, and a socket can leave a
/// loop at any moment.
///
/// Thread:   the loop's.
/// Lifetime: destroyed before its socket is closed; its handle is freed in the close callback. A
///           callback may destroy it as its last action.
class Poll {
 public:
  static constexpr int kNothing = 0;
  static constexpr int kReadable = 1;
  static constexpr int kWritable = 2;
  /// Gets what the socket is ready for. An error on the socket counts as both: reading or writing
  /// then says what it is.
  using Callback = std::move_only_function<void(int ready)>;

  explicit Poll(Callback callback) : callback_(std::move(callback)) {}
  ~Poll() { close(); }
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  /// REQUIRES: `fd` is a socket; called once.
  Result<> open(Loop* loop, int fd);
  /// Says what to watch for from now on; nothing is watched at first. It stays on until changed.
  void want(int events);
  void close();

 private:
  Callback callback_;
  uv_poll_s* handle_ = nullptr;
  int wanted_ = kNothing;
};

}  // namespace net
