// SlowLink: a simulated long and shaky line in front of a server of ours.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/result.h"
#include "base/task.h"
#include "base/task_group.h"
#include "net/connection.h"
#include "net/listener.h"
#include "net/loop.h"

namespace proxy {

/// Forwards connections from a port of its own to `to_port` on this machine. Every byte arrives
/// half a round trip later; now and then nothing passes for a while.
///
/// Thread:   the loop's.
/// Lifetime: stop() before it is destroyed.
class SlowLink {
 public:
  struct Options {
    std::uint16_t to_port = 0;
    std::chrono::milliseconds round_trip{150};
    std::chrono::milliseconds stall_every{9'000};  // 0: never
    std::chrono::milliseconds stall_for{700};
  };
  SlowLink(net::Loop* loop, Options options);
  ~SlowLink();

  Result<> start();
  Task<void> stop();
  std::uint16_t port() const;

  /// Drops every connection and refuses new ones, until restore().
  void cut();
  void restore() { is_cut_ = false; }

 private:
  struct Pipe;
  struct Line;

  Task<void> accept();
  Task<void> carry(net::Connection client);
  Task<void> read(Line* line, Pipe* pipe);
  Task<void> write(Line* line, Pipe* pipe);

  net::Loop* loop_;
  Options options_;
  std::unique_ptr<net::Listener> listener_;
  bool is_cut_ = false;
  std::vector<Line*> lines_;
  std::chrono::steady_clock::time_point started_;
  TaskGroup tasks_;
};

}  // namespace proxy
