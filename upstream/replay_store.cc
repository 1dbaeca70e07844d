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
constexpr int kStoreTries = 3;                // of what the server does not show afterwards

// Whether a message with these flags needs no such change any more.
bool is_so(const imap::FlagList& has, const CoalescedStore& store) {
  const imap::SystemFlags set = has.system & store.flags.system;
  if (set != (store.add ? store.flags.system : imap::SystemFlags())) return false;
  return std::ranges::all_of(store.flags.keywords, [&](const std::string& keyword) {
    return has.has_keyword(keyword) == store.add;
  });
}

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
  std::vector<CoalescedStore> stores = coalesce_flags(pointers);
  for (CoalescedStore& store : stores) {
    store.flags = permitted(store.flags, mailbox->record());
    store.uids = upstream_uids(*mailbox, store.uids);
  }
  std::erase_if(stores, [](const CoalescedStore& store) {
    return store.flags.empty() || store.uids.empty();
  });
  const Result<> stored = co_await store_all(std::move(stores));
  if (!stored) co_return co_await refused(entries, stored.error());
  co_return co_await done(entries);
}

Task<Result<>> Replaying::store_all(std::vector<CoalescedStore> stores) {
  for (int tries = 0; tries < kStoreTries; ++tries) {
    if (is_doubtful()) {
      if (tries > 0) CO_TRY_VOID(co_await select_again());
      CO_TRY_VOID(co_await take_out_done(&stores));
    }
    if (stores.empty()) co_return Result<>();
    std::deque<std::optional<Result<Answer>>> answers;
    TaskGroup together(client_->connection().loop());
    for (const CoalescedStore& store : stores) {
      imap::StoreCommand command;
      command.uid = true;
      command.mode = store.add ? imap::StoreCommand::Mode::kAdd : imap::StoreCommand::Mode::kRemove;
      command.silent = true;
      command.flags = store.flags;
      for (imap::SequenceSet& part :
           split(store.uids, kMessagesOfCommand, client_->profile().set_bytes)) {
        command.set = std::move(part);
        together.spawn(run_into(command, &answers.emplace_back()));
      }
    }
    co_await together.close();
    for (const auto& answer : answers) {
      if (!*answer) co_return fail(answer->error());
      if (!(*answer)->ok()) co_return fail(error_of(**answer, "STORE"));
    }
    if (!is_doubtful()) co_return Result<>();
  }
  // There are servers that do not keep every flag that they permit.
  outcome_.doubtful.insert(selected_);
  co_return Result<>();
}

Task<Result<>> Replaying::take_out_done(std::vector<CoalescedStore>* stores) {
  imap::SequenceSet named;
  for (const CoalescedStore& store : *stores) named = named.united(store.uids);
  FlagsOf seen;
  for (imap::SequenceSet& part : split(named, kMessagesOfCommand, client_->profile().set_bytes)) {
    CO_TRY(FlagsOf some, co_await look_at(std::move(part)));
    seen.merge(some);
  }
  for (CoalescedStore& store : *stores) {
    imap::SequenceSet left;
    for (const std::uint32_t uid : store.uids) {
      const auto found = seen.find(uid);
      if (found != seen.end() && !is_so(found->second, store)) left.add(uid);
    }
    store.uids = std::move(left);
  }
  std::erase_if(*stores, [](const CoalescedStore& store) { return store.uids.empty(); });
  co_return Result<>();
}

}  // namespace upstream
