#include "proxy/imap/fetch/flags.h"

#include "protocol/imap/fetch_response.h"

namespace proxy {

FlagWriter::FlagWriter(Session* session, Items items)
    : mailbox_(*session->selected()->mailbox),
      view_(*session->selected()->view),
      keywords_(session->selected()->account->keywords()),
      items_(items) {}

void FlagWriter::write_range(imap::Uid first, imap::Uid last, std::string* out) const {
  const std::span<const cache::MessageEntry> all = mailbox_.messages();
  for (std::size_t i = mailbox_.lower_bound(first); i < all.size() && all[i].uid <= last; ++i) {
    const cache::MessageEntry& entry = all[i];
    const std::optional<imap::SequenceNumber> number = view_.sequence_of(entry.uid);
    if (!number) continue;
    imap::FetchWriter fetch(out, *number);
    if (items_.uid) fetch.uid(entry.uid);
    if (items_.flags) {
      fetch.flags(entry.visible.system, keywords_.wire(entry.visible.keywords),
                  view_.is_recent(entry.uid));
    }
    if (items_.mod_seq) fetch.mod_seq(imap::ModSeq(entry.modseq));
    fetch.finish();
  }
}

}  // namespace proxy
