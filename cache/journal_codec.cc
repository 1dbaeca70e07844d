// Stored form of journal entries; docs/storage.md has the diagram.
#include "cache/codec.h"
#include "cache/journal.h"
#include "cache/set_codec.h"

namespace cache {
namespace {

// DO NOT CHANGE: stored.
constexpr std::uint8_t kVersion = 1;
enum class OpKind : std::uint8_t {
  kFlags = 1,
  kAppend = 2,
  kCopy = 3,
  kExpunge = 4,
  kCreate = 5,
  kDelete = 6,
  kRename = 7,
  kSubscribe = 8,
};

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};

void encode_flags(const imap::FlagList& flags, Encoder* out) {
  out->number(flags.system.bits()).number(static_cast<std::uint16_t>(flags.keywords.size()));
  for (const std::string& keyword : flags.keywords) out->text(keyword);
}

imap::FlagList decode_flags(Decoder* in) {
  imap::FlagList flags;
  flags.system = imap::SystemFlags::from_bits(in->number<std::uint8_t>());
  const auto count = in->number<std::uint16_t>();
  for (std::uint16_t i = 0; i < count && in->ok(); ++i) flags.keywords.emplace_back(in->text());
  return flags;
}

void encode_op(const JournalOp& op, Encoder* out) {
  const auto begin = [out](OpKind kind, MailboxId mailbox) {
    out->number(static_cast<std::uint8_t>(kind)).number(mailbox.value());
  };
  std::visit(
      Overloaded{
          [&](const JournalFlags& flags) {
            begin(OpKind::kFlags, flags.mailbox);
            encode_set(flags.uids, out);
            encode_flags(flags.delta.add, out);
            encode_flags(flags.delta.remove, out);
          },
          [&](const JournalAppend& append) {
            begin(OpKind::kAppend, append.mailbox);
            out->number(append.uid.value()).number(append.message.value());
            encode_flags(append.flags, out);
          },
          [&](const JournalCopy& copy) {
            begin(OpKind::kCopy, copy.to);
            out->number(copy.from.value()).number(static_cast<std::uint8_t>(copy.move));
            out->number(static_cast<std::uint32_t>(copy.uids.size()));
            for (const auto& [from, to] : copy.uids) {
              out->number(from.value()).number(to.value());
            }
          },
          [&](const JournalExpunge& expunge) {
            begin(OpKind::kExpunge, expunge.mailbox);
            encode_set(expunge.uids, out);
          },
          [&](const JournalCreate& create) {
            begin(OpKind::kCreate, create.mailbox);
            out->text(create.special_use);
          },
          [&](const JournalDelete& gone) {
            begin(OpKind::kDelete, gone.mailbox);
            out->text(gone.upstream_name);
          },
          [&](const JournalRename& rename) {
            begin(OpKind::kRename, rename.mailbox);
            out->text(rename.from).text(rename.to);
          },
          [&](const JournalSubscribe& subscribe) {
            begin(OpKind::kSubscribe, MailboxId());
            out->text(subscribe.name).number(static_cast<std::uint8_t>(subscribe.subscribed));
          },
      },
      op);
}

Result<JournalOp> decode_op(Decoder* in) {
  const auto kind = in->number<std::uint8_t>();
  const MailboxId mailbox(in->number<std::uint64_t>());
  switch (static_cast<OpKind>(kind)) {
    case OpKind::kFlags: {
      JournalFlags flags{mailbox, decode_set(in), {}};
      flags.delta.add = decode_flags(in);
      flags.delta.remove = decode_flags(in);
      return flags;
    }
    case OpKind::kAppend: {
      JournalAppend append{mailbox,
                           imap::Uid(in->number<std::uint32_t>()),
                           MessageId(in->number<std::uint64_t>()),
                           {}};
      append.flags = decode_flags(in);
      return append;
    }
    case OpKind::kCopy: {
      JournalCopy copy;
      copy.to = mailbox;
      copy.from = MailboxId(in->number<std::uint64_t>());
      copy.move = in->number<std::uint8_t>() != 0;
      const auto count = in->number<std::uint32_t>();
      for (std::uint32_t i = 0; i < count && in->ok(); ++i) {
        const imap::Uid from(in->number<std::uint32_t>());
        copy.uids.emplace_back(from, imap::Uid(in->number<std::uint32_t>()));
      }
      return copy;
    }
    case OpKind::kExpunge:
      return JournalExpunge{mailbox, decode_set(in)};
    case OpKind::kCreate:
      return JournalCreate{mailbox, std::string(in->text())};
    case OpKind::kDelete:
      return JournalDelete{mailbox, std::string(in->text())};
    case OpKind::kRename: {
      std::string from(in->text());
      return JournalRename{mailbox, std::move(from), std::string(in->text())};
    }
    case OpKind::kSubscribe: {
      std::string name(in->text());
      return JournalSubscribe{std::move(name), in->number<std::uint8_t>() != 0};
    }
  }
  return fail(Errc::kCorruption, "journal entry: unknown operation");
}

}  // namespace

std::string encode_journal_entry(const JournalEntry& entry) {
  std::string bytes;
  Encoder out(&bytes);
  out.number(kVersion)
      .number(static_cast<std::uint8_t>(entry.state))
      .number(entry.created)
      .number(entry.attempts)
      .number(entry.next_try)
      .text(entry.last_answer)
      .number(static_cast<std::uint8_t>(entry.in_flight.has_value()));
  const InFlight note = entry.in_flight.value_or(InFlight{});
  out.number(note.uid_validity.value()).number(note.uid_next.value());
  encode_op(entry.op, &out);
  return bytes;
}

Result<JournalEntry> decode_journal_entry(JournalSeq seq, std::string_view bytes) {
  Decoder in(bytes);
  const auto version = in.number<std::uint8_t>();
  if (!in.ok() || version != kVersion) {
    return fail(Errc::kCorruption, "journal entry: unknown version");
  }
  JournalEntry entry;
  entry.seq = seq;
  const auto state = in.number<std::uint8_t>();
  if (state < static_cast<std::uint8_t>(JournalState::kPending) ||
      state > static_cast<std::uint8_t>(JournalState::kParked)) {
    return fail(Errc::kCorruption, "journal entry: unknown state");
  }
  entry.state = static_cast<JournalState>(state);
  entry.created = in.number<std::int64_t>();
  entry.attempts = in.number<std::uint32_t>();
  entry.next_try = in.number<std::int64_t>();
  entry.last_answer = in.text();
  const bool has_note = in.number<std::uint8_t>() != 0;
  InFlight note;
  note.uid_validity = imap::UidValidity(in.number<std::uint32_t>());
  note.uid_next = imap::Uid(in.number<std::uint32_t>());
  if (has_note) entry.in_flight = note;
  TRY(entry.op, decode_op(&in));
  TRY_VOID(in.finish("journal entry"));
  return entry;
}

MailboxId mailbox_of(const JournalOp& op) {
  return std::visit(Overloaded{
                        [](const JournalCopy& copy) { return copy.to; },
                        [](const JournalSubscribe&) { return MailboxId(); },
                        [](const auto& other) { return other.mailbox; },
                    },
                    op);
}

std::string_view name_of(const JournalOp& op) {
  return std::visit(
      Overloaded{
          [](const JournalFlags&) -> std::string_view { return "STORE"; },
          [](const JournalAppend&) -> std::string_view { return "APPEND"; },
          [](const JournalCopy& copy) -> std::string_view { return copy.move ? "MOVE" : "COPY"; },
          [](const JournalExpunge&) -> std::string_view { return "EXPUNGE"; },
          [](const JournalCreate&) -> std::string_view { return "CREATE"; },
          [](const JournalDelete&) -> std::string_view { return "DELETE"; },
          [](const JournalRename&) -> std::string_view { return "RENAME"; },
          [](const JournalSubscribe& subscribe) -> std::string_view {
            return subscribe.subscribed ? "SUBSCRIBE" : "UNSUBSCRIBE";
          },
      },
      op);
}

}  // namespace cache
