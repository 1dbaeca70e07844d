// Prefetch: summaries and bodies brought into the cache before anybody asks for them.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/event.h"
#include "base/log.h"
#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "config/config.h"
#include "upstream/bodies.h"
#include "upstream/lines.h"

namespace upstream {

/// Thread:   the account's loop.
/// Lifetime: run() ends before it is destroyed.
class Prefetch {
 public:
  struct Hooks {
    std::function<bool()> is_online;
    std::function<void(cache::MailboxId)> look_at;  // the mailbox is not what it was
    std::function<void(std::string)> report;        // something could not be fetched
  };
  Prefetch(net::Loop* loop, cache::Account* account, const config::Account* settings, Line* line,
           Hooks hooks);

  /// Fetches what is missing, again and again, until `stop`.
  Task<void> run(std::stop_token stop);
  /// There may be something to do.
  void wake() { wake_.set(); }
  /// There will be something to do: connects meanwhile.
  void warm_up() {
    warm_up_ = true;
    wake_.set();
  }

 private:
  using Clock = std::chrono::steady_clock;

  // A body that upstream does not give; tried again later and later.
  struct Parked {
    std::uint32_t tries = 0;
    Clock::time_point next;
  };
  using ParkedBodies = std::map<imap::Uid, Parked>;

  std::vector<cache::MailboxId> incomplete_mailboxes() const;
  bool is_complete(const cache::MailboxRecord& record) const;
  bool may_try(cache::MailboxId mailbox, imap::Uid uid) const;
  Task<Result<>> work_through(std::vector<cache::MailboxId> mailboxes);
  Task<Result<>> complete(Client* client, cache::MailboxId id);
  // Returns whether all were tried, so that there is no further turn.
  Task<Result<bool>> complete_bodies(Client* client, cache::MailboxRef mailbox,
                                     imap::UidValidity validity);
  imap::SequenceSet next_bodies(const cache::Mailbox& mailbox, std::set<imap::Uid>* tried) const;
  void park(const cache::Mailbox& mailbox, const MissingBodies& missing);

  net::Loop* loop_;
  cache::Account* account_;
  const config::Account* settings_;
  Line* line_;
  Hooks hooks_;
  Log log_;
  Event wake_;
  bool warm_up_ = false;
  std::map<cache::MailboxId, Clock::time_point> later_;  // could not be looked at
  std::map<cache::MailboxId, ParkedBodies> parked_;
  // Of these the server told no ENVELOPE when it was asked: their bodies will tell.
  std::map<cache::MailboxId, imap::SequenceSet> unlisted_;
  std::map<cache::MailboxId, imap::Uid> completed_;  // looked through up to this UIDNEXT
};

}  // namespace upstream
