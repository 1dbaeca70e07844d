// EXPUNGE, SEARCH, FETCH, STORE, COPY, MOVE and their UID forms.
#include "protocol/imap/command_decoder_parts.h"

namespace imap::command_decoder {
namespace {

Result<SequenceSet> set_argument(Lexer& lexer, const CommandLimits& limits) {
  TRY_VOID(lexer.space());
  return decode_sequence_set(lexer, limits.set_ranges);
}

// RETURN "(" [search-return-opt *(SP search-return-opt)] ")"
Result<SearchReturn> decode_search_return(Lexer& lexer) {
  SearchReturn result;
  TRY_VOID(lexer.space());
  TRY_VOID(lexer.expect('('));
  if (lexer.accept(')')) {
    result.all = true;  // RFC 4731 3.1
    return result;
  }
  do {
    if (lexer.accept_word("MIN")) {
      result.min = true;
    } else if (lexer.accept_word("MAX")) {
      result.max = true;
    } else if (lexer.accept_word("ALL")) {
      result.all = true;
    } else if (lexer.accept_word("COUNT")) {
      result.count = true;
    } else {
      return lexer.expected("MIN, MAX, ALL or COUNT");
    }
  } while (lexer.accept(' '));
  TRY_VOID(lexer.expect(')'));
  return result;
}

Result<SearchCommand> search(Lexer& lexer, const CommandLimits& limits) {
  SearchCommand command;
  TRY_VOID(lexer.space());
  if (lexer.accept_word("RETURN")) {
    TRY(const SearchReturn result, decode_search_return(lexer));
    command.result = result;
    TRY_VOID(lexer.space());
  }
  const std::size_t before_charset = lexer.position();
  if (lexer.accept_word("CHARSET")) {
    if (lexer.options().utf8) {
      lexer.seek(before_charset);
      return lexer.error("CHARSET although UTF8=ACCEPT is enabled");  // RFC 6855 section 3
    }
    TRY_VOID(lexer.space());
    TRY(command.charset, lexer.astring_value());
    TRY_VOID(lexer.space());
  }
  TRY(command.key, decode_search_keys(lexer, limits.search));
  return command;
}

// "(CHANGEDSINCE n VANISHED)", behind its "(".
Result<> decode_fetch_modifiers(Lexer& lexer, FetchCommand& command) {
  do {
    if (!command.changed_since && lexer.accept_word("CHANGEDSINCE")) {
      TRY_VOID(lexer.space());
      TRY(const std::uint64_t mod_seq, lexer.number64());
      if (mod_seq == 0) return lexer.error("mod-sequence 0");
      command.changed_since = ModSeq(mod_seq);
    } else if (lexer.accept_word("VANISHED")) {
      command.vanished = true;
    } else {
      return lexer.expected("CHANGEDSINCE or VANISHED");
    }
  } while (lexer.accept(' '));
  TRY_VOID(lexer.expect(')'));
  // RFC 7162 3.2.6: VANISHED needs both.
  if (command.vanished && !(command.uid && command.changed_since)) {
    return lexer.error("VANISHED without UID FETCH and CHANGEDSINCE");
  }
  return {};
}

Result<FetchCommand> fetch(Lexer& lexer, const CommandLimits& limits, bool uid) {
  FetchCommand command;
  command.uid = uid;
  TRY(command.set, set_argument(lexer, limits));
  TRY_VOID(lexer.space());
  TRY(command.items, decode_fetch_items(lexer, limits.fetch_items));
  if (lexer.accept(' ')) {
    TRY_VOID(lexer.expect('('));
    TRY_VOID(decode_fetch_modifiers(lexer, command));
  }
  return command;
}

// flag-list, or flag *(SP flag) without parentheses.
Result<FlagList> decode_store_flags(Lexer& lexer, const CommandLimits& limits) {
  if (lexer.peek() == '(') return decode_flag_list(lexer, limits.flags);
  FlagList flags;
  std::size_t count = 0;
  do {
    if (++count > limits.flags) return fail(Errc::kLimit, "too many flags");
    TRY_VOID(decode_flag(lexer, flags));
  } while (lexer.accept(' '));
  return flags;
}

Result<StoreCommand> store(Lexer& lexer, const CommandLimits& limits) {
  StoreCommand command;
  TRY(command.set, set_argument(lexer, limits));
  TRY_VOID(lexer.space());
  // RFC 7162 section 7: (UNCHANGEDSINCE mod-sequence-valzer)
  if (lexer.accept('(')) {
    if (!lexer.accept_word("UNCHANGEDSINCE")) return lexer.expected("UNCHANGEDSINCE");
    TRY_VOID(lexer.space());
    TRY(const std::uint64_t mod_seq, lexer.number64());
    command.unchanged_since = ModSeq(mod_seq);
    TRY_VOID(lexer.expect(')'));
    TRY_VOID(lexer.space());
  }
  if (lexer.accept('+')) {
    command.mode = StoreCommand::Mode::kAdd;
  } else if (lexer.accept('-')) {
    command.mode = StoreCommand::Mode::kRemove;
  }
  if (lexer.accept_word("FLAGS.SILENT")) {
    command.silent = true;
  } else if (!lexer.accept_word("FLAGS")) {
    return lexer.expected("FLAGS");
  }
  TRY_VOID(lexer.space());
  TRY(command.flags, decode_store_flags(lexer, limits));
  return command;
}

template <class C>
Result<Command> transfer(Lexer& lexer, const CommandLimits& limits, bool uid) {
  C command;
  command.uid = uid;
  TRY(command.set, set_argument(lexer, limits));
  TRY_VOID(lexer.space());
  TRY(command.mailbox, decode_mailbox(lexer));
  return command;
}

}  // namespace

// C: A1 UID EXPUNGE 3000:3002
Result<Command> decode_uid_expunge(Lexer& lexer, const CommandLimits& limits) {
  TRY(SequenceSet uids, set_argument(lexer, limits));
  return ExpungeCommand{std::move(uids)};
}

// C: A1 SEARCH RETURN (COUNT) CHARSET UTF-8 UNSEEN SINCE 1-Feb-1994
Result<Command> decode_search(Lexer& lexer, const CommandLimits& limits) {
  TRY(SearchCommand command, search(lexer, limits));
  return command;
}

Result<Command> decode_uid_search(Lexer& lexer, const CommandLimits& limits) {
  TRY(SearchCommand command, search(lexer, limits));
  command.uid = true;
  return command;
}

// C: A1 FETCH 2:4 (FLAGS BODY.PEEK[HEADER.FIELDS (DATE FROM)])
Result<Command> decode_fetch(Lexer& lexer, const CommandLimits& limits) {
  TRY(FetchCommand command, fetch(lexer, limits, false));
  return command;
}

// C: A1 UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345 VANISHED)
Result<Command> decode_uid_fetch(Lexer& lexer, const CommandLimits& limits) {
  TRY(FetchCommand command, fetch(lexer, limits, true));
  return command;
}

// C: A1 STORE 7,5,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\Deleted)
Result<Command> decode_store(Lexer& lexer, const CommandLimits& limits) {
  TRY(StoreCommand command, store(lexer, limits));
  return command;
}

Result<Command> decode_uid_store(Lexer& lexer, const CommandLimits& limits) {
  TRY(StoreCommand command, store(lexer, limits));
  command.uid = true;
  return command;
}

// C: A1 COPY 2:4 Meeting
Result<Command> decode_copy(Lexer& lexer, const CommandLimits& limits) {
  return transfer<CopyCommand>(lexer, limits, false);
}

Result<Command> decode_uid_copy(Lexer& lexer, const CommandLimits& limits) {
  return transfer<CopyCommand>(lexer, limits, true);
}

Result<Command> decode_move(Lexer& lexer, const CommandLimits& limits) {
  return transfer<MoveCommand>(lexer, limits, false);
}

Result<Command> decode_uid_move(Lexer& lexer, const CommandLimits& limits) {
  return transfer<MoveCommand>(lexer, limits, true);
}

}  // namespace imap::command_decoder
