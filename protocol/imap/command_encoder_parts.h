// The encoders of single commands; command_encoder.cc alone calls them.
#pragma once

#include "protocol/imap/commands.h"
#include "protocol/imap/writer.h"

namespace imap::command_encoder {

// Each writes what stands behind the command's name, with the space before it, without the CRLF.

// command_encoder_session.cc
void encode(Writer& writer, const IdCommand& command);
void encode(Writer& writer, const AuthenticateCommand& command);
void encode(Writer& writer, const LoginCommand& command);
void encode(Writer& writer, const EnableCommand& command);
void encode(Writer& writer, const CompressCommand& command);

// command_encoder_mailbox.cc
void encode(Writer& writer, const SelectCommand& command);
void encode(Writer& writer, const CreateCommand& command);
void encode(Writer& writer, const DeleteCommand& command);
void encode(Writer& writer, const RenameCommand& command);
void encode(Writer& writer, const SubscribeCommand& command);
void encode(Writer& writer, const UnsubscribeCommand& command);
void encode(Writer& writer, const ListCommand& command);
void encode(Writer& writer, const LsubCommand& command);
void encode(Writer& writer, const StatusCommand& command);

// command_encoder_message.cc
void encode(Writer& writer, const AppendCommand& command);
void encode(Writer& writer, const ExpungeCommand& command);
void encode(Writer& writer, const SearchCommand& command);
void encode(Writer& writer, const FetchCommand& command);
void encode(Writer& writer, const StoreCommand& command);
void encode(Writer& writer, const CopyCommand& command);
void encode(Writer& writer, const MoveCommand& command);

}  // namespace imap::command_encoder
