// Bodies: whole messages, streamed into the cache.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "upstream/client.h"

namespace upstream {

/// Bodies that upstream did not give though the messages are there, and why (our UIDs).
using MissingBodies = std::map<imap::Uid, std::string>;

struct FetchedBodies {
  std::size_t stored = 0;
  MissingBodies missing;
};

/// Asked for the next messages when few are under way, so that one call can go on for as long as
/// there is something to do; an empty set ends it.
using NextBodies = std::function<imap::SequenceSet()>;

/// Fetches the bodies of these messages (our UIDs) of the mailbox that `client` has selected,
/// newest first, so that the line is never idle. Small ones are gathered and parsed in batches on a
/// worker; large ones, and those that turn out to be, are streamed.
///
/// `brief`: others wait for the connection, so little is asked for ahead.
/// Errors: as Client::run; kLimit when the cache's disk is full.
Task<Result<FetchedBodies>> fetch_bodies(Client* client, cache::Account* account,
                                         cache::MailboxRef mailbox, NextBodies more,
                                         bool brief = false);

}  // namespace upstream
