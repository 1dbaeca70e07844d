// RawImap: a small blocking IMAP client for tests, which looks at both ends of Waystation. It
// shares nothing with protocol/, so a fault there cannot hide here.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace support {

/// What came back for one command.
struct Reply {
  std::vector<std::string> untagged;  // lines without "* " and the last CRLF; literals are inline
  std::vector<std::string> continuations;  // lines that began with "+"
  std::string status;                      // "OK", "NO" or "BAD"
  std::string text;                        // what follows the status: "[APPENDUID 1 2] done"

  bool ok() const { return status == "OK"; }
  /// The bracketed response code of the tagged line without its brackets; empty if none.
  std::string code() const;
  /// The first untagged line that holds `part`, ignoring case; nullptr if none.
  const std::string* find(std::string_view part) const;
  /// Everything, for the message of a failed check.
  std::string str() const;
};

/// One connection.
///
/// Thread: any; owned by one. Everything waits, at most for `timeout`.
/// Errors: kClosed when the peer went away, kTimeout, kProtocol for an untagged "BAD" framing.
class RawImap {
 public:
  static constexpr std::chrono::milliseconds kDefaultTimeout = std::chrono::seconds(30);

  /// Connects to `port` of `address` (IPv4), from `source` if that is given, and reads the
  /// greeting. With `ca_file` it speaks TLS from the first byte and verifies the name "localhost".
  static Result<std::unique_ptr<RawImap>> connect(
      std::uint16_t port, const std::filesystem::path& ca_file = {},
      std::chrono::milliseconds timeout = kDefaultTimeout, const std::string& address = "127.0.0.1",
      const std::string& source = "");
  /// The same, then LOGIN. Errors: kPermission when it is refused.
  static Result<std::unique_ptr<RawImap>> login(std::uint16_t port, std::string_view user,
                                                std::string_view password);
  ~RawImap();
  RawImap(const RawImap&) = delete;
  RawImap& operator=(const RawImap&) = delete;

  const std::string& greeting() const { return greeting_; }
  /// The capabilities in upper case, asked for once more.
  Result<std::vector<std::string>> capabilities();

  /// Sends a command and collects the replies up to its tagged line. A synchronizing literal in
  /// `text` ("{3}\r\nabc") is sent when the server asks for it.
  Result<Reply> command(std::string_view text);
  /// APPEND. `flags` as in "\\Seen $work", `date` as in "17-Jul-1996 02:44:25 -0700"; both
  /// optional.
  Result<Reply> append(std::string_view mailbox, std::string_view message,
                       std::string_view flags = "", std::string_view date = "");
  /// Sends a command and does not wait; returns its tag for collect().
  Result<std::string> send_command(std::string_view text);
  Result<Reply> collect(std::string_view tag);

  /// STARTTLS, then the handshake as in connect().
  Result<> start_tls(const std::filesystem::path& ca_file);
  /// The handshake alone, for who has sent STARTTLS by send_raw().
  Result<> handshake(const std::filesystem::path& ca_file);
  /// IDLE until an untagged line holds `part` or `limit` passes; then DONE. Errors: kTimeout.
  Result<Reply> idle_until(std::string_view part, std::chrono::milliseconds limit);

  Result<> send_raw(std::string_view bytes);
  /// The next line with its literals, without the last CRLF.
  Result<std::string> read_line();
  void set_timeout(std::chrono::milliseconds timeout) { timeout_ = timeout; }
  /// Closes without LOGOUT.
  void disconnect();

 private:
  struct Tls;
  explicit RawImap(int socket);
  Result<> fill();
  Result<std::string> take_until_newline();
  Result<std::string> take_bytes(std::size_t count);

  int socket_;
  std::unique_ptr<Tls> tls_;
  std::string buffer_;
  std::size_t used_ = 0;
  unsigned last_tag_ = 0;
  std::string greeting_;
  std::chrono::milliseconds timeout_ = kDefaultTimeout;
};

/// A message of a mailbox as a client sees it.
struct MessageView {
  std::uint32_t uid = 0;
  std::vector<std::string> flags;  // sorted, without \Recent
  std::string body;                // empty unless asked for
};

/// SELECTs `mailbox` and reads all its messages in UID order.
/// Errors: kNotFound when it cannot be selected; else as RawImap.
Result<std::vector<MessageView>> read_mailbox(RawImap* client, std::string_view mailbox,
                                              bool with_bodies = false);

/// The names that LIST "" * gives, sorted, as they came (modified UTF-7).
Result<std::vector<std::string>> list_mailboxes(RawImap* client);

/// A plain message: From, To, Date, Message-ID (one of its own unless given), `subject`, then
/// `body`; all lines end in CRLF.
std::string simple_message(std::string_view subject, std::string_view body = "Hello.\r\n",
                           std::string_view message_id = "");

}  // namespace support
