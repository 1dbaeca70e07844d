// FirstLook: many small mailboxes of which nothing is known yet, in one round trip.
#pragma once

#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "upstream/client.h"
#include "upstream/select.h"

namespace upstream {

struct FirstLook {
  cache::MailboxId mailbox;
  SelectedMailbox selected;
  std::vector<cache::UpstreamMessage> messages;  // all, by UID, with flags, date and size
};

/// SELECT and FETCH of each go out without waiting for answers, which the server gives one after
/// the other (RFC 3501 5.5: what a FETCH means depends on the SELECT before it). For mailboxes with
/// few messages: nothing is merged before everything is told. Returns those that were told of
/// completely; a mailbox in trouble does not hold up the others. Afterwards no mailbox is taken to
/// be selected. Errors: as Client::run.
Task<Result<std::vector<FirstLook>>> first_looks(Client* client, const cache::Account* account,
                                                 std::vector<cache::MailboxId> mailboxes,
                                                 bool condstore);

}  // namespace upstream
