// SELECT and EXAMINE: RFC 3501 6.3.1, 6.3.2; CONDSTORE and QRESYNC parameters: RFC
// 7162 3.1.8, 3.2.5.
//
// C: A1 SELECT INBOX
// S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft)
// S: * OK [PERMANENTFLAGS (… \*)] …
// S: * 172 EXISTS
// S: * 1 RECENT
// S: * OK [UNSEEN 12] …
// S: * OK [UIDVALIDITY 3857529045] …
// S: * OK [UIDNEXT 4392] …
// S: * OK [HIGHESTMODSEQ 715194045007] …
// S: * OK [MAILBOXID (A1B3)] …
// S: A1 OK [READ-WRITE] SELECT completed
#include "proxy/imap/fetch/flags.h"
#include "proxy/imap/handlers.h"

namespace proxy {
namespace {

imap::FlagList mailbox_flags(const cache::KeywordTable& keywords) {
  imap::FlagList flags;
  flags.system = imap::SystemFlags::all();
  // Keywords are the account's; a client learns the common ones and may make more.
  constexpr std::size_t kShown = 100;
  for (std::size_t i = 0; i < keywords.size() && i < kShown; ++i) {
    flags.keywords.push_back(keywords.name_of(static_cast<std::uint16_t>(i)));
  }
  return flags;
}

std::optional<imap::SequenceNumber> first_unseen(const cache::Mailbox& mailbox,
                                                 const cache::MailboxView& view) {
  for (const cache::MessageEntry& entry : mailbox.messages()) {
    if (entry.has(cache::kHaveFlags) && !entry.visible.system.has(imap::SystemFlag::kSeen)) {
      return view.sequence_of(entry.uid);
    }
  }
  return std::nullopt;
}

void write_ok(Session* session, imap::ResponseCode code, std::string text) {
  session->write(imap::ConditionResponse{imap::Condition::kOk, {std::move(code), std::move(text)}});
}

// RFC 7162 3.2.5: what went and what changed since the client was here.
Task<Result<>> resynchronize(Session* session, imap::QresyncParameter parameter) {
  Selected& selected = *session->selected();
  if (parameter.uid_validity != selected.mailbox->record().uid_validity) co_return Result<>();
  Result<imap::SequenceSet> vanished =
      co_await selected.account->vanished_since(selected.mailbox->id(), parameter.mod_seq.value());
  if (!vanished) co_return fail(std::move(vanished).error());
  CO_TRY_VOID(co_await selected.account->settled());
  imap::SequenceSet gone = std::move(*vanished);
  if (parameter.known_uids) gone = gone.intersected(*parameter.known_uids);
  if (!gone.empty()) session->write(imap::VanishedResponse{true, std::move(gone)});
  const FlagWriter flags(session, {.uid = true, .mod_seq = true});
  for (const cache::MessageEntry& entry : selected.mailbox->messages()) {
    if (entry.modseq <= parameter.mod_seq.value()) continue;
    if (parameter.known_uids && !parameter.known_uids->contains(entry.uid)) continue;
    flags.write_range(entry.uid, entry.uid, &session->out());
  }
  co_return Result<>();
}

}  // namespace

Handled handle(Session* session, imap::SelectCommand command) {
  if (command.qresync && !session->qresync()) {
    co_return Reply::bad("ENABLE QRESYNC comes first");  // RFC 7162 3.2.5
  }
  // RFC 3501 6.3.1: whatever comes of this, what was selected no longer is.
  if (session->selected()) {
    session->unselect();
    write_ok(session, imap::Code::kClosed, "Closed");  // RFC 7162 3.2.11
  }
  if (command.condstore) session->enable_condstore();

  const Place place = place_of(session->user(), command.mailbox.utf8());
  CO_TRY(const cache::MailboxRecord* record, co_await session->find_mailbox(place));
  if ((record->attributes & cache::kNoSelect) != 0) {
    co_return Reply::no(imap::Code::kCannot, "This name only holds other mailboxes");
  }
  const cache::MailboxId id = record->id;
  if (!is_selectable(*place.account, *record)) {
    CO_TRY_VOID(co_await place.account->remote().ensure_selectable(id, session->stop()));
  }
  CO_TRY(cache::MailboxRef mailbox, co_await place.account->open_mailbox(id));
  // All of what it stands for is durable and in the view, below.
  const std::uint64_t highest = mailbox->record().highest_modseq;
  CO_TRY_VOID(co_await place.account->settled());
  Selected selected;
  selected.told_mod_seq = highest;
  selected.account = place.account;
  selected.view = std::make_unique<cache::MailboxView>(mailbox.get(), !command.read_only);
  selected.mailbox = std::move(mailbox);
  selected.read_only = command.read_only;
  session->select(std::move(selected));

  const cache::Mailbox& box = *session->selected()->mailbox;
  const cache::MailboxView& view = *session->selected()->view;
  const imap::FlagList flags = mailbox_flags(place.account->keywords());
  session->write(imap::FlagsResponse{flags});
  imap::FlagList permanent = command.read_only ? imap::FlagList() : flags;
  permanent.wildcard = !command.read_only;
  write_ok(session, imap::PermanentFlagsCode{std::move(permanent)}, "Flags that are kept");
  session->write(imap::ExistsResponse{view.exists()});
  session->write(imap::RecentResponse{view.recent()});
  if (const auto unseen = first_unseen(box, view)) {
    write_ok(session, imap::UnseenCode{*unseen}, "First unseen");
  }
  write_ok(session, imap::UidValidityCode{box.record().uid_validity}, "UIDs are valid");
  write_ok(session, imap::UidNextCode{box.record().uid_next}, "Next UID");
  write_ok(session, imap::HighestModSeqCode{imap::ModSeq(highest)}, "Highest");
  write_ok(session, imap::MailboxIdCode{mailbox_object_id(*place.account, id)}, "Mailbox id");
  if (command.qresync) {
    Result<> done = co_await resynchronize(session, std::move(*command.qresync));
    if (!done) {
      session->unselect();  // RFC 3501 6.3.1: after a NO nothing is selected
      co_return fail(std::move(done).error());
    }
  }
  co_return Reply::ok(command.read_only ? imap::Code::kReadOnly : imap::Code::kReadWrite,
                      command.read_only ? "EXAMINE completed" : "SELECT completed");
}

}  // namespace proxy
