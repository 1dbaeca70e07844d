#include "proxy/imap/status_items.h"

namespace proxy {

Task<Result<imap::StatusItems>> status_items(Session* session, cache::Account* account,
                                             cache::MailboxId mailbox,
                                             std::vector<imap::StatusItem> items) {
  const cache::MailboxRecord* record = account->find_mailbox(mailbox);
  if (record != nullptr && !is_selectable(*account, *record)) {
    CO_TRY_VOID(co_await account->remote().ensure_selectable(mailbox, session->stop()));
  }
  CO_TRY_VOID(co_await account->settled());
  record = account->find_mailbox(mailbox);
  if (record == nullptr) co_return fail(Errc::kNotFound, "No such mailbox");
  imap::StatusItems found;
  for (const imap::StatusItem item : items) {
    switch (item) {
      case imap::StatusItem::kMessages:
        found.messages = record->messages;
        break;
      case imap::StatusItem::kRecent:
        found.recent = record->recent;
        break;
      case imap::StatusItem::kUidNext:
        found.uid_next = record->uid_next;
        break;
      case imap::StatusItem::kUidValidity:
        found.uid_validity = record->uid_validity;
        break;
      case imap::StatusItem::kUnseen:
        found.unseen = record->unseen;
        break;
      case imap::StatusItem::kDeleted:
        found.deleted = record->deleted;
        break;
      case imap::StatusItem::kSize:
        found.size_bytes = record->size;
        break;
      case imap::StatusItem::kHighestModSeq:
        session->enable_condstore();  // RFC 7162 3.1: asking for it switches it on
        found.highest_mod_seq = imap::ModSeq(record->highest_modseq);
        break;
      case imap::StatusItem::kMailboxId:
        found.mailbox_id = mailbox_object_id(*account, mailbox);
        break;
      case imap::StatusItem::kAppendLimit:
        found.append_limit = session->limits().max_append_bytes;
        break;
    }
  }
  co_return found;
}

}  // namespace proxy
