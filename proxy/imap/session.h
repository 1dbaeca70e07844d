// Session: one client that has logged in, from then until it leaves.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "cache/mailbox.h"
#include "config/config.h"
#include "net/connection.h"
#include "protocol/imap/commands.h"
#include "protocol/imap/responses.h"
#include "protocol/imap/writer.h"
#include "proxy/imap/command_reader.h"
#include "proxy/imap/names.h"
#include "proxy/imap/reply.h"
#include "proxy/users.h"

namespace proxy {

/// A mailbox that the session has selected. RFC 3501 3.3.
struct Selected {
  cache::Account* account = nullptr;
  cache::MailboxRef mailbox;
  std::unique_ptr<cache::MailboxView> view;  // borrows *mailbox
  bool read_only = false;
  /// Everything up to here is durable, and the session was told. A client that is given a higher
  /// HIGHESTMODSEQ would never ask for what it has missed.
  std::uint64_t told_mod_seq = 1;
};

/// A message of an APPEND that was read before its command was complete.
struct ReceivedMessage {
  Place place;
  std::unique_ptr<cache::ContentWriter> content;
};

/// Reads commands and runs them, one after the other.
///
/// Thread:   the loop of the user's accounts.
/// Lifetime: borrows the connection and the accounts.
class Session {
 public:
  Session(net::Connection* connection, std::shared_ptr<const Users> users, const User* user,
          config::Limits limits, Log log);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Runs until LOGOUT, the end of the connection, or `stop`. `login_tag`: the LOGIN or
  /// AUTHENTICATE that is still to be answered.
  Task<void> run(std::string login_tag, std::stop_token stop);

  // For status.
  std::string mailbox_name() const;
  const std::string& client() const { return client_; }
  bool is_idle() const { return idle_; }
  void set_trace(bool on);

  // ---- For the commands ----
  const User& user() const { return *user_; }
  const config::Limits& limits() const { return limits_; }
  net::Connection& connection() { return *connection_; }
  CommandReader& reader() { return reader_; }
  const Log& log() const { return log_; }
  std::stop_token stop() const { return stop_; }
  net::Loop* loop() const { return connection_->loop(); }

  /// The tag of the command that is being run.
  const std::string& tag() const { return tag_; }
  /// What the command has written so far; goes to the connection with its tagged line, or earlier
  /// through push().
  std::string& out() { return out_; }
  imap::Writer writer() { return imap::Writer(out_, {imap::LiteralStyle::kResponse, utf8_}); }
  template <class Response>
  void write(const Response& response) {
    imap::Writer to = writer();
    imap::encode_response(to, response);
  }
  /// Hands out() to the connection and waits while the client has too much to read.
  /// Errors: kClosed, also of a client that does not read at all; kIo, kCancelled.
  Task<Result<>> push();

  /// The place of a name. Errors: kNotFound where there is no such mailbox; waits for the folder
  /// list on the first sync.
  Task<Result<const cache::MailboxRecord*>> find_mailbox(Place place);

  std::optional<Selected>& selected() { return selected_; }
  void select(Selected selected);
  void unselect();
  imap::SessionState state() const {
    return selected_ ? imap::SessionState::kSelected : imap::SessionState::kAuthenticated;
  }

  // Extensions that the client switched on. RFC 5161, RFC 7162 3.1, RFC 6855.
  bool condstore() const { return condstore_; }
  /// Tells the selected mailbox's HIGHESTMODSEQ when it is the first time (RFC 7162 3.1).
  void enable_condstore();
  bool qresync() const { return qresync_; }
  void enable_qresync() {
    enable_condstore();
    qresync_ = true;
  }
  bool utf8() const { return utf8_; }
  void enable_utf8() {
    utf8_ = true;
    reader_.set_utf8(true);
  }
  void set_client(std::string client) { client_ = std::move(client); }
  void set_idle(bool on) { idle_ = on; }
  void log_out() { logged_out_ = true; }
  /// The client no longer speaks to us, by `error`: it hears why, if it may still be there.
  void end(const Error& error);
  bool is_logged_out() const { return logged_out_; }
  /// Compression starts once the reply is out (RFC 4978 3).
  void compress_after_reply() { compress_ = true; }
  std::vector<ReceivedMessage>& received() { return received_; }
  /// Why a message of the APPEND that is being run could not be stored.
  const std::optional<Reply>& refused_append() const { return refused_append_; }

  /// Tells the session all of the selected mailbox, expunges too, and returns the HIGHESTMODSEQ
  /// that stands for it.
  Task<imap::HighestModSeqCode> tell_everything(bool uid);

  /// Writes what the selected mailbox has to tell. Without `may_expunge` nothing that shifts
  /// sequence numbers (RFC 3501 7.4.1). `uid`: FETCH responses name UIDs too.
  void write_updates(bool may_expunge, bool uid);

 private:
  Task<void> serve(std::string login_tag);
  Task<bool> receive(PendingAppend append);
  Task<void> execute(imap::TaggedCommand command);
  void answer(const std::string& tag, const Reply& reply);

  net::Connection* connection_;
  std::shared_ptr<const Users> users_;
  const User* user_;
  config::Limits limits_;
  Log log_;
  CommandReader reader_;
  std::stop_token stop_;
  std::string tag_;
  std::string out_;
  std::optional<Selected> selected_;
  std::vector<ReceivedMessage> received_;
  std::optional<Reply> refused_append_;
  std::string client_;
  bool condstore_ = false;
  bool qresync_ = false;
  bool utf8_ = false;
  bool idle_ = false;
  bool logged_out_ = false;
  bool compress_ = false;
  bool trace_ = false;
};

}  // namespace proxy
