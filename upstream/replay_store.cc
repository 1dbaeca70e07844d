// Replay of flags: all that can go out together does.
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
  const std::vector<JournalSeq> entries =
      gather(entry, kFlagEntries, [&first](const JournalEntry& other) {
        const auto* flags = std::get_if<cache::JournalFlags>(&other.op);
        return flags != nullptr && flags->mailbox == first.mailbox;
      });
  std::vector<cache::JournalFlags> changes;
  for (const JournalSeq seq : entries) {
    changes.push_back(std::get<cache::JournalFlags>(account_->journal().at(seq).op));
  }
  if (const Result<> ready = co_await select(first.mailbox); !ready) {
    co_return co_await refused(entries, ready.error());
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
      co_return co_await refused(entries, error_of(**answer, "STORE"));
    }
  }
  co_return co_await done(entries);
}

}  // namespace upstream
