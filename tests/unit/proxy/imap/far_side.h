// FarSide: a remote that holds messages in memory, and can be away.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cache/account.h"
#include "cache/remote.h"

namespace proxy {

/// What upstream::Worker is to a session, without a network: it knows messages whose bodies the
/// cache does not have, and hands them over when asked. Attaches itself to the account.
///
/// Thread:   the account's loop.
/// Lifetime: borrows the account; ends after its sessions.
class FarSide final : public cache::Remote {
 public:
  explicit FarSide(cache::Account* account);

  /// The folder list; all of them are known to the last UID.
  Task<Result<>> list(std::vector<std::string> mailboxes);
  /// A new message, of which the cache learns UID, flags, date and size.
  Task<Result<>> deliver(std::string mailbox, std::string bytes, imap::FlagList flags,
                         std::int64_t internal_date, std::int16_t date_zone);
  void set_online(bool online) { online_ = online; }

  bool reachable() const override { return online_; }
  cache::RemoteStatus status() const override { return {}; }
  Task<Result<>> ensure_listed(std::stop_token stop) override;
  Task<Result<>> ensure_selectable(cache::MailboxId mailbox, std::stop_token stop) override;
  Task<Result<>> fetch_summaries(cache::MailboxId mailbox, imap::SequenceSet uids,
                                 std::stop_token stop) override;
  Task<Result<>> fetch_bodies(cache::MailboxId mailbox, imap::SequenceSet uids,
                              std::stop_token stop) override;
  Task<Result<imap::SequenceSet>> search(cache::MailboxId mailbox, imap::SequenceSet uids,
                                         imap::SearchKey key, std::stop_token stop) override;
  void selected(cache::MailboxId) override {}
  void unselected(cache::MailboxId) override {}
  void poll(cache::MailboxId) override {}
  void journal_grew() override {}

 private:
  Result<> answer() const;

  cache::Account* account_;
  bool online_ = true;
  std::map<cache::MessageId, std::string> bodies_;
  std::map<std::string, std::uint32_t> last_uids_;  // upstream's, by mailbox
};

}  // namespace proxy
