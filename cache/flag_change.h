// FlagChange: additions and removals of flags that can be put together and applied.
// PendingFlags: what the journal still has to do to the flags of a mailbox, by UID.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "cache/ids.h"
#include "cache/journal.h"
#include "cache/keywords.h"
#include "cache/message_entry.h"
#include "protocol/imap/flags.h"

namespace cache {

/// A FlagDelta with its keywords as numbers.
///
/// Thread: the account's loop, as the KeywordTable.
class FlagChange {
 public:
  FlagChange() = default;
  /// Keywords that are new get a number; those that a full table has no room for are left out.
  FlagChange(const FlagDelta& delta, KeywordTable* keywords);

  /// Makes this the change that does this one and then `later`.
  void then(const FlagChange& later);
  Flags apply(Flags flags, KeywordTable* keywords) const;
  /// The change that takes away the keywords which this one adds.
  FlagChange without_keywords() const;
  bool empty() const { return add_.empty() && remove_.empty() && keywords_.empty(); }
  bool operator==(const FlagChange&) const = default;

 private:
  imap::SystemFlags add_;
  imap::SystemFlags remove_;
  std::vector<std::pair<std::uint16_t, bool>> keywords_;  // number, whether added; ascending
};

/// Flags of a list as a pair; keywords that a full table has no room for are left out.
Flags to_flags(const imap::FlagList& list, KeywordTable* keywords);
imap::FlagList to_list(Flags flags, const KeywordTable& keywords);
/// What turns `from` into `to`.
FlagDelta delta_between(Flags from, const imap::FlagList& to, const KeywordTable& keywords);
FlagDelta delta_between(Flags from, Flags to, const KeywordTable& keywords);

/// The changes of flags that wait in the journal for one mailbox, put together for each run of UIDs
/// that has the same ones waiting: a lookup is a binary search, whatever waits.
class PendingFlags {
 public:
  PendingFlags() = default;
  /// `entries`: in the order of the journal.
  PendingFlags(std::span<const JournalFlags* const> entries, KeywordTable* keywords);

  /// What waits for `uid`, or null.
  const FlagChange* of(imap::Uid uid) const;
  bool empty() const { return segments_.empty(); }

 private:
  struct Segment {
    std::uint32_t first;
    std::uint32_t last;
    std::uint32_t change;  // index into changes_
  };
  std::vector<Segment> segments_;  // ascending
  std::vector<FlagChange> changes_;
};

}  // namespace cache
