#include "cache/records.h"

#include <algorithm>
#include <type_traits>

#include "base/log.h"
#include "cache/codec.h"
#include "cache/keywords.h"

namespace cache {
namespace {

// A record begins with its own version, so that a field can be added without a new schema.
// DO NOT CHANGE: stored.
constexpr std::uint8_t kAccountVersion = 1;
constexpr std::uint8_t kMailboxVersion = 2;  // 1: without `recent`
constexpr std::uint8_t kMessageVersion = 1;

Result<> expect_version(Decoder* decoder, std::uint8_t version, std::string_view what) {
  const auto found = decoder->number<std::uint8_t>();
  if (decoder->ok() && found == version) return {};
  return fail(Errc::kCorruption, fmt::format("{}: unknown record version {}", what, found));
}

void encode_upstream(const UpstreamState& state, Encoder* out) {
  out->text(state.name)
      .number(static_cast<std::uint8_t>(state.delimiter))
      .number(state.uid_validity.value())
      .number(state.uid_next)
      .number(state.highest_modseq)
      .number(state.messages)
      .text(state.mailbox_id)
      .number(static_cast<std::uint8_t>((state.uids_known ? 1 : 0) | (state.flags_known ? 2 : 0) |
                                        (state.accepts_keywords ? 4 : 0)))
      .number(state.last_good_check)
      .number(static_cast<std::uint32_t>(state.permanent_keywords.size()));
  for (const std::string& keyword : state.permanent_keywords) out->text(keyword);
}

UpstreamState decode_upstream(Decoder* in) {
  UpstreamState state;
  state.name = in->text();
  state.delimiter = static_cast<char>(in->number<std::uint8_t>());
  state.uid_validity = imap::UidValidity(in->number<std::uint32_t>());
  state.uid_next = in->number<std::uint32_t>();
  state.highest_modseq = in->number<std::uint64_t>();
  state.messages = in->number<std::uint32_t>();
  state.mailbox_id = in->text();
  const auto bits = in->number<std::uint8_t>();
  state.uids_known = (bits & 1) != 0;
  state.flags_known = (bits & 2) != 0;
  state.accepts_keywords = (bits & 4) != 0;
  state.last_good_check = in->number<std::int64_t>();
  const auto keywords = in->number<std::uint32_t>();
  for (std::uint32_t i = 0; i < keywords && in->ok(); ++i) {
    state.permanent_keywords.emplace_back(in->text());
  }
  return state;
}

}  // namespace

std::string encode_account_record(const AccountRecord& record) {
  std::string bytes;
  Encoder(&bytes)
      .number(kAccountVersion)
      .number(record.id.value())
      .number(record.next_message)
      .number(record.next_mailbox)
      .number(record.modseq_ceiling)
      .number(record.next_journal)
      .number(record.next_uid_validity)
      .number(static_cast<std::uint8_t>(record.listed));
  return bytes;
}

Result<AccountRecord> decode_account_record(std::string_view bytes) {
  Decoder in(bytes);
  TRY_VOID(expect_version(&in, kAccountVersion, "account record"));
  AccountRecord record;
  record.id = AccountId(in.number<std::uint32_t>());
  record.next_message = in.number<std::uint64_t>();
  record.next_mailbox = in.number<std::uint64_t>();
  record.modseq_ceiling = in.number<std::uint64_t>();
  record.next_journal = in.number<std::uint64_t>();
  record.next_uid_validity = in.number<std::uint32_t>();
  record.listed = in.number<std::uint8_t>() != 0;
  TRY_VOID(in.finish("account record"));
  return record;
}

std::string encode_mailbox_record(const MailboxRecord& record) {
  std::string bytes;
  Encoder out(&bytes);
  out.number(kMailboxVersion)
      .text(record.name)
      .number(record.attributes)
      .number(record.uid_validity.value())
      .number(record.uid_next.value())
      .number(record.highest_modseq)
      .number(record.changes_floor)
      .number(record.recent_from.value())
      .number(record.messages)
      .number(record.unseen)
      .number(record.deleted)
      .number(record.size)
      .number(record.summaries)
      .number(record.bodies)
      .number(record.recent);
  encode_upstream(record.upstream, &out);
  return bytes;
}

Result<MailboxRecord> decode_mailbox_record(MailboxId id, std::string_view bytes) {
  Decoder in(bytes);
  const auto version = in.number<std::uint8_t>();
  if (version != 1 && version != kMailboxVersion) {
    return fail(Errc::kCorruption,
                fmt::format("mailbox record: unknown record version {}", version));
  }
  MailboxRecord record;
  record.id = id;
  record.name = in.text();
  record.attributes = in.number<std::uint32_t>();
  record.uid_validity = imap::UidValidity(in.number<std::uint32_t>());
  record.uid_next = imap::Uid(in.number<std::uint32_t>());
  record.highest_modseq = in.number<std::uint64_t>();
  record.changes_floor = in.number<std::uint64_t>();
  record.recent_from = imap::Uid(in.number<std::uint32_t>());
  record.messages = in.number<std::uint32_t>();
  record.unseen = in.number<std::uint32_t>();
  record.deleted = in.number<std::uint32_t>();
  record.size = in.number<std::uint64_t>();
  record.summaries = in.number<std::uint32_t>();
  record.bodies = in.number<std::uint32_t>();
  // Before it was stored: as many as there can be, until the messages are read and counted.
  record.recent =
      version > 1 ? in.number<std::uint32_t>()
                  : std::min(record.messages, record.uid_next.value() - record.recent_from.value());
  record.upstream = decode_upstream(&in);
  TRY_VOID(in.finish("mailbox record"));
  return record;
}

void encode_row(const MessageEntry& entry, const KeywordTable& keywords, std::string* out) {
  const auto visible = keywords.numbers(entry.visible.keywords);
  const auto upstream = keywords.numbers(entry.upstream.keywords);
  Encoder encoder(out);
  encoder.number(entry.message.value())
      .number(entry.modseq)
      .number(entry.upstream_uid.value())
      .number(entry.internal_date)
      .number(entry.size)
      .number(entry.date_zone)
      .number(entry.have)
      .number(static_cast<std::uint8_t>(entry.hidden))
      .number(entry.visible.system.bits())
      .number(entry.upstream.system.bits())
      .number(static_cast<std::uint16_t>(visible.size()))
      .number(static_cast<std::uint16_t>(upstream.size()));
  for (const std::uint16_t number : visible) encoder.number(number);
  for (const std::uint16_t number : upstream) encoder.number(number);
}

Result<MessageEntry> decode_row(imap::Uid uid, std::string_view bytes, KeywordTable* keywords) {
  Decoder in(bytes);
  MessageEntry entry;
  entry.uid = uid;
  entry.message = MessageId(in.number<std::uint64_t>());
  entry.modseq = in.number<std::uint64_t>();
  entry.upstream_uid = imap::Uid(in.number<std::uint32_t>());
  entry.internal_date = in.number<std::int64_t>();
  entry.size = in.number<std::uint64_t>();
  entry.date_zone = in.number<std::int16_t>();
  entry.have = in.number<std::uint8_t>();
  entry.hidden = in.number<std::uint8_t>() != 0;
  entry.visible.system = imap::SystemFlags::from_bits(in.number<std::uint8_t>());
  entry.upstream.system = imap::SystemFlags::from_bits(in.number<std::uint8_t>());
  const auto visible = in.number<std::uint16_t>();
  const auto upstream = in.number<std::uint16_t>();
  const auto read_set = [&in, keywords](std::uint16_t count) -> KeywordSet {
    if (count == 0) return {};
    std::vector<std::uint16_t> numbers;
    numbers.reserve(count);
    for (std::uint16_t i = 0; i < count && in.ok(); ++i) {
      const auto number = in.number<std::uint16_t>();
      // A keyword that the table lacks has lost its name with its record; the flag goes with it.
      if (number < keywords->size()) numbers.push_back(number);
    }
    return keywords->set_of(std::move(numbers));
  };
  entry.visible.keywords = read_set(visible);
  entry.upstream.keywords = read_set(upstream);
  TRY_VOID(in.finish("index row"));
  return entry;
}

std::string encode_message_record(const MessageRecord& record) {
  std::string bytes;
  Encoder(&bytes)
      .number(kMessageVersion)
      .text(record.digest.message_id)
      .number(record.digest.header_hash[0])
      .number(record.digest.header_hash[1])
      .number(record.digest.size)
      .number(record.used_hour)
      .number(static_cast<std::uint8_t>((record.body ? 1 : 0) | (record.text ? 2 : 0)));
  return bytes;
}

Result<MessageRecord> decode_message_record(std::string_view bytes) {
  Decoder in(bytes);
  TRY_VOID(expect_version(&in, kMessageVersion, "message record"));
  MessageRecord record;
  record.digest.message_id = in.text();
  record.digest.header_hash[0] = in.number<std::uint64_t>();
  record.digest.header_hash[1] = in.number<std::uint64_t>();
  record.digest.size = in.number<std::uint64_t>();
  record.used_hour = in.number<std::uint32_t>();
  const auto bits = in.number<std::uint8_t>();
  record.body = (bits & 1) != 0;
  record.text = (bits & 2) != 0;
  TRY_VOID(in.finish("message record"));
  return record;
}

}  // namespace cache
