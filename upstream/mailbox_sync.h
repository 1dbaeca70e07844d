// MailboxSync: makes one mailbox of the cache equal to upstream's, by the best means there is.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "upstream/client.h"
#include "upstream/first_look.h"
#include "upstream/select.h"

namespace upstream {

/// What is believed of the server. What it lies about is not believed again, whatever the next
/// connection offers.
struct Tier {
  bool qresync = false;
  bool condstore = false;
  bool qresync_lies = false;
  bool condstore_lies = false;
  bool uid_next_lies = false;            // UIDNEXT is below UIDs that there are
  std::set<cache::MailboxId> went_back;  // mailboxes whose HIGHESTMODSEQ was lower than before
  std::string distrust;                  // why one of them is off, for status

  void offer(bool has_condstore, bool has_qresync) {
    condstore = has_condstore && !condstore_lies;
    qresync = has_qresync && !qresync_lies && condstore;
  }
  void distrust_qresync(std::string why) {
    qresync = false;
    qresync_lies = true;
    distrust = std::move(why);
  }
  void distrust_condstore(std::string why) {
    distrust_qresync(std::move(why));
    condstore = false;
    condstore_lies = true;
  }
  std::string name() const {
    std::string best = qresync ? "QRESYNC" : condstore ? "CONDSTORE" : "plain";
    return distrust.empty() ? best : best + " (" + distrust + ")";
  }
};

/// Asked before the loss of many messages is believed: true when a second look, over another
/// connection, has seen the same. `gone` of `known` messages would go.
using Brake =
    std::function<bool(cache::MailboxId mailbox, std::uint64_t gone, std::uint64_t known)>;

struct MailboxSyncOptions {
  Tier* tier = nullptr;
  Brake brake;
  bool sweep_flags = false;  // plain tier: look at all flags, not only for new messages
  bool audit_flags = false;  // look at all flags, whatever MODSEQ says
  bool finds_sent = false;   // only if the mailbox is another one: finds its messages again, and
                             // what was under way to it; else nothing is done
  // What was seen of a mailbox of which nothing is known: taken as it is, without a command.
  // kStale: something else is to be done, so that it has to be looked at by itself.
  FirstLook* first_look = nullptr;
  std::function<void()> on_selectable;  // called when the UIDs are known for the first time
  Log log;
};

/// Selects `mailbox` on `client` and brings the cache in step. On success its UpstreamState is
/// known good as of now. Errors: as Client::run; kNotFound when it is gone upstream; kUnavailable
/// when the brake holds.
Task<Result<>> sync_mailbox(Client* client, cache::Account* account, cache::MailboxId mailbox,
                            MailboxSyncOptions options);

/// Finds the messages of a mailbox whose UIDVALIDITY changed again, by what they are; those too
/// that were on their way there when a connection broke, if they have arrived. `exists`: how many
/// the server says that there are: nothing is done unless it tells of as many. Errors: as
/// sync_mailbox(); kProtocol when the server does not tell of all.
Task<Result<>> rebind_mailbox(Client* client, cache::Account* account, cache::MailboxRef mailbox,
                              imap::UidValidity validity, std::uint32_t exists, Brake brake);

}  // namespace upstream
