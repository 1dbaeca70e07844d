// CommandReader: commands off a connection, literals decided one by one.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <variant>

#include "base/log.h"
#include "base/result.h"
#include "base/task.h"
#include "net/connection.h"
#include "protocol/imap/command_decoder.h"
#include "protocol/imap/framer.h"

namespace proxy {

/// A command that cannot be run: to be answered BAD, or as whoever refused its literal says.
struct RejectedCommand {
  std::string tag;  // empty: untagged BAD
  std::string text;
  bool unknown = false;  // no command of that name
};
/// The message of an APPEND is about to come. Call accept_append() and read_append(), or
/// refuse_append(); then next() again.
struct PendingAppend {
  imap::AppendStart start;
  std::uint64_t size_bytes = 0;
};
using Incoming = std::variant<imap::TaggedCommand, RejectedCommand, PendingAppend>;

/// Thread:   the connection's loop.
/// Lifetime: borrows the connection.
class CommandReader {
 public:
  CommandReader(net::Connection* connection, std::size_t max_line_bytes);

  /// UTF8=ACCEPT was enabled.
  void set_utf8(bool on) { options_.utf8 = on; }
  /// Traces what comes in, if it is switched on: the client's secrets left out.
  void set_trace(std::function<void(std::string_view)> trace) { trace_ = std::move(trace); }

  /// Waits for the next command. What was written to the connection is on its way meanwhile.
  /// Errors: kClosed, kTimeout (nothing came for `deadline`), kIo, kCancelled; kProtocol: the
  ///         stream is out of step, close it.
  Task<Result<Incoming>> next(std::chrono::milliseconds deadline, std::stop_token stop);

  /// Lets the client send the message.
  void accept_append();
  /// Waits for the next bytes of the message and gives them to `sink`; true when all were read.
  Task<Result<bool>> read_append(std::string* into, std::chrono::milliseconds deadline,
                                 std::stop_token stop);
  /// Drops the whole command; next() will return it as rejected.
  void refuse_append(std::string reason);

  /// Waits for one plain line, as AUTHENTICATE and IDLE use them; without its CRLF.
  Task<Result<std::string>> next_line(std::chrono::milliseconds deadline, std::stop_token stop);

 private:
  net::Connection* connection_;
  imap::Framer framer_;
  imap::CommandOptions options_;
  std::size_t max_line_bytes_;
  std::uint64_t append_left_ = 0;
  std::function<void(std::string_view)> trace_;
};

}  // namespace proxy
