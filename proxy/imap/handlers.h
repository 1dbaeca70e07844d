// The handlers of commands: one each, in proxy/imap/commands/. A command without one does not
// compile.
#pragma once

#include "base/task.h"
#include "protocol/imap/commands.h"
#include "proxy/imap/reply.h"
#include "proxy/imap/session.h"

namespace proxy {

// Each runs on the session's loop, writes its untagged responses to session->out(), and returns the
// tagged one. An Error becomes a reply in reply_of() alone; kClosed and kCancelled end the session.
using Handled = Task<Result<Reply>>;

Handled handle(Session* session, imap::CapabilityCommand command);
Handled handle(Session* session, imap::NoopCommand command);
Handled handle(Session* session, imap::LogoutCommand command);
Handled handle(Session* session, imap::IdCommand command);
Handled handle(Session* session, imap::StartTlsCommand command);
Handled handle(Session* session, imap::AuthenticateCommand command);
Handled handle(Session* session, imap::LoginCommand command);
Handled handle(Session* session, imap::EnableCommand command);
Handled handle(Session* session, imap::NamespaceCommand command);
Handled handle(Session* session, imap::CompressCommand command);
Handled handle(Session* session, imap::SelectCommand command);
Handled handle(Session* session, imap::CreateCommand command);
Handled handle(Session* session, imap::DeleteCommand command);
Handled handle(Session* session, imap::RenameCommand command);
Handled handle(Session* session, imap::SubscribeCommand command);
Handled handle(Session* session, imap::UnsubscribeCommand command);
Handled handle(Session* session, imap::ListCommand command);
Handled handle(Session* session, imap::LsubCommand command);
Handled handle(Session* session, imap::StatusCommand command);
Handled handle(Session* session, imap::AppendCommand command);
Handled handle(Session* session, imap::IdleCommand command);
Handled handle(Session* session, imap::CheckCommand command);
Handled handle(Session* session, imap::CloseCommand command);
Handled handle(Session* session, imap::UnselectCommand command);
Handled handle(Session* session, imap::ExpungeCommand command);
Handled handle(Session* session, imap::SearchCommand command);
Handled handle(Session* session, imap::FetchCommand command);
Handled handle(Session* session, imap::StoreCommand command);
Handled handle(Session* session, imap::CopyCommand command);
Handled handle(Session* session, imap::MoveCommand command);

}  // namespace proxy
