// LocalRemote: the remote of an account without upstream: all there is is here.
#pragma once

#include "cache/remote.h"

namespace cache {

/// Answers everything at once. Also what an account has until its worker is attached, so that it is
/// never without a remote.
class LocalRemote final : public Remote {
 public:
  bool reachable() const override { return false; }
  RemoteStatus status() const override { return {}; }

  Task<Result<>> ensure_listed(std::stop_token stop) override;
  Task<Result<>> ensure_selectable(MailboxId mailbox, std::stop_token stop) override;
  Task<Result<>> fetch_summaries(MailboxId mailbox, imap::SequenceSet uids,
                                 std::stop_token stop) override;
  Task<Result<>> fetch_bodies(MailboxId mailbox, imap::SequenceSet uids,
                              std::stop_token stop) override;
  Task<Result<imap::SequenceSet>> search(MailboxId mailbox, imap::SequenceSet uids,
                                         imap::SearchKey key, std::stop_token stop) override;

  void selected(MailboxId) override {}
  void unselected(MailboxId) override {}
  void poll(MailboxId) override {}
  void journal_grew() override {}
};

}  // namespace cache
