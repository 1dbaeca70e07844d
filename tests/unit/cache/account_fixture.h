// AccountFixture: an account on a MemoryStore, driven by hand, and the rules that must always hold.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cache/account.h"
#include "tests/support/manual_executor.h"
#include "tests/support/memory_store.h"

namespace cache {

/// What the sync and the clients would do, in one line each.
class AccountFixture {
 public:
  explicit AccountFixture(AccountOptions options = {
                              .name = "work", .local = false, .cache_limit_bytes = 0});
  ~AccountFixture();

  /// Ends the account in order and opens it again from the disk.
  void reopen();
  void close();
  void open();
  /// The process is killed, or with `power` the whole machine, and started again.
  void crash(bool power);

  /// The store is damaged beyond use: it is made again from the journal file.
  void lose_store();

  ManualExecutor& executor() { return executor_; }
  support::MemoryStore& store() { return *store_; }
  Account& account() { return *account_; }
  template <class T>
  T run(Task<T> task) {
    return executor_.run_task(std::move(task));
  }

  MailboxId id(std::string_view name);
  const MailboxRecord& record(std::string_view name);
  MailboxRef box(std::string_view name);
  MailboxRef box_by_id(MailboxId id);
  /// Upstream lists these, "a" as raw name of "a"; INBOX always.
  Result<> list(std::vector<std::string> names);
  UpstreamMailbox listed(std::string name);
  Result<> merge(std::string_view mailbox, std::vector<UpstreamMessage> messages);
  /// Upstream UIDs first..last, with `flags`.
  Result<> merge_range(std::string_view mailbox, std::uint32_t first, std::uint32_t last,
                       imap::FlagList flags = {});
  Result<> vanish(std::string_view mailbox, imap::SequenceSet upstream_uids);
  Result<AppendResult> append(std::string_view mailbox, std::string bytes,
                              imap::FlagList flags = {});
  /// The body of a message that upstream has.
  Result<> fetch(std::string_view mailbox, imap::Uid uid, std::string bytes);
  Result<StoreResult> store_flags(std::string_view mailbox, imap::SequenceSet uids,
                                  FlagDelta delta);
  Result<imap::SequenceSet> expunge(std::string_view mailbox, imap::SequenceSet uids);
  Result<CopyResult> copy(std::string_view from, imap::SequenceSet uids, std::string_view to);
  Result<CopyResult> move(std::string_view from, imap::SequenceSet uids, std::string_view to);
  std::string body(std::string_view mailbox, imap::Uid uid);
  /// "1 2 5(Seen)": what a client sees.
  std::string shown(std::string_view mailbox);
  /// The journal as "STORE APPEND/parked", in order.
  std::string journal();
  JournalSeq entry(std::size_t index);

  /// Fails the test unless memory, store, counts, bindings, references and journal agree. With
  /// `nothing_left` also content that nothing refers to is an error.
  void check(bool nothing_left = true);

 private:
  AccountOptions options_;
  ManualExecutor executor_;
  support::MemoryDisk disk_;
  std::unique_ptr<support::MemoryStore> store_;
  std::unique_ptr<Account> account_;
};

inline imap::SequenceSet set_of(std::uint32_t first, std::uint32_t last = 0) {
  return imap::SequenceSet::of(first, last == 0 ? first : last);
}
imap::FlagList flags_of(imap::SystemFlags system, std::vector<std::string> keywords = {});
FlagDelta add(imap::SystemFlags system, std::vector<std::string> keywords = {});
FlagDelta remove(imap::SystemFlags system, std::vector<std::string> keywords = {});
UpstreamMessage upstream_message(std::uint32_t uid, imap::FlagList flags = {});
std::string mail(std::string_view subject);

inline constexpr imap::SystemFlags kSeen{imap::SystemFlag::kSeen};
inline constexpr imap::SystemFlags kDeleted{imap::SystemFlag::kDeleted};
inline constexpr imap::SystemFlags kFlagged{imap::SystemFlag::kFlagged};

}  // namespace cache
