// APPEND: RFC 3501 6.3.11; APPENDUID: RFC 4315 3; several messages: RFC 3502.
//
// C: A1 APPEND Drafts (\Seen) {310}
// S: + go ahead
// C: … 310 bytes, then CRLF
// S: A1 OK [APPENDUID 38505 3955] APPEND completed
#include "proxy/imap/handlers.h"

namespace proxy {

Handled handle(Session* session, imap::AppendCommand command) {
  if (session->refused_append()) co_return *session->refused_append();
  std::vector<ReceivedMessage> received = std::move(session->received());
  if (received.size() != command.messages.size()) {
    co_return Reply::bad("A message is missing");
  }
  cache::Account* account = received.front().place.account;
  const cache::MailboxRecord* record = account->find_mailbox(received.front().place.name);
  if (record == nullptr) co_return Reply::no(imap::Code::kTryCreate, "No such mailbox");
  if ((record->attributes & cache::kNoSelect) != 0) {
    co_return Reply::no(imap::Code::kCannot, "This name only holds other mailboxes");
  }
  const cache::MailboxId id = record->id;
  if (!is_selectable(*account, *record)) {
    CO_TRY_VOID(co_await account->remote().ensure_selectable(id, session->stop()));
  }
  imap::AppendUidCode done;
  for (std::size_t i = 0; i < received.size(); ++i) {
    imap::AppendMessage& message = command.messages[i];
    std::unique_ptr<cache::ContentWriter> content = std::move(received[i].content);
    if (content->size() == 0) {
      // RFC 3502 3: a message of no bytes is how a client takes an APPEND back.
      co_return Reply::no(imap::Code::kCannot, "Empty message: nothing was appended");
    }
    // Small ones are parsed where they are, others on a worker.
    if (content->size() > (std::size_t{64} << 10)) {
      co_await run_blocking(static_cast<Executor*>(session->loop()),
                            [&content] { content->finish(); });
    } else {
      content->finish();
    }
    std::optional<std::int64_t> date;
    std::int16_t zone = 0;
    if (message.internal_date) {
      date = message.internal_date->utc.time_since_epoch().count();
      zone = static_cast<std::int16_t>(message.internal_date->zone.count());
    }
    CO_TRY(const cache::AppendResult result,
           co_await account->append(id, std::move(content), std::move(message.flags), date, zone));
    done.uid_validity = result.uid_validity;
    done.uids.add(result.uid);
  }
  co_return Reply::ok(std::move(done), "APPEND completed");
}

}  // namespace proxy
