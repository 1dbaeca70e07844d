// Demand: what readers wait for, fetched ahead of everything else.
#pragma once

#include <deque>
#include <memory>
#include <stop_token>

#include "base/event.h"
#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "protocol/imap/search_key.h"
#include "upstream/lines.h"

namespace upstream {

/// Thread:   the account's loop.
/// Lifetime: run() ends before it is destroyed.
class Demand {
 public:
  Demand(Executor* executor, cache::Account* account, Line* line);
  ~Demand();

  /// Waits until the connection has brought what was asked for, or has failed to.
  Task<Result<>> fetch(cache::MailboxId mailbox, imap::SequenceSet uids, bool bodies,
                       std::stop_token stop);
  Task<Result<imap::SequenceSet>> search(cache::MailboxId mailbox, imap::SequenceSet uids,
                                         imap::SearchKey key, std::stop_token stop);
  /// Opens the connection before anybody asks: the first reader then saves the wait.
  void warm_up();

  /// Serves requests until `stop`.
  Task<void> run(std::stop_token stop);

 private:
  struct Request;

  Task<Result<>> submit(std::shared_ptr<Request> request, std::stop_token stop);
  Task<void> serve_batch(std::stop_token stop);
  Task<Result<>> wait_for_others(cache::MailboxRef mailbox, imap::SequenceSet uids);
  void fail_waiting(const Error& error);
  Task<Result<>> perform(Client* client, std::vector<std::shared_ptr<Request>> batch);
  Task<Result<>> search(Client* client, cache::MailboxRef mailbox, Request* request);
  Task<Result<>> select(Client* client, cache::MailboxId mailbox);

  Executor* executor_;
  std::stop_token stop_;  // of run()
  cache::Account* account_;
  Line* line_;
  std::uint64_t line_serial_ = 0;  // of the connection that the following is about
  cache::MailboxId selected_;
  imap::UidValidity selected_validity_;
  std::deque<std::shared_ptr<Request>> queue_;
  bool warm_up_ = false;
  bool closed_ = false;
  Event work_;
};

}  // namespace upstream
