// Remote: what the cache's readers ask of any remote side. upstream/ implements it; main wires it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "cache/ids.h"
#include "protocol/imap/ids.h"
#include "protocol/imap/search_key.h"
#include "protocol/imap/sequence_set.h"

namespace cache {

/// What an operator sees of the link to upstream.
struct RemoteStatus {
  enum class State : std::uint8_t { kNone, kConnecting, kOnline, kOffline, kRefused };
  State state = State::kNone;
  std::string server;         // "imap.example.org:993 (Dovecot)"
  std::string last_error;     // why it is not online, or the last thing that failed
  std::int64_t since = 0;     // seconds since 1970: when `state` began
  std::int64_t next_try = 0;  // when offline
  std::uint32_t connections = 0;
  std::uint32_t reconnects_last_minute = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::string tier;  // "QRESYNC", "CONDSTORE" or "plain", with what was switched off
};

/// Progress of one mailbox towards being complete.
struct MailboxProgress {
  bool uids_known = false;  // selectable
  std::uint64_t messages = 0;
  std::uint64_t summaries = 0;
  std::uint64_t bodies = 0;
  std::int64_t last_good_check = 0;  // seconds since 1970; 0: never
};

/// Thread:   the account's loop.
/// Errors:   kUnavailable when upstream is away: at once, never after a long wait for a dead link.
class Remote {
 public:
  virtual ~Remote() = default;

  /// Whether a request has a chance now.
  virtual bool reachable() const = 0;
  virtual RemoteStatus status() const = 0;

  /// Waits until upstream's folder list is in the cache once (first sync).
  virtual Task<Result<>> ensure_listed(std::stop_token stop) = 0;
  /// Waits until the UIDs of `mailbox` are in the cache once, so that it can be selected.
  virtual Task<Result<>> ensure_selectable(MailboxId mailbox, std::stop_token stop) = 0;
  /// Waits until these (our UIDs) have flags, date, size, summary and header block, ahead of all
  /// background work, in as few round trips as there can be. Those gone or parked meanwhile stay
  /// without; a header block that is very long comes with the body alone.
  virtual Task<Result<>> fetch_summaries(MailboxId mailbox, imap::SequenceSet uids,
                                         std::stop_token stop) = 0;
  /// The same for whole bodies.
  virtual Task<Result<>> fetch_bodies(MailboxId mailbox, imap::SequenceSet uids,
                                      std::stop_token stop) = 0;
  /// Asks upstream which of `uids` match `key`, which has no children, names no message, and is in
  /// UTF-8; for what is not cached yet.
  virtual Task<Result<imap::SequenceSet>> search(MailboxId mailbox, imap::SequenceSet uids,
                                                 imap::SearchKey key, std::stop_token stop) = 0;

  /// A client selected (or left) the mailbox: it is watched with IDLE while anybody has it open.
  virtual void selected(MailboxId mailbox) = 0;
  virtual void unselected(MailboxId mailbox) = 0;
  /// The client would like fresh news (NOOP, CHECK, STATUS): a hint, answered from the cache
  /// anyway.
  virtual void poll(MailboxId mailbox) = 0;
  /// The journal has something new.
  virtual void journal_grew() = 0;
};

}  // namespace cache
