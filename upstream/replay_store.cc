// Replay of flags: what is adjacent goes out together.
#include <algorithm>
#include <deque>

#include "upstream/answers.h"
#include "upstream/messages.h"
#include "upstream/replay_flags.h"
#include "upstream/replaying.h"

namespace upstream {
namespace {

constexpr std::size_t kFlagEntries = 10'000;  // coalesced into one go

}  // namespace

using cache::JournalEntry;
using cache::JournalSeq;

Task<Result<>> Replaying::perform(JournalEntry entry, cache::JournalFlags first) {
  std::vector<JournalSeq> entries;
  std::vector<cache::JournalFlags> changes;
  for (const auto& [seq, other] : account_->journal()) {
    if (seq < entry.seq || other.state == cache::JournalState::kParked) continue;
    if (entries.size() == kFlagEntries) break;
    const auto* flags = std::get_if<cache::JournalFlags>(&other.op);
    if (flags != nullptr && flags->mailbox == first.mailbox && !done_.contains(seq)) {
      entries.push_back(seq);
      changes.push_back(*flags);
      continue;
    }
    // Anything else on this mailbox keeps the order.
    const std::vector<cache::MailboxId> touched = mailboxes_of(other.op);
    if (std::ranges::find(touched, first.mailbox) != touched.end()) break;
  }
  if (const Result<> ready = co_await select(first.mailbox); !ready) {
    co_return co_await refused(std::move(entries), ready.error());
  }
  CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(first.mailbox));
  std::vector<const cache::JournalFlags*> pointers;
  for (const cache::JournalFlags& change : changes) pointers.push_back(&change);
  std::deque<std::optional<Result<Answer>>> answers;
  TaskGroup together(client_->connection().loop());
  for (const CoalescedStore& store : coalesce_flags(pointers)) {
    imap::StoreCommand command;
    command.uid = true;
    command.mode = store.add ? imap::StoreCommand::Mode::kAdd : imap::StoreCommand::Mode::kRemove;
    command.silent = true;
    command.flags = permitted(store.flags, mailbox->record());
    if (command.flags.empty()) continue;
    for (imap::SequenceSet& part : split(upstream_uids(*mailbox, store.uids), kMessagesOfCommand,
                                         client_->profile().set_bytes)) {
      command.set = std::move(part);
      together.spawn(run_into(command, &answers.emplace_back()));
    }
  }
  co_await together.close();
  for (const auto& answer : answers) {
    if (!*answer) co_return fail(answer->error());
    if (!(*answer)->ok()) {
      co_return co_await refused(std::move(entries), error_of(**answer, "STORE"));
    }
  }
  co_return co_await done(std::move(entries));
}

}  // namespace upstream
