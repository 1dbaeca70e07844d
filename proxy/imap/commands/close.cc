// CLOSE, UNSELECT, EXPUNGE: RFC 3501 6.4.2, RFC 3691, RFC 3501 6.4.3; UID EXPUNGE: RFC 4315 2.1.
//
// C: A1 EXPUNGE
// S: * 3 EXPUNGE
// S: A1 OK [HIGHESTMODSEQ 20010715194045319] EXPUNGE completed
#include "proxy/imap/handlers.h"

namespace proxy {

Handled handle(Session* session, imap::CloseCommand) {
  Selected& selected = *session->selected();
  if (!selected.read_only) {
    // RFC 3501 6.4.2: removed without a word about which.
    CO_TRY_VOID(co_await selected.account->expunge(selected.mailbox->id(), std::nullopt));
  }
  session->unselect();
  co_return Reply::ok("CLOSE completed");
}

Handled handle(Session* session, imap::UnselectCommand) {
  session->unselect();
  co_return Reply::ok("UNSELECT completed");
}

Handled handle(Session* session, imap::ExpungeCommand command) {
  Selected& selected = *session->selected();
  if (selected.read_only) co_return Reply::no(imap::Code::kNoPerm, "The mailbox is read-only");
  std::optional<imap::SequenceSet> uids;
  if (command.uids) uids = selected.view->uids_of_uids(*command.uids);
  CO_TRY(const imap::SequenceSet removed,
         co_await selected.account->expunge(selected.mailbox->id(), std::move(uids)));
  if (session->condstore() && !removed.empty()) {
    // RFC 7162 3.2.7, 3.2.9
    imap::HighestModSeqCode highest = co_await session->tell_everything(false);
    co_return Reply::ok(std::move(highest), "EXPUNGE completed");
  }
  co_return Reply::ok("EXPUNGE completed");
}

}  // namespace proxy
