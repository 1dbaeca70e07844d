// Replay of CREATE, DELETE, RENAME and SUBSCRIBE.
#include <algorithm>

#include "upstream/answers.h"
#include "upstream/folders.h"
#include "upstream/replaying.h"

namespace upstream {

using cache::JournalEntry;
using imap::Capability;

Task<Result<>> Replaying::perform(JournalEntry entry, cache::JournalCreate op) {
  const cache::MailboxRecord* record = account_->find_mailbox(op.mailbox);
  if (record == nullptr) co_return co_await done({entry.seq});
  // It may have been renamed or deleted here since it was sent: that is done to the name it has
  // upstream.
  const bool is_sent = cache::was_sent(entry) && !record->upstream.name.empty();
  const Result<imap::MailboxName> name =
      is_sent ? imap::MailboxName::from_server(record->upstream.name, false)
              : their_name(options_.space, made_as(entry.seq, record->name));
  if (!name) co_return co_await refused({entry.seq}, name.error());
  if (!is_sent) {
    Result<> noted = co_await account_->mark_in_flight({entry.seq}, {});
    if (noted) noted = co_await bind(op.mailbox, name->wire(false), true);
    if (!noted) co_return co_await refused({entry.seq}, noted.error());
  }
  imap::CreateCommand command{*name};
  if (!op.special_use.empty() && client_->has(Capability::kCreateSpecialUse)) {
    command.special_use.push_back(op.special_use);
  }
  const Result<> created = co_await expect_ok(std::move(command));
  // Both sides made the same one: it is one mailbox.
  if (!created && created.error().code() != Errc::kAlreadyExists) {
    if (client_->is_alive()) CO_TRY_VOID(co_await bind(op.mailbox, "", true));
    co_return co_await refused({entry.seq}, created.error());
  }
  outcome_.folders_changed = true;
  co_return co_await done({entry.seq});
}

Task<Result<>> Replaying::bind(cache::MailboxId mailbox, std::string name, bool is_made_here) {
  const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
  if (record == nullptr) co_return Result<>();
  cache::UpstreamState state = record->upstream;
  state.name = std::move(name);
  state.delimiter = options_.space.delimiter;
  if (is_made_here) {
    state.uids_known = !state.name.empty();  // selectable all the time, also while upstream is away
  } else {
    state.last_good_check = cache::kNotSinceRename;
  }
  co_return co_await account_->set_upstream_state(mailbox, std::move(state));
}

Task<Result<>> Replaying::leave_mailbox() {
  selected_ = {};
  imap::Command leave = imap::SelectCommand{imap::MailboxName::inbox()};
  if (client_->has(Capability::kUnselect)) leave = imap::UnselectCommand{};
  client_->set_selected({});
  // A NO or BAD says that nothing was open.
  CO_TRY_VOID(co_await client_->run(std::move(leave)));
  co_return Result<>();
}

// Somebody deleted it, and has made or renamed another one to its name: that one is not meant.
Task<Result<bool>> Replaying::is_another_mailbox(cache::JournalDelete op) {
  const cache::MailboxRecord* record = account_->find_mailbox(op.mailbox);
  const cache::UpstreamState known = record == nullptr ? cache::UpstreamState() : record->upstream;
  if (!known.uid_validity.is_set()) co_return false;
  // Where STATUS is refused, DELETE will tell why.
  CO_TRY(const Counters told, co_await status_of(client_, {op.upstream_name}));
  const auto found = told.items.find(op.upstream_name);
  if (found == told.items.end()) co_return false;
  const imap::StatusItems& items = found->second;
  if (!items.uid_validity || *items.uid_validity == known.uid_validity) co_return false;
  // Courier numbers a mailbox anew that is renamed: of one that was renamed by us, and not looked
  // at since, UIDVALIDITY tells nothing.
  const bool may_be_it = known.last_good_check == cache::kNotSinceRename && items.uid_next &&
                         items.uid_next->value() >= known.uid_next;
  co_return !may_be_it;
}

Task<Result<bool>> Replaying::is_there_as(cache::MailboxId mailbox, std::string name) {
  const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
  if (record == nullptr || !record->upstream.uid_validity.is_set()) co_return false;
  const imap::UidValidity known = record->upstream.uid_validity;
  const std::uint32_t known_next = record->upstream.uid_next;
  CO_TRY(const Counters told, co_await status_of(client_, {name}));
  const auto found = told.items.find(name);
  if (found == told.items.end()) co_return false;
  const imap::StatusItems& items = found->second;
  if (items.uid_validity != known || !items.uid_next) co_return false;
  co_return items.uid_next->value() >= known_next;
}

std::string Replaying::name_of(const cache::JournalDelete& op) const {
  if (!op.upstream_name.empty()) return op.upstream_name;
  const cache::MailboxRecord* record = account_->find_mailbox(op.mailbox);
  return record == nullptr ? std::string() : record->upstream.name;
}

// Cyrus deletes nothing that has others below it; the deepest go first.
bool Replaying::waits_below(cache::JournalSeq seq, const cache::JournalDelete& op) const {
  const std::string name = name_of(op);
  if (name.empty()) return false;
  const std::string below = name + options_.space.delimiter;
  const auto& journal = account_->journal();
  return std::any_of(journal.upper_bound(seq), journal.end(), [&](const auto& one) {
    const auto* other = std::get_if<cache::JournalDelete>(&one.second.op);
    return other != nullptr && one.second.state == cache::JournalState::kPending &&
           options_.space.delimiter != 0 && name_of(*other).starts_with(below);
  });
}

Task<Result<>> Replaying::perform(JournalEntry entry, cache::JournalDelete op) {
  // Deleted just when it was about to be created, or renamed.
  op.upstream_name = name_of(op);
  // A mailbox that is seen here may have the name by now: it was made anew while this waited.
  const bool is_taken = std::ranges::any_of(account_->mailboxes(), [&op](const auto& one) {
    return one.second->id != op.mailbox && one.second->upstream.name == op.upstream_name;
  });
  if (op.upstream_name.empty() || is_taken) co_return co_await done({entry.seq});
  CO_TRY(const bool is_another, co_await is_another_mailbox(op));
  if (is_another) {
    options_.log.warning("a mailbox to be deleted is gone, and another one has its name");
    outcome_.folders_changed = true;
    co_return co_await done({entry.seq});
  }
  CO_TRY_VOID(co_await leave_mailbox());
  const Result<> deleted = co_await expect_ok(
      imap::DeleteCommand{imap::MailboxName::from_server(op.upstream_name, false)});
  if (!deleted) {
    Error error = co_await with_reason(deleted.error(), op.upstream_name);
    if (error.code() != Errc::kNotFound) {
      co_return co_await refused({entry.seq}, std::move(error));
    }
  }
  outcome_.folders_changed = true;
  co_return co_await done({entry.seq});
}

Task<Result<>> Replaying::perform(JournalEntry entry, cache::JournalRename op) {
  const Result<imap::MailboxName> from = their_name(options_.space, op.from);
  const Result<imap::MailboxName> to = their_name(options_.space, op.to);
  if (!from) co_return co_await refused({entry.seq}, from.error());
  if (!to) co_return co_await refused({entry.seq}, to.error());
  // Noted, so that it is not forgotten when the mailbox is deleted here meanwhile.
  if (!cache::was_sent(entry)) {
    const Result<> noted = co_await account_->mark_in_flight({entry.seq}, {});
    if (!noted) co_return co_await refused({entry.seq}, noted.error());
  }
  CO_TRY_VOID(co_await leave_mailbox());
  const Result<> renamed = co_await expect_ok(imap::RenameCommand{*from, *to});
  if (!renamed) {
    Error error = co_await with_reason(renamed.error(), from->wire(false));
    if (error.code() != Errc::kNotFound) {
      co_return co_await refused({entry.seq}, std::move(error));
    }
  }
  outcome_.folders_changed = true;
  if (!renamed) {
    // It happened before a cut, or somebody else has renamed it: then the list tells where it is.
    CO_TRY(const bool is_done, co_await is_there_as(op.mailbox, to->wire(false)));
    if (!is_done) co_return co_await done({entry.seq});
  }
  CO_TRY_VOID(co_await bind(op.mailbox, to->wire(false)));
  CO_TRY_VOID(co_await bind_below(from->wire(false), to->wire(false)));
  co_return co_await done({entry.seq});
}

Task<Result<>> Replaying::bind_below(std::string from, std::string to) {
  if (options_.space.delimiter == 0) co_return Result<>();
  from += options_.space.delimiter;
  to += options_.space.delimiter;
  std::map<cache::MailboxId, cache::UpstreamState> below;
  const auto add = [&](const cache::MailboxRecord* record) {
    if (record == nullptr || !record->upstream.name.starts_with(from)) return;
    cache::UpstreamState state = record->upstream;
    state.name.replace(0, from.size(), to);
    state.last_good_check = cache::kNotSinceRename;
    below.emplace(record->id, std::move(state));
  };
  for (const auto& [name, record] : account_->mailboxes()) add(record);
  // Those that are still to be deleted there are not among them.
  for (const auto& [seq, entry] : account_->journal()) {
    const auto* deleted = std::get_if<cache::JournalDelete>(&entry.op);
    if (deleted != nullptr) add(account_->find_mailbox(deleted->mailbox));
  }
  for (auto& [mailbox, state] : below) {
    if (account_->find_mailbox(mailbox) == nullptr) continue;
    CO_TRY_VOID(co_await account_->set_upstream_state(mailbox, std::move(state)));
  }
  co_return Result<>();
}

Task<Result<>> Replaying::perform(JournalEntry entry, cache::JournalSubscribe op) {
  const Result<imap::MailboxName> name = their_name(options_.space, op.name);
  if (!name) co_return co_await refused({entry.seq}, name.error());
  imap::Command command = op.subscribed ? imap::Command(imap::SubscribeCommand{*name})
                                        : imap::Command(imap::UnsubscribeCommand{*name});
  const Result<> changed = co_await expect_ok(std::move(command));
  if (!changed && is_passing(changed.error())) {
    co_return co_await refused({entry.seq}, changed.error());
  }
  // A server that keeps no such subscription loses nothing by it.
  co_return co_await done({entry.seq});
}

}  // namespace upstream
