// Client: one connection to an IMAP server, commands pipelined, responses routed.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "base/event.h"
#include "base/log.h"
#include "base/result.h"
#include "base/task.h"
#include "base/task_group.h"
#include "net/connection.h"
#include "protocol/imap/capability.h"
#include "protocol/imap/commands.h"
#include "protocol/imap/framer.h"
#include "protocol/imap/response_decoder.h"
#include "protocol/imap/responses.h"
#include "protocol/sasl/client.h"
#include "upstream/profiles.h"

namespace upstream {

/// The tagged answer of a command: OK, NO or BAD.
struct Answer {
  imap::Condition condition = imap::Condition::kOk;
  imap::ResponseText text;
  bool ok() const { return condition == imap::Condition::kOk; }
};

/// Takes the bytes of a large literal as they come.
class LiteralSink {
 public:
  virtual ~LiteralSink() = default;
  /// Whether it wants this one; what nobody wants is dropped.
  virtual bool begin(const imap::PendingFetchData& what, std::uint64_t size_bytes) = 0;
  virtual Task<Result<>> feed(std::string bytes) = 0;
};

/// Gives the bytes of a message that is being appended.
using MessageSource =
    std::function<Task<Result<std::string>>(std::uint64_t offset, std::uint64_t length)>;

/// How a command is run.
struct Exchange {
  /// Sees untagged responses while this is the oldest command under way. Returns false for those
  /// that are not its answer: they go to the client's listener.
  std::function<bool(imap::Response&)> on_response = {};
  /// It also sees them, and literals of a named message, while older commands are under way, when
  /// those did not claim them: servers that run FETCHes side by side (RFC 3501 5.5) answer the
  /// second before they complete the first, as Dovecot does on a slow line. Such commands claim
  /// only what they asked for by UID.
  bool side_by_side = false;
  std::shared_ptr<LiteralSink> sink = {};  // fed to the end of a piece, even when the command fails
  MessageSource message = {};
};

/// Thread:   the loop of its connection.
/// Lifetime: close() before it is destroyed.
/// Errors:   of every command: kClosed, kTimeout, kIo, kProtocol, kCancelled: the connection is
/// gone
///           and all other commands fail as well. NO and BAD are answers.
class Client {
 public:
  struct Options {
    std::chrono::milliseconds response_timeout{30'000};
    std::size_t inline_bytes = std::size_t{512} << 10;  // larger literals go to a sink
    Log log;
  };
  Client(net::Connection connection, Options options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Waits for the greeting and starts to read.
  Task<Result<imap::ConditionResponse>> greeting(std::stop_token stop);
  /// STARTTLS: runs the command and the handshake.
  Task<Result<>> start_tls(net::ClientTls tls, std::string host, std::stop_token stop);
  /// Runs a SASL exchange to its end (RFC 3501 6.2.2, RFC 4959).
  Task<Result<Answer>> authenticate(std::unique_ptr<sasl::ClientExchange> exchange,
                                    std::stop_token stop);
  /// COMPRESS DEFLATE (RFC 4978 3): what was sent before may still be under way, and nothing may be
  /// sent before this has ended.
  Task<Result<Answer>> compress();

  /// Sends the command now and waits for its answer. Many may wait at once: their commands go out
  /// in the order of the calls, without waiting for each other.
  Task<Result<Answer>> run(imap::Command command, Exchange exchange = {});

  /// IDLE (RFC 2177) until wake() is called or `limit` passes; DONE included. What the server tells
  /// goes to the listener.
  Task<Result<Answer>> idle(std::chrono::milliseconds limit, std::stop_token stop);
  /// Ends the IDLE that runs, or the next one.
  void wake() { woken_.set(); }

  /// What the server says on its own, and what no command claimed.
  void set_listener(std::function<void(imap::Response&)> listener) {
    listener_ = std::move(listener);
  }
  void set_trace(bool on) { trace_ = on; }
  /// Called once, when the connection has failed or is closed.
  void set_end_listener(std::function<void()> listener) { end_listener_ = std::move(listener); }

  const imap::Capabilities& capabilities() const { return capabilities_; }
  bool has(imap::Capability capability) const { return capabilities_.has(capability); }
  /// Forgets a capability that turned out to be a lie.
  void distrust(imap::Capability capability) { capabilities_.remove(capability); }
  /// What the server is known for; what it offers and gets wrong is forgotten at once.
  const Profile& profile() const { return *profile_; }
  void set_profile(const Profile* profile);
  void set_utf8(bool on) { decoder_.set_utf8(on); }
  /// The mailbox that is selected on this connection and was found to be the one that we know: its
  /// UIDs stay what they are for as long as it is open (RFC 3501 2.3.1.1). select_mailbox() forgets
  /// it, and whoever has compared sets it.
  struct Selected {
    std::string name;  // as the server spells it
    imap::UidValidity uid_validity;
    friend bool operator==(const Selected&, const Selected&) = default;
  };
  const std::optional<Selected>& selected() const { return selected_; }
  void set_selected(std::optional<Selected> selected) { selected_ = std::move(selected); }
  bool is_alive() const { return !failure_.has_value(); }
  std::chrono::steady_clock::time_point last_heard() const { return last_heard_; }
  std::size_t commands_under_way() const { return pending_.size(); }
  net::Connection& connection() { return connection_; }
  const std::string& bye() const { return bye_; }

  /// Ends everything at once: commands fail, close() is quick.
  void abort() { connection_.abort(); }
  /// LOGOUT where that is quick, and the end of all commands.
  Task<void> close(bool polite);

 private:
  struct Pending;

  Task<void> read();
  Task<Result<>> read_until_failure();
  Task<Result<>> take_literal();
  std::shared_ptr<LiteralSink> find_sink(const imap::PendingFetchData& data,
                                         std::uint64_t size) const;
  bool is_overdue() const;
  std::chrono::milliseconds patience() const;
  void dispatch(imap::Response response);
  void learn(const imap::Response& response);
  Task<Result<Answer>> run_pending(Pending* pending, imap::Command command, Exchange exchange);
  Task<Result<>> send(Pending* pending, imap::Command command, Exchange exchange);
  Task<Result<std::string>> continuation(Pending* pending);
  void fail_all(Error error);
  void trace(std::string_view direction, std::string_view text) const;

  net::Connection connection_;
  Options options_;
  imap::Framer framer_;
  imap::ResponseDecoder decoder_;
  imap::Capabilities capabilities_;
  std::optional<Selected> selected_;
  const Profile* profile_;
  std::deque<Pending*> pending_;  // in the order in which they were sent
  AsyncMutex sending_;            // a command with literals is not to be cut by another
  Event greeted_;
  std::optional<imap::ConditionResponse> greeting_;
  Event continued_;
  std::deque<std::string> continuations_;
  Event woken_;
  Event resumed_;  // reset while a handshake owns the connection
  std::function<void(imap::Response&)> listener_;
  std::function<void()> end_listener_;
  std::optional<Error> failure_;
  std::string bye_;
  std::chrono::steady_clock::time_point last_heard_;
  std::uint64_t last_tag_ = 0;
  bool idling_ = false;
  bool trace_ = false;
  TaskGroup tasks_;
};

/// Hears what no command claims, for as long as it lives.
class Listening {
 public:
  Listening(Client* client, std::function<void(imap::Response&)> listener) : client_(client) {
    client_->set_listener(std::move(listener));
  }
  ~Listening() { client_->set_listener({}); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  Client* client_;
};

}  // namespace upstream
