// APPEND and MULTIAPPEND.
#include "protocol/imap/command_decoder_parts.h"
#include "protocol/imap/command_table.h"

namespace imap::command_decoder {
namespace {

// SP [flag-list SP] [date-time SP] ["UTF8 ("]: all that precedes the literal of a message.
Result<AppendMessage> decode_message_start(Lexer& lexer, const CommandLimits& limits) {
  AppendMessage message;
  TRY_VOID(lexer.space());
  if (lexer.peek() == '(') {
    TRY(message.flags, decode_flag_list(lexer, limits.flags));
    TRY_VOID(lexer.space());
  }
  if (lexer.peek() == '"') {
    TRY(const DateTime date, decode_date_time(lexer));
    message.internal_date = date;
    TRY_VOID(lexer.space());
  }
  // RFC 6855 section 4: UTF8 (~{n})
  if (lexer.accept_word("UTF8")) {
    message.utf8 = true;
    TRY_VOID(lexer.space());
    TRY_VOID(lexer.expect('('));
  }
  return message;
}

Result<> decode_message_data(Lexer& lexer, AppendMessage& message) {
  TRY(const StringToken token, lexer.literal(true));
  message.binary = token.binary;
  message.size_bytes = token.size_bytes;
  if (token.form == StringToken::Form::kStreamed) {
    message.streamed = token.streamed_index;
  } else {
    message.bytes = token.raw;
  }
  if (!message.utf8) return {};
  if (!message.binary) return lexer.error("UTF8 without a literal8");
  return lexer.expect(')');
}

}  // namespace

// C: A1 APPEND Drafts (\Draft) "17-Jul-1996 02:44:25 -0700" {310}
Result<Command> decode_append(Lexer& lexer, const CommandLimits& limits) {
  AppendCommand command;
  TRY_VOID(lexer.space());
  TRY(command.mailbox, decode_mailbox(lexer));
  do {
    if (command.messages.size() == limits.append_messages) {
      return fail(Errc::kLimit, "too many messages");
    }
    TRY(AppendMessage message, decode_message_start(lexer, limits));
    TRY_VOID(decode_message_data(lexer, message));
    command.messages.push_back(std::move(message));
  } while (!lexer.at_end());
  return command;
}

}  // namespace imap::command_decoder

namespace imap {
namespace {

// Whether nothing but the header of one literal is left.
bool only_header_left(const Lexer& lexer) {
  const std::string_view rest = lexer.rest();
  return (rest.starts_with('{') || rest.starts_with("~{")) && rest.find('\n') == rest.size() - 1;
}

Result<AppendStart> decode_append_start(const Frame& partial, const CommandOptions& options) {
  Lexer lexer(partial, {.utf8 = options.utf8});
  AppendStart start;
  TRY(const std::string_view tag, lexer.tag());
  start.tag = tag;
  if (!lexer.accept_prefix(" APPEND ")) return lexer.expected("APPEND");
  TRY(start.mailbox, decode_mailbox(lexer));
  while (start.message_index < options.limits.append_messages) {
    TRY(AppendMessage message, command_decoder::decode_message_start(lexer, options.limits));
    if (only_header_left(lexer)) return start;
    TRY_VOID(command_decoder::decode_message_data(lexer, message));
    ++start.message_index;
  }
  return lexer.error("too many messages");
}

}  // namespace

std::optional<AppendStart> find_append_start(const Frame& partial, const CommandOptions& options) {
  auto start = decode_append_start(partial, options);
  if (!start) return std::nullopt;
  return std::move(*start);
}

}  // namespace imap
