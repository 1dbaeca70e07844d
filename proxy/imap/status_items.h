// STATUS items of a mailbox: for STATUS and for LIST … RETURN (STATUS …).
#pragma once

#include <vector>

#include "base/task.h"
#include "protocol/imap/commands.h"
#include "protocol/imap/status_response.h"
#include "proxy/imap/session.h"

namespace proxy {

/// Answers from the record, kept with every change: no message is looked at. Waits only for a
/// mailbox whose first sync has not seen its UIDs yet.
Task<Result<imap::StatusItems>> status_items(Session* session, cache::Account* account,
                                             cache::MailboxId mailbox,
                                             std::vector<imap::StatusItem> items);

}  // namespace proxy
