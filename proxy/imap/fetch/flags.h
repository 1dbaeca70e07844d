// FlagWriter: FETCH responses that tell of flags alone.
#pragma once

#include <string>

#include "proxy/imap/session.h"

namespace proxy {

/// Thread: the session's loop.
class FlagWriter {
 public:
  struct Items {
    bool uid = false;
    bool mod_seq = false;
    bool flags = true;
  };
  FlagWriter(Session* session, Items items);

  /// Appends "* n FETCH (FLAGS (…))" for every message from `first` to `last` that the session
  /// knows.
  void write_range(imap::Uid first, imap::Uid last, std::string* out) const;

 private:
  const cache::Mailbox& mailbox_;
  const cache::MailboxView& view_;
  const cache::KeywordTable& keywords_;
  Items items_;
};

}  // namespace proxy
