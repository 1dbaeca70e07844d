// COPY: RFC 3501 6.4.7; MOVE: RFC 6851; COPYUID: RFC 4315 3.
//
// C: A1 UID MOVE 42:69 foo
// S: * OK [COPYUID 432432 42:69 1202:1229] Moved
// S: * 22 EXPUNGE
// S: A1 OK MOVE completed
#include "proxy/imap/handlers.h"
#include "proxy/imap/message_set.h"

namespace proxy {
namespace {

Task<Result<std::variant<Reply, imap::CopyUidCode>>> transfer(Session* session, bool uid,
                                                              imap::SequenceSet set,
                                                              imap::MailboxName mailbox,
                                                              bool move) {
  Selected& selected = *session->selected();
  const Place place = place_of(session->user(), mailbox.utf8());
  const Result<const cache::MailboxRecord*> record = co_await session->find_mailbox(place);
  if (!record && record.error().code() == Errc::kNotFound) {
    co_return Reply::no(imap::Code::kTryCreate, "No such mailbox");
  }
  if (!record) co_return fail(record.error());
  if (((*record)->attributes & cache::kNoSelect) != 0) {
    co_return Reply::no(imap::Code::kCannot, "This name only holds other mailboxes");
  }
  if (place.account != selected.account) {
    co_return Reply::no(imap::Code::kCannot,
                        "Messages cannot be copied to another account: append them there");
  }
  const cache::MailboxId to = (*record)->id;
  if (!is_selectable(*place.account, **record)) {
    CO_TRY_VOID(co_await place.account->remote().ensure_selectable(to, session->stop()));
  }
  CO_TRY(NamedMessages named, named_messages(*selected.view, set, uid));
  if (named.names_expunged) {
    // RFC 3501 6.4.7: all of them or none.
    co_return Reply::no(imap::Code::kExpungeIssued, "Some of the messages no longer exist");
  }
  const cache::MailboxId from = selected.mailbox->id();
  Result<cache::CopyResult> result =
      move ? co_await selected.account->move(from, std::move(named.uids), to)
           : co_await selected.account->copy(from, std::move(named.uids), to);
  if (!result) co_return fail(std::move(result).error());
  imap::CopyUidCode code;
  code.uid_validity = result->uid_validity;
  for (const auto& [source, destination] : result->uids) code.add(source, destination);
  co_return code;
}

}  // namespace

Handled handle(Session* session, imap::CopyCommand command) {
  CO_TRY(auto result, co_await transfer(session, command.uid, std::move(command.set),
                                        std::move(command.mailbox), false));
  if (auto* refused = std::get_if<Reply>(&result)) co_return std::move(*refused);
  auto& code = std::get<imap::CopyUidCode>(result);
  // RFC 4315 3: nothing was copied, so there is nothing to tell.
  if (code.sources.empty()) co_return Reply::ok("COPY completed");
  co_return Reply::ok(std::move(code), "COPY completed");
}

Handled handle(Session* session, imap::MoveCommand command) {
  if (session->selected()->read_only) {
    co_return Reply::no(imap::Code::kNoPerm, "The mailbox is read-only");
  }
  CO_TRY(auto result, co_await transfer(session, command.uid, std::move(command.set),
                                        std::move(command.mailbox), true));
  if (auto* refused = std::get_if<Reply>(&result)) co_return std::move(*refused);
  auto& code = std::get<imap::CopyUidCode>(result);
  if (code.sources.empty()) co_return Reply::ok("MOVE completed");
  // RFC 6851 4.3: before the EXPUNGE responses.
  session->write(imap::ConditionResponse{imap::Condition::kOk,
                                         {imap::ResponseCode(std::move(code)), "Moved"}});
  imap::HighestModSeqCode highest = co_await session->tell_everything(command.uid);  // 4.4
  co_return Reply::ok(std::move(highest), "MOVE completed");
}

}  // namespace proxy
