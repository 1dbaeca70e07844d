// LIST, LSUB, STATUS.
#include <algorithm>

#include "protocol/imap/command_decoder_parts.h"
#include "protocol/imap/command_table.h"
#include "protocol/imap/utf7.h"

namespace imap::command_decoder {
namespace {

// A pattern or a reference need not be a whole name, so a broken one is no error: it matches
// nothing.
Result<std::string> pattern_to_utf8(std::string_view wire, const Lexer& lexer) {
  if (wire.size() > 4 * MailboxName::kMaxBytes) return fail(Errc::kLimit, "pattern too long");
  if (lexer.options().utf8 && is_valid_utf8(wire)) return std::string(wire);
  return decode_utf7_tolerant(wire);
}

Result<std::string> decode_reference(Lexer& lexer) {
  TRY_VOID(lexer.space());
  TRY(const std::string wire, lexer.astring_value());
  return pattern_to_utf8(wire, lexer);
}

Result<std::string> decode_pattern(Lexer& lexer) {
  TRY(const StringToken token, lexer.list_mailbox());
  if (token.form == StringToken::Form::kStreamed) return lexer.expected("a shorter pattern");
  return pattern_to_utf8(token.str(), lexer);
}

// "(" status-att *(SP status-att) ")"
Result<std::vector<StatusItem>> decode_status_items(Lexer& lexer) {
  std::vector<StatusItem> items;
  TRY_VOID(lexer.expect('('));
  do {
    const std::size_t begin = lexer.position();
    TRY(const std::string_view name, lexer.atom());
    const auto item = parse_status_item(name);
    if (!item) {
      lexer.seek(begin);
      return lexer.expected("a STATUS item");
    }
    if (std::find(items.begin(), items.end(), *item) == items.end()) items.push_back(*item);
  } while (lexer.accept(' '));
  TRY_VOID(lexer.expect(')'));
  return items;
}

// RFC 5258 section 6: list-select-opts, behind its "(".
Result<> decode_selection_options(Lexer& lexer, ListCommand& command) {
  command.extended = true;
  if (lexer.accept(')')) return {};
  do {
    if (lexer.accept_word("SUBSCRIBED")) {
      command.select_subscribed = true;
    } else if (lexer.accept_word("REMOTE")) {
      command.select_remote = true;
    } else if (lexer.accept_word("RECURSIVEMATCH")) {
      command.select_recursive_match = true;
    } else if (lexer.accept_word("SPECIAL-USE")) {
      command.select_special_use = true;
    } else {
      return lexer.expected("a selection option");
    }
  } while (lexer.accept(' '));
  TRY_VOID(lexer.expect(')'));
  if (command.select_recursive_match && !command.select_subscribed) {
    return lexer.error("RECURSIVEMATCH without SUBSCRIBED");
  }
  return {};
}

// RFC 5258 section 6: list-return-opts, behind "RETURN".
Result<> decode_return_options(Lexer& lexer, ListCommand& command) {
  command.extended = true;
  TRY_VOID(lexer.space());
  TRY_VOID(lexer.expect('('));
  if (lexer.accept(')')) return {};
  do {
    if (lexer.accept_word("SUBSCRIBED")) {
      command.return_subscribed = true;
    } else if (lexer.accept_word("CHILDREN")) {
      command.return_children = true;
    } else if (lexer.accept_word("SPECIAL-USE")) {
      command.return_special_use = true;
    } else if (lexer.accept_word("STATUS")) {
      TRY_VOID(lexer.space());
      TRY(std::vector<StatusItem> items, decode_status_items(lexer));
      command.return_status = std::move(items);
    } else {
      return lexer.expected("a return option");
    }
  } while (lexer.accept(' '));
  return lexer.expect(')');
}

}  // namespace

// C: A1 LIST (SUBSCRIBED) "" ("%" "Work/%") RETURN (CHILDREN STATUS (UNSEEN))
Result<Command> decode_list(Lexer& lexer, const CommandLimits& limits) {
  ListCommand command;
  if (lexer.accept_prefix(" (")) TRY_VOID(decode_selection_options(lexer, command));
  TRY(command.reference, decode_reference(lexer));
  TRY_VOID(lexer.space());
  if (lexer.accept('(')) {
    command.extended = true;
    do {
      if (command.patterns.size() == limits.list_patterns) {
        return fail(Errc::kLimit, "too many patterns");
      }
      TRY(std::string pattern, decode_pattern(lexer));
      command.patterns.push_back(std::move(pattern));
    } while (lexer.accept(' '));
    TRY_VOID(lexer.expect(')'));
  } else {
    TRY(std::string pattern, decode_pattern(lexer));
    command.patterns.push_back(std::move(pattern));
  }
  if (lexer.accept(' ')) {
    if (!lexer.accept_word("RETURN")) return lexer.expected("RETURN");
    TRY_VOID(decode_return_options(lexer, command));
  }
  return command;
}

// C: A1 LSUB "" "*"
Result<Command> decode_lsub(Lexer& lexer, const CommandLimits&) {
  LsubCommand command;
  TRY(command.reference, decode_reference(lexer));
  TRY_VOID(lexer.space());
  TRY(command.pattern, decode_pattern(lexer));
  return command;
}

// C: A1 STATUS INBOX (UIDNEXT MESSAGES)
Result<Command> decode_status(Lexer& lexer, const CommandLimits&) {
  StatusCommand command;
  TRY_VOID(lexer.space());
  TRY(command.mailbox, decode_mailbox(lexer));
  TRY_VOID(lexer.space());
  TRY(command.items, decode_status_items(lexer));
  return command;
}

}  // namespace imap::command_decoder
