// What kept.cc and kept_settle.cc share: what an entry of the journal needs of the store.
#pragma once

#include <map>
#include <string_view>

#include "cache/kept.h"
#include "cache/keys.h"
#include "cache/keywords.h"
#include "cache/mailbox.h"
#include "protocol/imap/sequence_set.h"

namespace cache {

struct Named {
  std::map<MailboxId, imap::SequenceSet> rows;
  MessageId body;  // what it uploads, if anything
};
Named named_by(const JournalOp& op);

struct KeptAccount {
  KeywordTable keywords;
  std::map<MailboxId, MailboxRecord> mailboxes;
  std::map<JournalSeq, JournalEntry> journal;
};
Result<KeptAccount> read_kept_account(Store* store, AccountId account);

Result<> scan_all(Store* store, Family family, const keys::Range& range, const EachKept& each);

}  // namespace cache
