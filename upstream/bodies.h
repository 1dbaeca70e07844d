// Bodies: whole messages, streamed into the cache.
#pragma once

#include <functional>

#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "upstream/client.h"

namespace upstream {

/// Fetches the bodies of these messages (our UIDs) of the mailbox that `client` has selected,
/// newest first, so that the line is never idle. Small ones are gathered and parsed in batches on a
/// worker; large ones are streamed. Those that upstream does not give are passed over and counted.
///
/// `more`: asked for the next messages when few are under way, so that one call can go on for as
/// long as there is something to do; an empty set ends it.
/// Errors: as Client::run; kLimit when the cache's disk is full.
using NextBodies = std::function<imap::SequenceSet()>;
Task<Result<std::size_t>> fetch_bodies(Client* client, cache::Account* account,
                                       cache::MailboxRef mailbox, NextBodies more);

}  // namespace upstream
