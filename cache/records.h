// Records: the stored values that are more than bytes. Layouts: docs/storage.md.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cache/content.h"
#include "cache/ids.h"
#include "cache/mailbox.h"
#include "cache/message_entry.h"

namespace cache {

class KeywordTable;

/// Counters of an account. The ceilings are raised ahead of use, so that a number that was shown
/// and then lost with the power is never given to something else.
struct AccountRecord {
  AccountId id;
  std::uint64_t next_message = 1;  // message ids below this may have been used
  std::uint64_t next_mailbox = 1;
  std::uint64_t modseq_ceiling = 1;  // MODSEQ values up to this may have been shown
  std::uint64_t next_journal = 1;
  std::uint32_t next_uid_validity = 0;
  bool listed = false;  // upstream's folder list was seen once
};
std::string encode_account_record(const AccountRecord& record);
Result<AccountRecord> decode_account_record(std::string_view bytes);

std::string encode_mailbox_record(const MailboxRecord& record);
Result<MailboxRecord> decode_mailbox_record(MailboxId id, std::string_view bytes);

/// A row of the index; its UID is in the key. 46 bytes and two for each keyword.
void encode_row(const MessageEntry& entry, const KeywordTable& keywords, std::string* out);
/// Interns the keyword sets in `keywords`.
Result<MessageEntry> decode_row(imap::Uid uid, std::string_view bytes, KeywordTable* keywords);

/// What is known of a message's content as a whole.
struct MessageRecord {
  Digest digest;                // digest.size: bytes of the body
  std::uint32_t used_hour = 0;  // hours since 1970: when its body was last read, roughly
  bool body = false;            // whether the chunks are there
  bool text = false;
};
std::string encode_message_record(const MessageRecord& record);
Result<MessageRecord> decode_message_record(std::string_view bytes);

}  // namespace cache
