// Journal: the writes that clients made and upstream has not confirmed.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/event.h"
#include "base/result.h"
#include "cache/ids.h"
#include "protocol/imap/flags.h"
#include "protocol/imap/ids.h"
#include "protocol/imap/sequence_set.h"

namespace cache {

/// A change of flags as additions and removals; a replacement is turned into these when it is made.
struct FlagDelta {
  imap::FlagList add;
  imap::FlagList remove;
};

// What a client did. All UIDs are ours: entries outlive renumbering upstream.
struct JournalFlags {
  MailboxId mailbox;
  imap::SequenceSet uids;
  FlagDelta delta;
};
/// One message into one mailbox; its bytes are the cache's content of `message`.
struct JournalAppend {
  MailboxId mailbox;
  imap::Uid uid;
  MessageId message;
  imap::FlagList flags;  // at the time of APPEND; later changes are entries of their own
};
/// COPY, or MOVE when `move`: pairs of (source UID, destination UID), ascending.
struct JournalCopy {
  bool move = false;
  MailboxId from;
  MailboxId to;
  std::vector<std::pair<imap::Uid, imap::Uid>> uids;
};
/// Removes just these, which are hidden rows of the index until it is done.
struct JournalExpunge {
  MailboxId mailbox;
  imap::SequenceSet uids;
};
struct JournalCreate {
  MailboxId mailbox;
  std::string special_use;  // "" or an attribute such as "\\Archive" (RFC 6154)
};
struct JournalDelete {
  MailboxId mailbox;
  // Raw, as upstream spells it; empty: as its record says when it comes to that, as it is renamed
  // before, or never was there.
  std::string upstream_name;
};
/// Renames the mailbox and all below it.
struct JournalRename {
  MailboxId mailbox;
  std::string from;  // our names: UTF-8, "/"
  std::string to;
};
struct JournalSubscribe {
  std::string name;
  bool subscribed = true;
};

using JournalOp = std::variant<JournalFlags, JournalAppend, JournalCopy, JournalExpunge,
                               JournalCreate, JournalDelete, JournalRename, JournalSubscribe>;

// DO NOT CHANGE: stored.
enum class JournalState : std::uint8_t {
  kPending = 1,
  kInFlight =
      2,        // sent, or about to be: after a cut the destination is searched before a second try
  kParked = 3,  // refused for good, or too often: waits for the operator
};

/// Noted durably before an operation that is not idempotent is sent: where its messages will
/// appear.
struct InFlight {
  imap::UidValidity uid_validity;  // of the destination upstream
  imap::Uid uid_next;              // messages from here on may be ours
  bool operator==(const InFlight&) const = default;
};

struct JournalEntry {
  JournalSeq seq;
  JournalState state = JournalState::kPending;
  std::int64_t created = 0;  // seconds since 1970
  std::uint32_t attempts = 0;
  std::int64_t next_try = 0;  // seconds since 1970
  std::string last_answer;    // upstream's last word, for the operator
  std::optional<InFlight> in_flight;
  JournalOp op;
};

/// Whether upstream may know of it already: then only upstream's state tells what became of it.
/// Not while it is parked: nobody asks then.
inline bool was_sent(const JournalEntry& entry) {
  return entry.state == JournalState::kInFlight ||
         (entry.state == JournalState::kPending && entry.in_flight.has_value());
}

/// Encodes an entry's value as docs/storage.md describes; any bytes decode to an entry or an error.
std::string encode_journal_entry(const JournalEntry& entry);
Result<JournalEntry> decode_journal_entry(JournalSeq seq, std::string_view bytes);

/// The mailbox that an entry changes, for copies the destination; none for a subscription.
MailboxId mailbox_of(const JournalOp& op);
/// "APPEND", "STORE", "MOVE" …
std::string_view name_of(const JournalOp& op);

}  // namespace cache
