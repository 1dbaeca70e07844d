#include "protocol/imap/status_response.h"

#include "protocol/imap/response_decoder_data.h"

namespace imap {
namespace {

void read_item(Value name, Value value, StatusItems* items) {
  const auto number = read_exact_number(value);
  if (name.equals("MESSAGES")) {
    items->messages = number;
  } else if (name.equals("RECENT")) {
    items->recent = number;
  } else if (name.equals("UIDNEXT")) {
    if (number.value_or(0) != 0) items->uid_next = Uid(*number);
  } else if (name.equals("UIDVALIDITY")) {
    if (number.value_or(0) != 0) items->uid_validity = UidValidity(*number);
  } else if (name.equals("UNSEEN")) {
    items->unseen = number;
  } else if (name.equals("DELETED")) {
    items->deleted = number;
  } else if (name.equals("SIZE")) {
    items->size_bytes = value.number();
  } else if (name.equals("HIGHESTMODSEQ")) {
    // RFC 7162 3.1.7: 0 means that the mailbox has none; -1 (Zoho) is dropped.
    if (value.equals("0")) items->highest_mod_seq = ModSeq();
    if (const auto mod_seq = read_mod_seq(value)) items->highest_mod_seq = mod_seq;
  } else if (name.equals("MAILBOXID")) {
    items->mailbox_id = read_object_id(value);
  } else if (name.equals("APPENDLIMIT")) {
    items->append_limit = value.number();
  }
}

}  // namespace

std::optional<StatusResponse> read_status(Values values, const DecodingContext& context) {
  const Value first = values.take();
  if (first.kind() == ValueKind::kAbsent || first.is_list() || first.is_streamed()) {
    return std::nullopt;
  }
  std::string_view name = first.raw();
  // A name with spaces and no quotes goes on to the list.
  while (!first.is_string() && !values.done() && !values.peek().is_list()) {
    const Value more = values.take();
    name = context.line.substr(first.offset(), more.offset() + more.raw().size() - first.offset());
  }
  StatusResponse response;
  response.mailbox =
      MailboxName::from_server(first.is_string() ? first.bytes() : std::string(name), context.utf8);
  Values items = values.take().children();  // empty or missing: Coremail
  while (!items.done()) {
    const Value item = items.take();
    read_item(item, items.take(), &response.items);
  }
  return response;
}

void encode_response(Writer& writer, const StatusResponse& response) {
  const StatusItems& items = response.items;
  writer.raw("* STATUS ");
  encode_mailbox(writer, response.mailbox);
  writer.raw(" (");
  bool first = true;
  const auto put = [&](std::string_view name, std::uint64_t value) {
    writer.separate(first);
    writer.atom(name);
    writer.space();
    writer.number(value);
  };
  if (items.messages) put("MESSAGES", *items.messages);
  if (items.recent) put("RECENT", *items.recent);
  if (items.uid_next) put("UIDNEXT", items.uid_next->value());
  if (items.uid_validity) put("UIDVALIDITY", items.uid_validity->value());
  if (items.unseen) put("UNSEEN", *items.unseen);
  if (items.deleted) put("DELETED", *items.deleted);
  if (items.size_bytes) put("SIZE", *items.size_bytes);
  if (items.highest_mod_seq) put("HIGHESTMODSEQ", items.highest_mod_seq->value());
  if (items.mailbox_id) {
    writer.separate(first);
    writer.raw("MAILBOXID (");
    writer.atom(*items.mailbox_id);
    writer.close();
  }
  if (items.append_limit) put("APPENDLIMIT", *items.append_limit);
  writer.close();
  writer.crlf();
}

}  // namespace imap
