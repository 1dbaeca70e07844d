// ScriptedServer: an upstream that says exactly what a test wants it to say.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace support {

/// Waits for a line of the client. `*` in the pattern stands for any text, `$1` to `$9` for a word
/// that later steps of the connection may use (a tag); letters match in either case. Literals that
/// the client announces are asked for ("+ go") and become part of the line after a CRLF.
struct Expect {
  std::string pattern;
};
/// Sends bytes as they are, but for `$1` to `$9`.
struct Send {
  std::string bytes;
};
/// Sends `count` times `byte`: what follows the header of a huge literal.
struct SendFill {
  std::uint64_t count = 0;
  char byte = 'x';
};
/// Says nothing for so long; what the client sends meanwhile waits.
struct Silence {
  std::chrono::milliseconds duration;
};
/// Reads and drops everything until the client closes.
struct Drain {};
struct Close {};
struct Reset {};

using Step = std::variant<Expect, Send, SendFill, Silence, Drain, Close, Reset>;
using Script = std::vector<Step>;

/// The upstream side of a transcript. A line `UC: text` is an Expect, `US: text` a Send of the line
/// with CRLF, `US- text` a Send without CRLF (escapes \r \n \0 \\ \xHH are understood in both),
/// `US! silence 500ms`, `US! fill 1000 x`, `US! drain`, `US! close`, `US! reset` the others,
/// `US! accept` begins the script of the next connection. Other lines are left to others.
/// Errors: kInvalid with the number of the line.
Result<std::vector<Script>> parse_upstream_script(std::string_view transcript);

/// Answers a command outside the scripts: `pattern` as in Expect without the tag (`LOGIN *`),
/// `reply` lines with `$0` for the tag; when it has no tagged line, "$0 OK done" is added.
struct Rule {
  std::string pattern;
  std::vector<std::string> reply;
};

/// Listens on a free port of 127.0.0.1. The first connection plays the first script, and so on; a
/// connection without a script is greeted and served by the rules alone. A line that is not what
/// the script expects next is given to the rules; when no rule has it, that is a failure.
///
/// Thread:   any; each connection is played on a thread of its own.
/// Lifetime: the destructor closes everything and joins the threads.
class ScriptedServer {
 public:
  static Result<std::unique_ptr<ScriptedServer>> start(std::vector<Script> scripts,
                                                       std::vector<Rule> rules = {});
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::uint16_t port() const;
  /// Puts a rule in front of the others, at any time.
  void add_rule(Rule rule);
  /// Sends bytes on every open connection (an untagged EXISTS during IDLE, say).
  void push(std::string bytes);
  /// Closes every open connection.
  void hang_up();
  /// Waits until every script has been played to its end.
  /// Errors: kProtocol with the first line that did not fit; kTimeout with the step that waits.
  Result<> finish(std::chrono::milliseconds limit = std::chrono::seconds(10));
  /// Every line received so far, with the number of its connection in front: "1: a LOGIN ...".
  std::vector<std::string> received() const;
  std::size_t connections() const;

  /// Rules for a server that has `capabilities`, one INBOX without messages and any login; a start
  /// for tests that change one thing.
  static std::vector<Rule> plain_server(std::string_view capabilities = "IMAP4rev1");

 private:
  class Player;
  explicit ScriptedServer(std::unique_ptr<Player> player);
  std::unique_ptr<Player> player_;
};

}  // namespace support
