// STORE: RFC 3501 6.4.6; UNCHANGEDSINCE and MODIFIED: RFC 7162 3.1.3.
//
// C: A1 STORE 2:4 +FLAGS (\Deleted)
// S: * 2 FETCH (FLAGS (\Deleted \Seen))
// S: A1 OK STORE completed
#include "proxy/imap/fetch/flags.h"
#include "proxy/imap/handlers.h"
#include "proxy/imap/message_set.h"

namespace proxy {

Handled handle(Session* session, imap::StoreCommand command) {
  Selected& selected = *session->selected();
  if (selected.read_only) co_return Reply::no(imap::Code::kNoPerm, "The mailbox is read-only");
  if (command.unchanged_since) session->enable_condstore();
  CO_TRY(const NamedMessages named, named_messages(*selected.view, command.set, command.uid));
  std::optional<std::uint64_t> unchanged_since;
  if (command.unchanged_since) unchanged_since = command.unchanged_since->value();

  Result<cache::StoreResult> result;
  const cache::MailboxId mailbox = selected.mailbox->id();
  if (command.mode == imap::StoreCommand::Mode::kReplace) {
    result = co_await selected.account->replace_flags(mailbox, named.uids, std::move(command.flags),
                                                      unchanged_since, selected.view.get());
  } else {
    cache::FlagDelta delta;
    (command.mode == imap::StoreCommand::Mode::kAdd ? delta.add : delta.remove) =
        std::move(command.flags);
    result = co_await selected.account->store_flags(mailbox, named.uids, std::move(delta),
                                                    unchanged_since, selected.view.get());
  }
  if (!result) co_return fail(std::move(result).error());
  selected.view->forget_flag_changes(result->changed);
  // RFC 7162 3.1.3: with CONDSTORE the new MODSEQ is told even after .SILENT, and the UID with it
  // (3.2.4).
  if (!command.silent || session->condstore()) {
    const FlagWriter flags(session, {.uid = command.uid || session->condstore(),
                                     .mod_seq = session->condstore(),
                                     .flags = !command.silent});
    for (const imap::SequenceSet::Range& range : result->changed.ranges()) {
      flags.write_range(imap::Uid(range.first), imap::Uid(range.last), &session->out());
    }
  }
  if (!result->modified.empty()) {
    imap::ModifiedCode modified;
    if (command.uid) {
      modified.messages = result->modified;
    } else {
      for (const std::uint32_t uid : result->modified) {
        if (const auto number = selected.view->sequence_of(imap::Uid(uid))) {
          modified.messages.add(*number);
        }
      }
    }
    co_return Reply::ok(std::move(modified), "Conditional STORE: some were changed by others");
  }
  if (named.names_expunged) {
    co_return Reply::no(imap::Code::kExpungeIssued, "Some of the messages no longer exist");
  }
  co_return Reply::ok("STORE completed");
}

}  // namespace proxy
