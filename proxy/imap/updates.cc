// What changed in the selected mailbox, told to its session. RFC 3501 5.2, 7.3, 7.4.1.
#include "proxy/imap/fetch/flags.h"
#include "proxy/imap/session.h"

namespace proxy {

void Session::write_updates(bool may_expunge, bool uid) {
  if (!selected_) return;
  cache::MailboxView& view = *selected_->view;
  const auto all_told = [this, &view] {
    if (!selected_->account->is_settled() || view.has_unreported_expunges()) return;
    selected_->told_mod_seq = selected_->mailbox->record().highest_modseq;
  };
  if (!view.changed().is_set()) return all_told();
  const cache::ViewChanges changes = view.take_changes(may_expunge);
  if (changes.gone) {
    // Somebody deleted the mailbox: there is no response for that but to end the session with it.
    write(imap::ConditionResponse{imap::Condition::kBye,
                                  {std::nullopt, "The selected mailbox was deleted"}});
    log_out();
    return;
  }
  if (qresync_ && !changes.vanished.empty()) {
    write(imap::VanishedResponse{false, changes.vanished});  // RFC 7162 3.2.10
  } else {
    for (const imap::SequenceNumber number : changes.expunged) {
      write(imap::ExpungeResponse{number});
    }
  }
  if (changes.exists) {
    write(imap::ExistsResponse{*changes.exists});
    write(imap::RecentResponse{changes.recent});
  }
  FlagWriter flags(this, {.uid = uid || condstore_, .mod_seq = condstore_});
  for (const imap::SequenceSet::Range& range : changes.flags.ranges()) {
    flags.write_range(imap::Uid(range.first), imap::Uid(range.last), &out_);
  }
  all_told();
}

}  // namespace proxy
