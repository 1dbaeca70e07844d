// STATUS: RFC 3501 6.3.10; HIGHESTMODSEQ: RFC 7162 3.1.7; SIZE: RFC 8438.
//
// C: A1 STATUS blurdybloop (UIDNEXT MESSAGES)
// S: * STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)
// S: A1 OK STATUS completed
#include "proxy/imap/status_items.h"

#include "proxy/imap/handlers.h"

namespace proxy {

Handled handle(Session* session, imap::StatusCommand command) {
  const Place place = place_of(session->user(), command.mailbox.utf8());
  CO_TRY(const cache::MailboxRecord* record, co_await session->find_mailbox(place));
  if ((record->attributes & cache::kNoSelect) != 0) {
    co_return Reply::no(imap::Code::kCannot, "This name only holds other mailboxes");
  }
  CO_TRY(imap::StatusItems items,
         co_await status_items(session, place.account, record->id, std::move(command.items)));
  session->write(imap::StatusResponse{std::move(command.mailbox), std::move(items)});
  co_return Reply::ok("STATUS completed");
}

}  // namespace proxy
