// Keys of the store. Byte diagrams, examples and who writes what: docs/storage.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "cache/ids.h"
#include "protocol/imap/ids.h"

namespace cache::keys {

/// Raised when a stored layout changes; the store refuses to open one that it does not know.
inline constexpr std::uint32_t kSchemaVersion = 1;

// Family::kMeta: a tag, then the key's parts.
std::string schema();                                                // 'S' -> u32
std::string next_account();                                          // 'N' -> u32
std::string account(std::string_view name);                          // 'A' name -> AccountRecord
std::string mailbox(AccountId account, MailboxId mailbox);           // 'M' -> MailboxRecord
std::string keyword(AccountId account, std::uint16_t number);        // 'K' -> name
std::string subscription(AccountId account, std::string_view name);  // 'U' -> nothing
std::string email_id(AccountId account, std::string_view email_id);  // 'E' -> message id, u64
std::string sequence();  // 'J' -> u64: the last group of commits that the journal file has

// Family::kIndex: account, mailbox, UID -> row (cache/records.h)
std::string index(AccountId account, MailboxId mailbox, imap::Uid uid);
// Families kSummary, kHeader: account, message -> record
std::string content(AccountId account, MessageId message);
// Family::kBody: account, message, chunk number -> bytes
std::string body(AccountId account, MessageId message, std::uint32_t chunk);

// Family::kText: account, kind, message, chunk number -> folded UTF-8
// DO NOT CHANGE: stored.
enum class TextKind : std::uint8_t { kFields = 0, kHeader = 1, kBody = 2 };
std::string text(AccountId account, TextKind kind, MessageId message, std::uint32_t chunk);

// Family::kChanges: account, mailbox, MODSEQ -> vanished UIDs as a sequence set
std::string change(AccountId account, MailboxId mailbox, std::uint64_t modseq);
// Family::kJournal: account, sequence -> entry (cache/journal.h)
std::string journal(AccountId account, JournalSeq seq);

// Family::kMessages: account, tag, message ...
std::string message(AccountId account, MessageId message);  // 'm' -> MessageRecord
std::string reference(AccountId account, MessageId message, MailboxId mailbox,
                      imap::Uid uid);                       // 'r' -> nothing
std::string staging(AccountId account, MessageId message);  // 's' -> nothing: content being written
// 'g' -> nothing: a row that referred to it is gone, whether another one does is still to be seen
std::string garbage(AccountId account, MessageId message);
// 'u' -> hours since 1970, u32: when its body was read last, if that was after it was stored
std::string used(AccountId account, MessageId message);

/// A key range, the end not included.
struct Range {
  std::string from;
  std::string to;
};
Range everything();
Range mailboxes(AccountId account);
Range keywords(AccountId account);
Range subscriptions(AccountId account);
Range accounts();
Range index_of(AccountId account, MailboxId mailbox);
Range bodies_of(AccountId account);
Range body_of(AccountId account, MessageId message);
Range text_of(AccountId account, TextKind kind, MessageId message);
Range text_of_kind(AccountId account, TextKind kind);
Range changes_of(AccountId account, MailboxId mailbox);
Range journal_of(AccountId account);
Range messages_of(AccountId account);
Range references_of(AccountId account, MessageId message);
Range staging_of(AccountId account);
Range garbage_of(AccountId account);
Range used_of(AccountId account);

// Parts of a key, from its end.
Result<MailboxId> mailbox_in(std::string_view mailbox_key);
Result<std::uint16_t> keyword_in(std::string_view keyword_key);
Result<std::string> subscription_in(std::string_view subscription_key);
Result<std::string> account_in(std::string_view account_key);
bool is_account(std::string_view meta_key);
bool is_email_id(std::string_view meta_key);
Result<MailboxId> mailbox_of_row(std::string_view index_key);
Result<imap::Uid> uid_in(std::string_view index_key);
Result<MessageId> content_in(std::string_view content_key);
Result<MessageId> message_of_chunk(std::string_view body_key);
Result<MessageId> message_in(std::string_view message_or_mark_key);
struct TextKey {
  TextKind kind = TextKind::kFields;
  MessageId message;
  std::uint32_t chunk = 0;
};
Result<TextKey> text_in(std::string_view text_key);
Result<std::uint64_t> change_in(std::string_view change_key);
Result<JournalSeq> journal_in(std::string_view journal_key);
Result<std::pair<MailboxId, imap::Uid>> reference_in(std::string_view reference_key);

}  // namespace cache::keys
