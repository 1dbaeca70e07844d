// SELECT, EXAMINE, CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE.
#include "protocol/imap/command_decoder_parts.h"

namespace imap::command_decoder {
namespace {

Result<MailboxName> mailbox_argument(Lexer& lexer) {
  TRY_VOID(lexer.space());
  return decode_mailbox(lexer);
}

// RFC 7162 section 7: known-uids and its like hold no "*".
Result<SequenceSet> known_set(Lexer& lexer, const CommandLimits& limits) {
  TRY(SequenceSet set, decode_sequence_set(lexer, limits.set_ranges));
  if (set.has_star()) return lexer.error("\"*\" in a set of known messages");
  return set;
}

// (<uidvalidity> <modseq> [<known-uids>] [(<sequence-set> <uid-set>)])
Result<QresyncParameter> decode_qresync(Lexer& lexer, const CommandLimits& limits) {
  QresyncParameter qresync;
  TRY_VOID(lexer.space());
  TRY_VOID(lexer.expect('('));
  TRY(const std::uint32_t validity, lexer.nz_number());
  qresync.uid_validity = UidValidity(validity);
  TRY_VOID(lexer.space());
  TRY(const std::uint64_t mod_seq, lexer.number64());
  if (mod_seq == 0) return lexer.error("mod-sequence 0");
  qresync.mod_seq = ModSeq(mod_seq);
  bool more = lexer.accept(' ');
  if (more && lexer.peek() != '(') {
    TRY(SequenceSet known, known_set(lexer, limits));
    qresync.known_uids = std::move(known);
    more = lexer.accept(' ');
  }
  if (more) {
    TRY_VOID(lexer.expect('('));
    TRY(SequenceSet sequence, known_set(lexer, limits));
    TRY_VOID(lexer.space());
    TRY(SequenceSet uids, known_set(lexer, limits));
    TRY_VOID(lexer.expect(')'));
    qresync.sequence_match.emplace(std::move(sequence), std::move(uids));
  }
  TRY_VOID(lexer.expect(')'));
  return qresync;
}

Result<SelectCommand> decode_selection(Lexer& lexer, const CommandLimits& limits) {
  SelectCommand command;
  TRY(command.mailbox, mailbox_argument(lexer));
  if (!lexer.accept(' ')) return command;
  // RFC 4466 2.1: select-params.
  TRY_VOID(lexer.expect('('));
  do {
    if (lexer.accept_word("CONDSTORE")) {
      command.condstore = true;
    } else if (!command.qresync && lexer.accept_word("QRESYNC")) {
      TRY(QresyncParameter qresync, decode_qresync(lexer, limits));
      command.qresync = std::move(qresync);
    } else {
      return lexer.expected("CONDSTORE or QRESYNC");
    }
  } while (lexer.accept(' '));
  TRY_VOID(lexer.expect(')'));
  return command;
}

template <class C>
Result<Command> decode_name_only(Lexer& lexer) {
  TRY(MailboxName mailbox, mailbox_argument(lexer));
  return C{std::move(mailbox)};
}

}  // namespace

// C: A1 SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211 (1 41)))
Result<Command> decode_select(Lexer& lexer, const CommandLimits& limits) {
  TRY(SelectCommand command, decode_selection(lexer, limits));
  return command;
}

Result<Command> decode_examine(Lexer& lexer, const CommandLimits& limits) {
  TRY(SelectCommand command, decode_selection(lexer, limits));
  command.read_only = true;
  return command;
}

// C: A1 CREATE "Sent Mail" (USE (\Sent))
Result<Command> decode_create(Lexer& lexer, const CommandLimits& limits) {
  CreateCommand command;
  TRY(command.mailbox, mailbox_argument(lexer));
  if (!lexer.accept(' ')) return command;
  TRY_VOID(lexer.expect('('));
  if (!lexer.accept_word("USE")) return lexer.expected("USE");
  TRY_VOID(lexer.space());
  TRY_VOID(lexer.expect('('));
  if (!lexer.accept(')')) {
    do {
      if (command.special_use.size() == limits.names) return fail(Errc::kLimit, "too many uses");
      const std::size_t begin = lexer.position();
      TRY_VOID(lexer.expect('\\'));
      TRY_VOID(lexer.atom());
      command.special_use.emplace_back(lexer.slice(begin));
    } while (lexer.accept(' '));
    TRY_VOID(lexer.expect(')'));
  }
  TRY_VOID(lexer.expect(')'));
  return command;
}

Result<Command> decode_delete(Lexer& lexer, const CommandLimits&) {
  return decode_name_only<DeleteCommand>(lexer);
}

Result<Command> decode_rename(Lexer& lexer, const CommandLimits&) {
  RenameCommand command;
  TRY(command.from, mailbox_argument(lexer));
  TRY(command.to, mailbox_argument(lexer));
  return command;
}

Result<Command> decode_subscribe(Lexer& lexer, const CommandLimits&) {
  return decode_name_only<SubscribeCommand>(lexer);
}

Result<Command> decode_unsubscribe(Lexer& lexer, const CommandLimits&) {
  return decode_name_only<UnsubscribeCommand>(lexer);
}

}  // namespace imap::command_decoder
