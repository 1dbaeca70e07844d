// Coalescing of flag changes: many STOREs become few.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cache/journal.h"
#include "protocol/imap/commands.h"

namespace upstream {

/// What a run of flag changes comes to, as commands over UIDs of ours: opposite changes cancel (the
/// later one counts), changes of the same messages share a command.
struct CoalescedStore {
  imap::SequenceSet uids;
  bool add = true;
  imap::FlagList flags;
};
std::vector<CoalescedStore> coalesce_flags(const std::vector<const cache::JournalFlags*>& changes);

}  // namespace upstream
