#include "upstream/survey.h"

#include <deque>
#include <map>
#include <set>

#include "base/task_group.h"
#include "upstream/clock.h"

namespace upstream {
namespace {

bool is_unchanged(const cache::MailboxRecord& record, const imap::StatusItems& items,
                  const SurveyOptions& options) {
  const cache::UpstreamState& state = record.upstream;
  if (!state.uids_known || !state.flags_known) return false;
  if (items.uid_validity && *items.uid_validity != state.uid_validity) return false;
  if (!items.uid_next || items.uid_next->value() != state.uid_next) return false;
  if (!items.messages || *items.messages != state.messages) return false;
  // RFC 7162 3.1.2.2: a mailbox without MODSEQ says 0, which tells nothing of its flags.
  const std::uint64_t modseq = items.highest_mod_seq ? items.highest_mod_seq->value() : 0;
  if (!options.condstore || modseq == 0) return options.flags_are_fresh(record);
  return modseq == state.highest_modseq;
}

Task<void> confirm_one(cache::Account* account, cache::MailboxId id, Result<>* result) {
  const cache::MailboxRecord* record = account->find_mailbox(id);
  if (record == nullptr) co_return;
  cache::UpstreamState state = record->upstream;
  state.last_good_check = now_seconds();
  *result = co_await account->set_upstream_state(id, std::move(state));
}

// Known good as of now, without a look inside.
Task<Result<>> confirm(cache::Account* account, std::vector<cache::MailboxId> mailboxes) {
  std::deque<Result<>> results;
  TaskGroup together(account->executor());
  for (const cache::MailboxId id : mailboxes) {
    together.spawn(confirm_one(account, id, &results.emplace_back()));
  }
  co_await together.close();
  for (const Result<>& result : results) {
    if (!result) co_return result;
  }
  co_return Result<>();
}

// A mailbox that is gone and a new one may be the same, renamed: what is in it tells.
Task<Result<>> describe_new(Client* client, cache::Account* account, FolderList* folders) {
  std::set<std::string_view> listed;
  for (const cache::UpstreamMailbox& mailbox : folders->mailboxes) {
    listed.insert(mailbox.upstream_name);
  }
  std::set<std::string_view> known;
  bool is_one_gone = false;
  for (const auto& [name, record] : account->mailboxes()) {
    known.insert(record->upstream.name);
    is_one_gone =
        is_one_gone || (record->upstream.uids_known && !listed.contains(record->upstream.name));
  }
  if (!is_one_gone) co_return Result<>();
  std::vector<std::string> ask;
  for (const cache::UpstreamMailbox& mailbox : folders->mailboxes) {
    const bool selectable = (mailbox.attributes & (cache::kNoSelect | cache::kNonExistent)) == 0;
    if (!selectable || known.contains(mailbox.upstream_name)) continue;
    if (!folders->status.contains(mailbox.name)) ask.push_back(mailbox.upstream_name);
  }
  Counters told;
  if (!ask.empty()) {
    CO_TRY(told, co_await status_of(client, std::move(ask)));
  }
  for (cache::UpstreamMailbox& mailbox : folders->mailboxes) {
    const auto with_list = folders->status.find(mailbox.name);
    const auto alone = told.items.find(mailbox.upstream_name);
    const imap::StatusItems* items = nullptr;
    if (with_list != folders->status.end()) items = &with_list->second;
    if (alone != told.items.end()) items = &alone->second;
    if (items == nullptr) continue;
    mailbox.uid_validity = items->uid_validity.value_or(imap::UidValidity());
    mailbox.uid_next = items->uid_next ? items->uid_next->value() : 0;
    mailbox.messages = static_cast<std::uint32_t>(items->messages.value_or(0));
  }
  co_return Result<>();
}

}  // namespace

bool is_syncable(const cache::MailboxRecord& record) {
  return (record.attributes & (cache::kNoSelect | cache::kNonExistent)) == 0 &&
         !record.upstream.name.empty();
}

Task<Result<>> survey(Client* client, cache::Account* account, SurveyOptions options) {
  CO_TRY(FolderList folders, co_await list_folders(client, options.space));
  CO_TRY_VOID(co_await describe_new(client, account, &folders));
  CO_TRY_VOID(options.check(folders));
  CO_TRY_VOID(co_await account->set_upstream_mailboxes(folders.mailboxes));
  CO_TRY_VOID(co_await account->set_upstream_subscriptions(folders.subscribed));
  options.on_listed();
  if (options.beside) co_await options.beside();

  std::map<cache::MailboxId, imap::StatusItems> known;
  std::vector<std::string> ask;
  for (const auto& [name, record] : account->mailboxes()) {
    if (!is_syncable(*record)) continue;
    const auto told = folders.status.find(name);
    if (told != folders.status.end()) {
      known.emplace(record->id, told->second);
    } else {
      ask.push_back(record->upstream.name);
    }
  }
  if (!ask.empty()) {
    CO_TRY(const Counters told, co_await status_of(client, std::move(ask)));
    if (!told.missing.empty()) {
      // Dovecot lists a deleted mailbox with others below it as if it were still there.
      for (cache::UpstreamMailbox& mailbox : folders.mailboxes) {
        if (!told.missing.contains(mailbox.upstream_name)) continue;
        mailbox.attributes |= cache::kNoSelect | cache::kNonExistent;
      }
      CO_TRY_VOID(options.check(folders));
      CO_TRY_VOID(co_await account->set_upstream_mailboxes(folders.mailboxes));
      options.on_listed();
    }
    for (const auto& [name, record] : account->mailboxes()) {
      if (!is_syncable(*record) || known.contains(record->id)) continue;
      const auto found = told.items.find(record->upstream.name);
      if (found != told.items.end()) known.emplace(record->id, found->second);
    }
  }
  for (const auto& [name, record] : account->mailboxes()) {
    const bool is_new = is_syncable(*record) && !record->upstream.uids_known;
    if (is_new && !known.contains(record->id)) options.on_changed(*record, std::nullopt);
  }
  std::vector<cache::MailboxId> unchanged;
  for (const auto& [id, items] : known) {
    const cache::MailboxRecord* record = account->find_mailbox(id);
    if (record == nullptr) continue;
    if (is_unchanged(*record, items, options)) {
      unchanged.push_back(id);
    } else {
      options.on_changed(*record, items.messages);
    }
  }
  co_return co_await confirm(account, std::move(unchanged));
}

}  // namespace upstream
