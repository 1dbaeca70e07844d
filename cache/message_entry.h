// MessageEntry: what an open mailbox knows of a message, in memory, in one array.
#pragma once

#include <cstdint>
#include <span>

#include "cache/ids.h"
#include "protocol/imap/flags.h"
#include "protocol/imap/ids.h"
#include "protocol/imap/sequence_set.h"

namespace cache {

/// What is stored of a message, and what of it is still upstream's word. Bits of
/// MessageEntry::have.
// DO NOT CHANGE: stored.
enum Have : std::uint8_t {
  kHaveFlags = 1,    // flags were reported by upstream, or set here
  kHaveDate = 2,     // internal date and size
  kHaveSummary = 4,  // envelope and structure: listing needs no network
  kHaveBody = 8,     // every byte
  kHaveText = 16,    // searchable text
  kShared = 32,      // other rows may refer to the same content: looked up before it is erased
  kHaveHeader = 64,  // the header block by itself: clients list mailboxes by HEADER.FIELDS
};

/// Flags as a pair that is cheap to copy and compare.
struct Flags {
  imap::SystemFlags system = {};
  KeywordSet keywords;
  bool operator==(const Flags&) const = default;
};

/// Lifetime: a value; entries move when the mailbox changes, so nobody keeps a pointer to one
/// across a co_await.
struct MessageEntry {
  imap::Uid uid;           // ours
  imap::Uid upstream_uid;  // theirs, under the mailbox's upstream UIDVALIDITY; 0: not there yet
  MessageId message;
  std::uint64_t modseq = 0;
  std::int64_t internal_date = 0;  // seconds since 1970, UTC
  std::uint64_t size = 0;          // RFC822.SIZE: upstream's until the body is here
  std::int16_t date_zone = 0;      // minutes east of UTC, as the date was given
  std::uint8_t have = 0;           // Have bits
  bool hidden = false;             // expunged here, upstream does not know yet: no client sees it
  Flags visible;                   // upstream's last, with what is pending here
  Flags upstream;                  // upstream's last

  bool has(Have bit) const { return (have & bit) != 0; }
};

/// REQUIRES: `entries` ascending.
inline imap::SequenceSet uids_of(std::span<const MessageEntry> entries) {
  imap::SequenceSet uids;
  for (const MessageEntry& entry : entries) uids.add(entry.uid);
  return uids;
}

}  // namespace cache
