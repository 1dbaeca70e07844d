// Which UIDs went and when, for QRESYNC: RFC 7162 3.2.
#include <algorithm>

#include "cache/change.h"
#include "cache/codec.h"
#include "cache/keys.h"
#include "cache/set_codec.h"

namespace cache {
namespace {

// Rows of a mailbox in the changes family: when there are more, the older ones go.
constexpr std::uint64_t kMostRows = 10'000;
constexpr std::uint64_t kRowsAfterPruning = 7'500;

}  // namespace

Task<Result<imap::SequenceSet>> Account::vanished_since(MailboxId mailbox, std::uint64_t modseq) {
  CO_TRY(const MailboxRef box, co_await open_mailbox(mailbox));
  CO_TRY_VOID(co_await settled());
  if (modseq < box->record().changes_floor) {
    // What is not there: more than vanished since, which RFC 7162 3.2.5.2 allows.
    imap::SequenceSet absent;
    std::uint32_t next = 1;
    for (const MessageEntry& entry : box->messages()) {
      if (entry.uid.value() > next) absent.add({next, entry.uid.value() - 1});
      next = entry.uid.value() + 1;
    }
    const std::uint32_t end = box->record().uid_next.value();
    if (end > next) absent.add({next, end - 1});
    co_return absent;
  }
  const auto read = [store = store_, account = id_, mailbox,
                     modseq]() -> Result<imap::SequenceSet> {
    imap::SequenceSet vanished;
    const auto cursor = store->scan(Family::kChanges, keys::change(account, mailbox, modseq + 1),
                                    keys::changes_of(account, mailbox).to);
    for (; cursor->valid(); cursor->next()) {
      Decoder decoder(cursor->value());
      const imap::SequenceSet uids = decode_set(&decoder);
      TRY_VOID(decoder.finish("changes"));
      for (const auto& range : uids.ranges()) vanished.add(range);
    }
    TRY_VOID(cursor->status());
    return vanished;
  };
  co_return co_await run_blocking(executor_, read);
}

void Account::prune_changes_soon(MailboxId mailbox) {
  Folder* found = folder(mailbox);
  if (found == nullptr || found->pruning || found->change_rows <= kMostRows || closing_) return;
  found->pruning = true;
  tasks_.spawn(prune_changes(mailbox));
}

Task<void> Account::prune_changes(MailboxId mailbox) {
  const Result<> was_settled = co_await settled();
  const auto read = [store = store_, account = id_,
                     mailbox]() -> Result<std::vector<std::uint64_t>> {
    std::vector<std::uint64_t> rows;
    const keys::Range range = keys::changes_of(account, mailbox);
    const auto cursor = store->scan(Family::kChanges, range.from, range.to);
    for (; cursor->valid(); cursor->next()) {
      TRY(rows.emplace_back(), keys::change_in(cursor->key()));
    }
    TRY_VOID(cursor->status());
    return rows;
  };
  const Result<std::vector<std::uint64_t>> rows = co_await run_blocking(executor_, read);
  const Result<> is_ready = co_await ready();
  Folder* found = folder(mailbox);
  if (found == nullptr) co_return;
  found->pruning = false;
  if (!was_settled || !rows || !is_ready || rows->size() <= kRowsAfterPruning) co_return;
  const std::uint64_t floor = (*rows)[rows->size() - kRowsAfterPruning - 1];
  Change change(this);
  change.batch().erase_range(Family::kChanges, keys::change(id_, mailbox, 0),
                             keys::change(id_, mailbox, floor + 1));
  found->record->changes_floor = std::max(found->record->changes_floor, floor);
  found->change_rows = kRowsAfterPruning;
  change.put_record(found->record.get());
  const Result<> pruned = co_await submit(std::move(change));
  if (!pruned) log_.warning("old changes could not be removed: {}", pruned.error().text());
}

}  // namespace cache
