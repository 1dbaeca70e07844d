// What STATUS answers of a mailbox, counted message by message.
#pragma once

#include "cache/mailbox.h"
#include "cache/message_entry.h"

namespace cache {

/// Adds `entry` to the counts of `record`; with a `sign` of -1 takes it off. Hidden ones do not
/// count: the caller sees to that.
inline void count_message(MailboxRecord* record, const MessageEntry& entry, int sign) {
  const auto by = static_cast<std::uint32_t>(sign);  // wraps as it should
  record->messages += by;
  if (entry.uid >= record->recent_from) record->recent += by;
  if (!entry.visible.system.has(imap::SystemFlag::kSeen)) record->unseen += by;
  if (entry.visible.system.has(imap::SystemFlag::kDeleted)) record->deleted += by;
  if (entry.has(kHaveSummary)) record->summaries += by;
  if (entry.has(kHaveBody)) record->bodies += by;
  record->size += sign > 0 ? entry.size : -entry.size;
}

inline void copy_counts(const MailboxRecord& from, MailboxRecord* to) {
  to->messages = from.messages;
  to->recent = from.recent;
  to->unseen = from.unseen;
  to->deleted = from.deleted;
  to->size = from.size;
  to->summaries = from.summaries;
  to->bodies = from.bodies;
}

/// But for `recent`, which is claimed in memory first.
inline bool same_counts(const MailboxRecord& a, const MailboxRecord& b) {
  return a.messages == b.messages && a.unseen == b.unseen && a.deleted == b.deleted &&
         a.size == b.size && a.summaries == b.summaries && a.bodies == b.bodies;
}

}  // namespace cache
