// Replay of EXPUNGE: removes just what was named, with UIDPLUS and without.
#include <algorithm>

#include "upstream/answers.h"
#include "upstream/messages.h"
#include "upstream/replaying.h"

namespace upstream {

using cache::JournalEntry;

namespace {

constexpr std::size_t kExpungeEntries = 1'000;
constexpr int kExpungeTries = 3;  // of what the server says to be gone

imap::StoreCommand mark_deleted(imap::SequenceSet which, bool add) {
  imap::StoreCommand command;
  command.uid = true;
  command.set = std::move(which);
  command.mode = add ? imap::StoreCommand::Mode::kAdd : imap::StoreCommand::Mode::kRemove;
  command.silent = true;
  command.flags.system.add(imap::SystemFlag::kDeleted);
  return command;
}

}  // namespace

Task<Result<>> Replaying::remove(std::vector<imap::Uid> uids) {
  std::ranges::sort(uids);
  for (imap::SequenceSet& part :
       split(imap::SequenceSet::from_sorted(std::span<const imap::Uid>(uids)), kMessagesOfCommand,
             client_->profile().set_bytes)) {
    CO_TRY_VOID(co_await remove_set(std::move(part)));
  }
  co_return Result<>();
}

Task<Result<>> Replaying::remove_set(imap::SequenceSet set) {
  if (!is_doubtful()) {
    std::optional<Result<Answer>> stored;
    std::optional<Result<Answer>> expunged;
    TaskGroup together(client_->connection().loop());
    together.spawn(run_into(mark_deleted(set, true), &stored));
    together.spawn(run_into(imap::ExpungeCommand{set}, &expunged));
    co_await together.close();
    if (!*stored) co_return fail(stored->error());
    if (!*expunged) co_return fail(expunged->error());
    if (!(*stored)->ok()) co_return fail(error_of(**stored, "STORE"));
    if (!(*expunged)->ok()) co_return fail(error_of(**expunged, "EXPUNGE"));
    co_return Result<>();
  }
  // A cut may have left others without their mark.
  outcome_.doubtful.insert(selected_);
  for (int tries = 0;; ++tries) {
    CO_TRY(set, co_await present(std::move(set)));
    if (set.empty()) co_return Result<>();
    if (tries == kExpungeTries) {
      co_return fail(Errc::kUnavailable, "EXPUNGE was answered with OK, and has removed nothing");
    }
    CO_TRY_VOID(co_await expunge_only(set));
    const Result<> again = co_await select_again();
    // imap4d numbers a mailbox anew that has become empty: then its word has to do.
    if (!again && again.error().code() == Errc::kStale) co_return Result<>();
    if (!again) co_return fail(again.error());
  }
}

Task<Result<>> Replaying::expunge_only(imap::SequenceSet set) {
  // EXPUNGE takes all that are \Deleted: those of others lose the flag for as long as it runs.
  imap::SearchCommand search;
  search.uid = true;
  search.key.kind = imap::SearchKind::kDeleted;
  imap::SequenceSet others;
  Exchange exchange;
  exchange.on_response = [&others](imap::Response& response) {
    const auto* found = std::get_if<imap::SearchResponse>(&response);
    if (found == nullptr) return false;
    for (const std::uint32_t uid : found->numbers) others.add(uid);
    return true;
  };
  CO_TRY(const Answer searched, co_await client_->run(std::move(search), std::move(exchange)));
  if (!searched.ok()) co_return fail(error_of(searched, "SEARCH"));
  others = others.minus(set);
  const std::vector<imap::SequenceSet> spared =
      split(others, kMessagesOfCommand, client_->profile().set_bytes);
  Result<> removed;
  for (const imap::SequenceSet& part : spared) {
    if (removed) removed = co_await expect_ok(mark_deleted(part, false));
  }
  if (removed) removed = co_await expect_ok(mark_deleted(set, true));
  if (removed) removed = co_await expect_ok(imap::ExpungeCommand{});
  // Whatever came of it, they get back what others gave them.
  for (const imap::SequenceSet& part : spared) {
    const Result<> restored = co_await expect_ok(mark_deleted(part, true));
    if (removed && !restored) removed = restored;
  }
  co_return removed;
}

Task<Result<>> Replaying::perform(JournalEntry entry, cache::JournalExpunge op) {
  const cache::MailboxRecord* record = account_->find_mailbox(op.mailbox);
  if (record == nullptr || record->upstream.name.empty()) co_return co_await done({entry.seq});
  const Seqs entries = gather(entry, kExpungeEntries, [&op](const JournalEntry& other) {
    const auto* expunge = std::get_if<cache::JournalExpunge>(&other.op);
    return expunge != nullptr && expunge->mailbox == op.mailbox;
  });
  imap::SequenceSet removed;
  for (const cache::JournalSeq seq : entries) {
    removed = removed.united(std::get<cache::JournalExpunge>(account_->journal().at(seq).op).uids);
  }
  if (const Result<> ready = co_await select(op.mailbox); !ready) {
    if (ready.error().code() == Errc::kNotFound) co_return co_await done(entries);
    co_return co_await refused(entries, ready.error());
  }
  CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(op.mailbox));
  std::vector<imap::Uid> uids;
  for (const std::uint32_t uid : upstream_uids(*mailbox, removed)) uids.emplace_back(uid);
  if (!uids.empty()) {
    if (const Result<> gone = co_await remove(std::move(uids)); !gone) {
      co_return co_await refused(entries, gone.error());
    }
  }
  co_return co_await done(entries);
}

}  // namespace upstream
