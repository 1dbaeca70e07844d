// The three steps of a change, and what follows when one fails. Headers of account.h have the why.
#include "cache/account.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "cache/account_loaded.h"
#include "cache/change.h"
#include "cache/keys.h"
#include "cache/local_remote.h"
#include "cache/sorted.h"

namespace cache {
namespace {

constexpr std::chrono::milliseconds kRereadDelay{1000};

}  // namespace

// A change on its way to the disk. Lives in the frame of submit().
struct Account::Commit {
  std::map<MailboxId, Change::Told> told;
  std::uint64_t quiet_view = 0;
  bool mailboxes_changed = false;
  bool journal_changed = false;
  std::coroutine_handle<> waiter;
  Result<> result;
};

Account::Account(Store* store, Executor* executor, AccountOptions options)
    : options_(std::move(options)),
      store_(store),
      executor_(executor),
      log_(LogContext{options_.name, {}, {}}),
      mailboxes_changed_(executor),
      journal_changed_(executor),
      loaded_(executor),
      progress_(executor),
      email_ids_(executor),
      self_(std::make_shared<Account*>(this)),
      tasks_(executor) {}

Account::~Account() {
  *self_ = nullptr;
  CHECK(outstanding_ == 0);
}

Task<void> Account::close() {
  closing_ = true;
  while (outstanding_ > 0) {
    const Result<> woken = co_await progress_.wait();
    CHECK(woken.has_value());
  }
  co_await tasks_.close();
}

Account::Folder* Account::folder(MailboxId id) {
  const auto found = folders_.find(id);
  return found == folders_.end() ? nullptr : &found->second;
}

Account::Folder* Account::folder(std::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : folder(found->second->id);
}

const MailboxRecord* Account::find_mailbox(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

const MailboxRecord* Account::find_mailbox(MailboxId id) const {
  const auto found = folders_.find(id);
  return found == folders_.end() ? nullptr : found->second.record.get();
}

// Whether what clients do in it has to reach upstream.
bool Account::journals(const MailboxRecord& record) const {
  return !options_.local && (record.attributes & kLocalOnly) == 0;
}

Result<> Account::may_hold_messages(const MailboxRecord& record) {
  if ((record.attributes & (kNoSelect | kDeletedHere)) == 0) return {};
  return fail(Errc::kNotFound, "there is no such mailbox, or it cannot hold messages");
}

Task<Result<>> Account::ready() {
  for (;;) {
    if (closing_) co_return fail(Errc::kClosed, "the account is being closed");
    if (!recovering_) co_return Result<>();
    CO_TRY_VOID(co_await progress_.wait());
  }
}

Task<Result<>> Account::settled() {
  const std::uint64_t target = submitted_;
  while (completed_ < target || recovering_) CO_TRY_VOID(co_await progress_.wait());
  co_return Result<>();
}

Task<Result<std::vector<MailboxRef>>> Account::writable(std::vector<MailboxId> mailboxes) {
  const std::vector<MailboxId> asked = mailboxes;
  for (;;) {
    mailboxes = asked;
    std::vector<MailboxRef> boxes;
    bool all_asked = true;
    for (std::size_t i = 0; i < mailboxes.size(); ++i) {
      Result<MailboxRef> box = co_await open_mailbox(mailboxes[i]);
      if (!box && i < asked.size()) co_return fail(std::move(box).error());
      if (!box) continue;  // an entry of the journal may be about a mailbox that went
      boxes.push_back(std::move(*box));
      for (const JournalSeq seq : journal_index_.copies_from(mailboxes[i])) {
        const MailboxId to = std::get<JournalCopy>(journal_.at(seq).op).to;
        if (std::ranges::find(mailboxes, to) == mailboxes.end()) mailboxes.push_back(to);
      }
    }
    CO_TRY_VOID(co_await ready());
    // Whoever ran meanwhile may have closed one again, or added a copy.
    for (const MailboxRef& box : boxes) {
      const Folder* found = folder(box->id());
      all_asked = all_asked && found != nullptr && found->box == box;
      for (const JournalSeq seq : journal_index_.copies_from(box->id())) {
        const MailboxId to = std::get<JournalCopy>(journal_.at(seq).op).to;
        all_asked = all_asked && std::ranges::find(mailboxes, to) != mailboxes.end();
      }
    }
    if (all_asked) co_return boxes;
  }
}

Task<Result<MailboxRef>> Account::writable(MailboxId mailbox) {
  CO_TRY(std::vector<MailboxRef> boxes, co_await writable(std::vector{mailbox}));
  co_return boxes.front();
}

Task<Result<>> Account::submit(Change change) {
  CHECK(!recovering_);
  if (change.empty()) {
    // Nothing to do: but what makes it so may still be on its way to the disk, and be lost there.
    const std::uint64_t generation = generation_;
    CO_TRY_VOID(co_await settled());
    if (generation != generation_) co_return fail(Errc::kStale, "an earlier change was lost");
    co_return Result<>();
  }
  change.finish();
  Commit commit;
  commit.told = std::move(change.told_);
  commit.quiet_view = change.quiet_view_;
  commit.mailboxes_changed = change.mailboxes_changed_;
  commit.journal_changed = change.journal_changed_;
  ++outstanding_;
  ++submitted_;
  for (const MessageId message : change.garbage_) garbage_[message] = submitted_;
  struct Awaiter {
    Account* account;
    Change* change;
    Commit* commit;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) const {
      commit->waiter = caller;
      account->store_->commit(account->id_.value(), std::move(change->batch_), change->durability_,
                              account->executor_,
                              [account = account, commit = commit](Result<> result) {
                                account->on_committed(commit, std::move(result));
                              });
    }
    void await_resume() const noexcept {}
  };
  co_await Awaiter{this, &change, &commit};
  co_return std::move(commit.result);
}

void Account::on_committed(Commit* commit, Result<> result) {
  --outstanding_;
  ++completed_;
  if (result) {
    publish(commit);
    progress_.notify();
    commit->waiter.resume();
    return;
  }
  commit->result = std::move(result);
  failed_.push_back(commit);
  if (!recovering_) {
    recovering_ = true;
    log_.error("a change could not be stored: {}", commit->result.error().text());
  }
  progress_.notify();
  // The store forgets the failure only when nothing that was built on the lost change can still
  // be queued there.
  if (outstanding_ == 0) tasks_.spawn(recover());
}

void Account::publish(Commit* commit) {
  for (auto& [id, told] : commit->told) {
    Mailbox& box = *told.box;
    if (told.added) box.durable_below_ = std::max(box.durable_below_, told.uid_next);
    remove_from(&box.expunging_, std::span<const imap::Uid>(told.expunged));
    for (MailboxView* view : box.views_) {
      if (told.added) view->on_added();
      if (!told.expunged.empty()) view->on_expunged();
      if (!told.flags.empty() && view->serial_ != commit->quiet_view) view->on_flags(told.flags);
      if (told.gone) view->on_gone();
    }
    if (!told.expunged.empty()) prune_changes_soon(id);
  }
  if (!garbage_.empty()) collect_garbage_soon();
  if (commit->mailboxes_changed) mailboxes_changed_.notify();
  if (commit->journal_changed) {
    journal_changed_.notify();
    remote_->journal_grew();
  }
}

// A commit has failed and nothing is under way any more. Counters never go back: a UID, a message
// id or a journal number that was given out is not given to anything else while this process
// lives, since a worker or a session may still hold it. After a crash nobody can.
Task<void> Account::recover() {
  store_->recover(id_.value());
  std::vector<MailboxId> boxes;
  for (const auto& [id, found] : folders_) {
    if (found.box) boxes.push_back(id);
  }
  for (;;) {
    const auto read = [store = store_, name = options_.name, boxes, keywords = keywords_] {
      return read_account(store, name, boxes, keywords);
    };
    Result<Loaded> loaded = co_await run_blocking(executor_, read);
    if (loaded) {
      adopt(std::move(*loaded));
      break;
    }
    log_.error("the cache cannot be read again: {}", loaded.error().text());
    const Result<> slept = co_await sleep_for(executor_, kRereadDelay, tasks_.stop_token());
    if (!slept) break;  // being closed: nothing is written any more
  }
  ++generation_;
  recovering_ = false;
  progress_.notify();
  for (Commit* commit : std::exchange(failed_, {})) {
    executor_->post([waiter = commit->waiter] { waiter.resume(); });
  }
  journal_changed_.notify();
  mailboxes_changed_.notify();
}

MessageId Account::next_message_id() {
  constexpr std::uint64_t kBlock = 1'024;
  const MessageId id(next_message_++);
  if (next_message_ > record_.next_message) {
    record_.next_message = next_message_ + kBlock;
    record_dirty_ = true;
  }
  return id;
}

}  // namespace cache
