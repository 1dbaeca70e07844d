#include "proxy/imap/message_set.h"

namespace proxy {

Result<NamedMessages> named_messages(const cache::MailboxView& view, const imap::SequenceSet& set,
                                     bool uid) {
  if (uid) return NamedMessages{view.uids_of_uids(set), false};
  const std::uint32_t exists = view.exists();
  const bool above = !set.ranges().empty() && set.ranges().back().last > exists;
  if (above) return fail(Errc::kInvalid, "There is no message of that number");
  // "1:*" of an empty mailbox names nothing, and offlineimap asks for it: no error.
  if (exists == 0) return NamedMessages{{}, false};
  NamedMessages named{view.uids_of_numbers(set), false};
  named.names_expunged =
      view.has_unreported_expunges() && set.resolve(exists).count() > named.uids.count();
  return named;
}

}  // namespace proxy
