// Connection::Impl: a Transport on a loop. Internal to net/.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/connection.h"
#include "net/poll.h"
#include "net/transport.h"
#include "net/wait.h"

namespace net {

/// Every coroutine here holds the Impl, so the Connection itself may go or move meanwhile.
class Connection::Impl : public std::enable_shared_from_this<Impl> {
 public:
  using Self = std::shared_ptr<Impl>;

  static Result<Self> create(Loop* loop, std::unique_ptr<Transport> transport);
  Impl(Loop* loop, std::unique_ptr<Transport> transport);

  bool usable() const { return open_ && !closing_; }
  /// Sees to it that what was queued is sent.
  void written();
  void abort();

  static Task<Result<>> fill(Self self, Milliseconds deadline, std::stop_token stop);
  /// Waits until at most `at_most` bytes are queued: `stall` is how long the peer may take nothing,
  /// `deadline` the end of it all.
  static Task<Result<>> drain(Self self, std::size_t at_most, Milliseconds stall, Deadline deadline,
                              std::stop_token stop);
  static Task<Result<>> start_tls(Self self, Result<std::unique_ptr<TlsLayer>> layer,
                                  Milliseconds limit, std::stop_token stop);
  Result<> start_compression();
  static Task<void> close(Self self, Milliseconds limit);
  static Task<Result<Handover>> release(Self self, Milliseconds stall, std::stop_token stop);

  Loop* const loop;
  std::unique_ptr<Transport> transport;  // never null

 private:
  void on_ready(int ready);
  void push();
  void watch(bool input);
  std::unique_ptr<Transport> detach();
  void receive();     // reads once; failing sets input_error_
  void decompress();  // the same for what is read already
  static Task<Result<>> wait_input(Self self, Deadline deadline, std::stop_token stop);
  static Task<Result<>> handshake(Self self, Deadline deadline, std::stop_token stop);
  static Task<void> linger(Self self, Deadline deadline);

  Poll poll_;
  WaitList input_waits_;
  WaitList output_waits_;
  std::optional<Error> input_error_;   // receiving has failed for good
  std::optional<Error> output_error_;  // sending has failed for good
  bool open_ = true;
  bool closing_ = false;
  bool watches_input_ = false;
  bool blocked_ = false;    // the kernel takes no more until the socket is writable
  bool scheduled_ = false;  // a push at the turn's end is on its way
};

}  // namespace net
