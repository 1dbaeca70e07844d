#include "cache/keys.h"

#include "cache/codec.h"

namespace cache::keys {
namespace {

// DO NOT CHANGE: stored.
constexpr char kSchemaTag = 'S';
constexpr char kNextAccountTag = 'N';
constexpr char kAccountTag = 'A';
constexpr char kMailboxTag = 'M';
constexpr char kKeywordTag = 'K';
constexpr char kSubscriptionTag = 'U';
constexpr char kEmailIdTag = 'E';
constexpr char kSequenceTag = 'J';
constexpr char kMessageTag = 'm';
constexpr char kReferenceTag = 'r';
constexpr char kStagingTag = 's';
constexpr char kGarbageTag = 'g';
constexpr char kUsedTag = 'u';

constexpr std::size_t kAccountBytes = 4;

template <class... Parts>
std::string join(Parts... parts) {
  std::string key;
  Encoder encoder(&key);
  (encoder.number(parts), ...);
  return key;
}

// The first key after all that begin with `prefix`.
std::string after(std::string prefix) {
  while (!prefix.empty()) {
    auto last = static_cast<unsigned char>(prefix.back());
    if (last != 0xff) {
      prefix.back() = static_cast<char>(last + 1);
      return prefix;
    }
    prefix.pop_back();
  }
  return "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
}
Range all_with(const std::string& prefix) { return {prefix, after(prefix)}; }

template <class... Parts>
Result<std::tuple<Parts...>> parts_of(std::string_view key, std::size_t skip) {
  if (key.size() < skip) return fail(Errc::kCorruption, "stored key is too short");
  Decoder decoder(key.substr(skip));
  const std::tuple<Parts...> parts{decoder.number<Parts>()...};
  TRY_VOID(decoder.finish("stored key"));
  return parts;
}

}  // namespace

std::string schema() { return join(kSchemaTag); }
std::string next_account() { return join(kNextAccountTag); }
std::string account(std::string_view name) { return join(kAccountTag).append(name); }
std::string mailbox(AccountId account, MailboxId mailbox) {
  return join(kMailboxTag, account.value(), mailbox.value());
}
std::string keyword(AccountId account, std::uint16_t number) {
  return join(kKeywordTag, account.value(), number);
}
std::string subscription(AccountId account, std::string_view name) {
  return join(kSubscriptionTag, account.value()).append(name);
}
std::string email_id(AccountId account, std::string_view email_id) {
  return join(kEmailIdTag, account.value()).append(email_id);
}
std::string sequence() { return join(kSequenceTag); }
std::string index(AccountId account, MailboxId mailbox, imap::Uid uid) {
  return join(account.value(), mailbox.value(), uid.value());
}
std::string content(AccountId account, MessageId message) {
  return join(account.value(), message.value());
}
std::string body(AccountId account, MessageId message, std::uint32_t chunk) {
  return join(account.value(), message.value(), chunk);
}
std::string text(AccountId account, TextKind kind, MessageId message, std::uint32_t chunk) {
  return join(account.value(), static_cast<std::uint8_t>(kind), message.value(), chunk);
}
std::string change(AccountId account, MailboxId mailbox, std::uint64_t modseq) {
  return join(account.value(), mailbox.value(), modseq);
}
std::string journal(AccountId account, JournalSeq seq) {
  return join(account.value(), seq.value());
}
std::string message(AccountId account, MessageId message) {
  return join(account.value(), kMessageTag, message.value());
}
std::string reference(AccountId account, MessageId message, MailboxId mailbox, imap::Uid uid) {
  return join(account.value(), kReferenceTag, message.value(), mailbox.value(), uid.value());
}
std::string staging(AccountId account, MessageId message) {
  return join(account.value(), kStagingTag, message.value());
}
std::string garbage(AccountId account, MessageId message) {
  return join(account.value(), kGarbageTag, message.value());
}
std::string used(AccountId account, MessageId message) {
  return join(account.value(), kUsedTag, message.value());
}

Range mailboxes(AccountId account) { return all_with(join(kMailboxTag, account.value())); }
Range keywords(AccountId account) { return all_with(join(kKeywordTag, account.value())); }
Range subscriptions(AccountId account) { return all_with(join(kSubscriptionTag, account.value())); }
Range everything() { return {std::string(), after({})}; }
Range accounts() { return all_with(join(kAccountTag)); }
Range index_of(AccountId account, MailboxId mailbox) {
  return all_with(join(account.value(), mailbox.value()));
}
Range bodies_of(AccountId account) { return all_with(join(account.value())); }
Range body_of(AccountId account, MessageId message) {
  return all_with(join(account.value(), message.value()));
}
Range text_of(AccountId account, TextKind kind, MessageId message) {
  return all_with(join(account.value(), static_cast<std::uint8_t>(kind), message.value()));
}
Range text_of_kind(AccountId account, TextKind kind) {
  return all_with(join(account.value(), static_cast<std::uint8_t>(kind)));
}
Range changes_of(AccountId account, MailboxId mailbox) {
  return all_with(join(account.value(), mailbox.value()));
}
Range journal_of(AccountId account) { return all_with(join(account.value())); }
Range messages_of(AccountId account) { return all_with(join(account.value(), kMessageTag)); }
Range references_of(AccountId account, MessageId message) {
  return all_with(join(account.value(), kReferenceTag, message.value()));
}
Range staging_of(AccountId account) { return all_with(join(account.value(), kStagingTag)); }
Range garbage_of(AccountId account) { return all_with(join(account.value(), kGarbageTag)); }
Range used_of(AccountId account) { return all_with(join(account.value(), kUsedTag)); }

Result<MailboxId> mailbox_in(std::string_view mailbox_key) {
  TRY(const auto parts, parts_of<std::uint64_t>(mailbox_key, 1 + kAccountBytes));
  return MailboxId(std::get<0>(parts));
}
Result<std::uint16_t> keyword_in(std::string_view keyword_key) {
  TRY(const auto parts, parts_of<std::uint16_t>(keyword_key, 1 + kAccountBytes));
  return std::get<0>(parts);
}
Result<std::string> subscription_in(std::string_view subscription_key) {
  if (subscription_key.size() < 1 + kAccountBytes) {
    return fail(Errc::kCorruption, "stored key is too short");
  }
  return std::string(subscription_key.substr(1 + kAccountBytes));
}
Result<std::string> account_in(std::string_view account_key) {
  if (account_key.empty()) return fail(Errc::kCorruption, "stored key is too short");
  return std::string(account_key.substr(1));
}
bool is_account(std::string_view meta_key) { return meta_key.starts_with(kAccountTag); }
bool is_email_id(std::string_view meta_key) { return meta_key.starts_with(kEmailIdTag); }
Result<MailboxId> mailbox_of_row(std::string_view index_key) {
  TRY(const auto parts,
      parts_of<std::uint64_t>(index_key.substr(0, kAccountBytes + 8), kAccountBytes));
  return MailboxId(std::get<0>(parts));
}
Result<imap::Uid> uid_in(std::string_view index_key) {
  TRY(const auto parts, parts_of<std::uint32_t>(index_key, kAccountBytes + 8));
  return imap::Uid(std::get<0>(parts));
}
Result<MessageId> content_in(std::string_view content_key) {
  TRY(const auto parts, parts_of<std::uint64_t>(content_key, kAccountBytes));
  return MessageId(std::get<0>(parts));
}
Result<MessageId> message_of_chunk(std::string_view body_key) {
  return content_in(body_key.substr(0, kAccountBytes + 8));
}
Result<MessageId> message_in(std::string_view message_or_mark_key) {
  TRY(const auto parts, parts_of<std::uint64_t>(message_or_mark_key, kAccountBytes + 1));
  return MessageId(std::get<0>(parts));
}
Result<TextKey> text_in(std::string_view text_key) {
  TRY(const auto parts,
      (parts_of<std::uint8_t, std::uint64_t, std::uint32_t>(text_key, kAccountBytes)));
  const auto [kind, message, chunk] = parts;
  if (kind > static_cast<std::uint8_t>(TextKind::kBody)) {
    return fail(Errc::kCorruption, "stored text key has an unknown kind");
  }
  return TextKey{static_cast<TextKind>(kind), MessageId(message), chunk};
}
Result<std::uint64_t> change_in(std::string_view change_key) {
  TRY(const auto parts, parts_of<std::uint64_t>(change_key, kAccountBytes + 8));
  return std::get<0>(parts);
}
Result<JournalSeq> journal_in(std::string_view journal_key) {
  TRY(const auto parts, parts_of<std::uint64_t>(journal_key, kAccountBytes));
  return JournalSeq(std::get<0>(parts));
}
Result<std::pair<MailboxId, imap::Uid>> reference_in(std::string_view reference_key) {
  TRY(const auto parts,
      (parts_of<std::uint64_t, std::uint32_t>(reference_key, kAccountBytes + 1 + 8)));
  return std::pair(MailboxId(std::get<0>(parts)), imap::Uid(std::get<1>(parts)));
}

}  // namespace cache::keys
