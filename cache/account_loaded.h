// What of an account is read from the store: at opening, and again when a commit has failed.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cache/account.h"

namespace cache {

/// The rows of one mailbox, with keyword sets of the table that they were read with.
struct LoadedRows {
  MailboxId mailbox;
  std::vector<MessageEntry> rows;  // visible and hidden, ascending
  std::uint64_t change_rows = 0;
};

/// Thread: a worker; may wait for the disk.
Result<LoadedRows> read_rows(Store* store, AccountId account, MailboxId mailbox,
                             KeywordTable* keywords);

struct Account::Loaded {
  AccountRecord record;
  std::vector<MailboxRecord> mailboxes;
  std::vector<std::string> subscriptions;
  std::map<JournalSeq, JournalEntry> journal;
  std::vector<MessageId> garbage;
  std::vector<MessageId> staging;
  KeywordTable keywords;  // as stored, then with the sets of `boxes`
  std::size_t stored_keywords = 0;
  std::vector<LoadedRows> boxes;
};

}  // namespace cache
