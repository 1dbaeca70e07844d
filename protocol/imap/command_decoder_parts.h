// The decoders of single commands; command_decoder.cc alone calls them.
#pragma once

#include "base/result.h"
#include "protocol/imap/command_decoder.h"
#include "protocol/imap/commands.h"
#include "protocol/imap/lexer.h"

namespace imap::command_decoder {

// Each reads what stands behind the command's name, up to the end of the line, which the caller
// checks.
using Decode = Result<Command> (*)(Lexer& lexer, const CommandLimits& limits);

// command_decoder_session.cc
Result<Command> decode_id(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_authenticate(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_login(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_enable(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_compress(Lexer& lexer, const CommandLimits& limits);

// command_decoder_mailbox.cc
Result<Command> decode_select(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_examine(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_create(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_delete(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_rename(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_subscribe(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_unsubscribe(Lexer& lexer, const CommandLimits& limits);

// command_decoder_list.cc
Result<Command> decode_list(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_lsub(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_status(Lexer& lexer, const CommandLimits& limits);

// command_decoder_append.cc
Result<Command> decode_append(Lexer& lexer, const CommandLimits& limits);

// command_decoder_message.cc
Result<Command> decode_uid_expunge(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_search(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_uid_search(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_fetch(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_uid_fetch(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_store(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_uid_store(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_copy(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_uid_copy(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_move(Lexer& lexer, const CommandLimits& limits);
Result<Command> decode_uid_move(Lexer& lexer, const CommandLimits& limits);

}  // namespace imap::command_decoder
