// APPEND, EXPUNGE, SEARCH, FETCH, STORE, COPY, MOVE and their UID forms.
#include "base/check.h"
#include "protocol/imap/command_encoder_parts.h"

namespace imap::command_encoder {
namespace {

void put_set(Writer& writer, const SequenceSet& set) {
  writer.space();
  set.encode_to(writer.out());
}

void put_message(Writer& writer, const AppendMessage& message, std::size_t index) {
  writer.space();
  if (!message.flags.empty()) {
    encode_flag_list(writer, message.flags);
    writer.space();
  }
  if (message.internal_date) {
    encode_date_time(writer, *message.internal_date);
    writer.space();
  }
  const bool binary = message.binary || message.utf8;
  if (message.utf8) writer.raw("UTF8 (");
  if (message.streamed || writer.options().literals == LiteralStyle::kTrace) {
    writer.literal_header(message.size_bytes, binary, index);
  } else {
    CHECK(message.bytes.size() == message.size_bytes);
    writer.literal(message.bytes, binary);
  }
  if (message.utf8) writer.close();
}

}  // namespace

void encode(Writer& writer, const AppendCommand& command) {
  CHECK(!command.messages.empty());
  writer.space();
  encode_mailbox(writer, command.mailbox);
  for (std::size_t i = 0; i < command.messages.size(); ++i) {
    put_message(writer, command.messages[i], i);
  }
}

void encode(Writer& writer, const ExpungeCommand& command) {
  if (command.uids) put_set(writer, *command.uids);
}

void encode(Writer& writer, const SearchCommand& command) {
  if (command.result) {
    writer.raw(" RETURN (");
    bool first = true;
    const auto put = [&](bool chosen, std::string_view name) {
      if (!chosen) return;
      writer.separate(first);
      writer.atom(name);
    };
    put(command.result->min, "MIN");
    put(command.result->max, "MAX");
    put(command.result->all, "ALL");
    put(command.result->count, "COUNT");
    writer.close();
  }
  // RFC 6855 section 3: no charset with UTF8=ACCEPT. RFC 3501 6.4.4: without one, text is US-ASCII.
  if (!writer.options().utf8) {
    const bool unnamed = command.charset.empty() && needs_charset(command.key);
    if (unnamed) {
      writer.raw(" CHARSET UTF-8");
    } else if (!command.charset.empty()) {
      writer.raw(" CHARSET ");
      writer.astring(command.charset);
    }
  }
  writer.space();
  encode_search_keys(writer, command.key);
}

void encode(Writer& writer, const FetchCommand& command) {
  put_set(writer, command.set);
  writer.space();
  encode_fetch_items(writer, command.items);
  if (!command.changed_since) return;
  writer.raw(" (CHANGEDSINCE ");
  writer.number(command.changed_since->value());
  if (command.vanished) writer.raw(" VANISHED");
  writer.close();
}

void encode(Writer& writer, const StoreCommand& command) {
  put_set(writer, command.set);
  writer.space();
  if (command.unchanged_since) {
    writer.raw("(UNCHANGEDSINCE ");
    writer.number(command.unchanged_since->value());
    writer.raw(") ");
  }
  if (command.mode == StoreCommand::Mode::kAdd) writer.raw('+');
  if (command.mode == StoreCommand::Mode::kRemove) writer.raw('-');
  writer.raw(command.silent ? "FLAGS.SILENT " : "FLAGS ");
  encode_flag_list(writer, command.flags);
}

void encode(Writer& writer, const CopyCommand& command) {
  put_set(writer, command.set);
  writer.space();
  encode_mailbox(writer, command.mailbox);
}

void encode(Writer& writer, const MoveCommand& command) {
  put_set(writer, command.set);
  writer.space();
  encode_mailbox(writer, command.mailbox);
}

}  // namespace imap::command_encoder
