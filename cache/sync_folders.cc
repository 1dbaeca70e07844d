// The folder list as upstream has it.
#include <algorithm>
#include <functional>

#include "cache/change.h"
#include "cache/edit.h"

namespace cache {
namespace {

constexpr std::uint32_t kOwnAttributes = kSubscribed | kLocalOnly | kDeletedHere;

bool is_below(std::string_view name, std::string_view parent) {
  return name.size() > parent.size() && name.starts_with(parent) && name[parent.size()] == '/';
}

// RFC 3501 has no identity of mailboxes: the same UIDVALIDITY, UIDNEXT and count, and some
// messages, are taken for it when only one fits. Of those under way some may have arrived.
bool looks_like(const UpstreamState& state, std::uint32_t under_way,
                const UpstreamMailbox& listed) {
  const bool has_all = listed.uid_next >= state.uid_next && listed.messages >= state.messages;
  const std::uint32_t arrived = listed.uid_next - state.uid_next;
  return listed.uid_validity.is_set() && listed.uid_validity == state.uid_validity && has_all &&
         state.uid_next != 0 && listed.messages != 0 && arrived <= under_way &&
         arrived == listed.messages - state.messages;
}

}  // namespace

// Which record is which listed mailbox.
struct Account::FolderPlan {
  std::map<MailboxId, std::size_t> matched;  // index into the list
  std::vector<bool> taken;                   // of the list
  std::set<MailboxId> renamed;               // by a client, and upstream was not told yet
  std::vector<MailboxId> gone;               // upstream has them no more
};

// Mailboxes that a client renamed, themselves or with a level above them, and upstream was not told
// yet.
std::set<MailboxId> Account::renamed_here() const {
  std::set<MailboxId> renamed;
  for (const auto& [seq, entry] : journal_) {
    const auto* rename = std::get_if<JournalRename>(&entry.op);
    if (rename == nullptr) continue;
    renamed.insert(rename->mailbox);
    for (const auto& [name, record] : by_name_) {
      if (name == rename->to || is_below(name, rename->to)) renamed.insert(record->id);
    }
  }
  return renamed;
}

bool Account::is_being_created(MailboxId mailbox) const {
  return std::ranges::any_of(journal_index_.concerning(mailbox), [this](JournalSeq seq) {
    return std::holds_alternative<JournalCreate>(journal_.at(seq).op);
  });
}

// Messages that are on their way into the mailbox, or are there by now.
std::uint32_t Account::messages_under_way(MailboxId mailbox) const {
  std::uint32_t count = 0;
  for (const JournalSeq seq : journal_index_.creators(mailbox)) {
    const JournalEntry& entry = journal_.at(seq);
    if (!was_sent(entry)) continue;
    const auto* copy = std::get_if<JournalCopy>(&entry.op);
    count += copy == nullptr ? 1 : static_cast<std::uint32_t>(copy->uids.size());
  }
  return count;
}

Account::FolderPlan Account::plan_folders(const std::vector<UpstreamMailbox>& list) const {
  FolderPlan plan;
  plan.taken.resize(list.size());
  plan.renamed = renamed_here();
  const auto match = [&](auto key_of_record, auto key_of_listed) {
    std::map<std::string_view, std::size_t> by_key;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!plan.taken[i] && !key_of_listed(list[i]).empty())
        by_key.emplace(key_of_listed(list[i]), i);
    }
    for (const auto& [id, found] : folders_) {
      if (!journals(*found.record) || plan.matched.contains(id)) continue;
      const std::string_view key = key_of_record(*found.record);
      if (key.empty()) continue;
      const auto at = by_key.find(key);
      if (at == by_key.end() || plan.taken[at->second]) continue;
      plan.matched.emplace(id, at->second);
      plan.taken[at->second] = true;
    }
  };
  const auto listed_raw = [](const UpstreamMailbox& m) -> std::string_view {
    return m.upstream_name;
  };
  // One that was deleted here, while a mailbox that is seen here has its name upstream: it was made
  // anew before upstream deleted it, and the name is the new one's.
  std::set<std::string_view> seen;
  for (const auto& [name, record] : by_name_) seen.insert(record->upstream.name);
  const auto is_taken_over = [&seen](const MailboxRecord& record) {
    return (record.attributes & kDeletedHere) != 0 && seen.contains(record.upstream.name);
  };
  match(
      [&](const MailboxRecord& r) -> std::string_view {
        return is_taken_over(r) ? std::string_view() : std::string_view(r.upstream.mailbox_id);
      },
      [](const UpstreamMailbox& m) -> std::string_view { return m.mailbox_id; });
  // What was renamed or deleted here is upstream under its old name still.
  match(
      [&](const MailboxRecord& r) -> std::string_view {
        const bool is_old = plan.renamed.contains(r.id) ||
                            ((r.attributes & kDeletedHere) != 0 && !is_taken_over(r));
        return is_old ? std::string_view(r.upstream.name) : std::string_view();
      },
      listed_raw);
  // One whose RENAME was cut off, and that was then deleted here, may have its new name already.
  std::map<MailboxId, std::string_view> sent_to;
  for (const auto& [seq, entry] : journal_) {
    const auto* rename = std::get_if<JournalRename>(&entry.op);
    if (rename != nullptr && was_sent(entry)) sent_to[rename->mailbox] = rename->to;
  }
  match(
      [&sent_to](const MailboxRecord& r) -> std::string_view {
        if ((r.attributes & kDeletedHere) == 0) return r.name;
        const auto sent = sent_to.find(r.id);
        return sent == sent_to.end() ? std::string_view() : sent->second;
      },
      [](const UpstreamMailbox& m) -> std::string_view { return m.name; });
  match([](const MailboxRecord& r) -> std::string_view { return r.upstream.name; }, listed_raw);

  // Servers that number by the second give the same UIDVALIDITY to several: it must fit both ways.
  std::map<MailboxId, std::vector<std::size_t>> alike;
  std::vector<std::size_t> wanted_by(list.size());
  for (const auto& [id, found] : folders_) {
    const MailboxRecord& record = *found.record;
    if (!journals(record) || plan.matched.contains(id) || record.upstream.name.empty()) continue;
    const std::uint32_t under_way = messages_under_way(id);
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (plan.taken[i] || !looks_like(record.upstream, under_way, list[i])) continue;
      alike[id].push_back(i);
      ++wanted_by[i];
    }
  }
  for (const auto& [id, candidates] : alike) {
    if (candidates.size() != 1 || wanted_by[candidates.front()] != 1) continue;
    plan.matched.emplace(id, candidates.front());
    plan.taken[candidates.front()] = true;
  }

  // Upstream deleted it, and only its name is left: the mailbox is gone, the name is a new one.
  std::erase_if(plan.matched, [&](const auto& match) {
    const MailboxRecord& record = *folders_.at(match.first).record;
    const bool is_a_name = (list[match.second].attributes & kNoSelect) != 0;
    if (!is_a_name || (record.attributes & kNoSelect) != 0 || record.name == "INBOX" ||
        is_being_created(match.first)) {
      return false;
    }
    plan.taken[match.second] = false;
    return true;
  });

  std::vector<MailboxId> names;
  for (const auto& [id, found] : folders_) {
    const MailboxRecord& record = *found.record;
    if (!journals(record) || plan.matched.contains(id) || record.name == "INBOX") continue;
    if (is_being_created(id)) continue;
    // Never seen upstream: kept, but for mere names.
    const bool was_there = !record.upstream.name.empty();
    if (was_there || (record.attributes & kDeletedHere) != 0) {
      plan.gone.push_back(id);
    } else if ((record.attributes & kNoSelect) != 0) {
      names.push_back(id);
    }
  }
  // A mere name is kept while something is below it; the deepest go first.
  std::ranges::sort(names, std::greater(),
                    [&](MailboxId id) { return std::string_view(folders_.at(id).record->name); });
  for (const MailboxId id : names) {
    const std::string& name = folders_.at(id).record->name;
    bool has_children = false;
    for (auto below = by_name_.lower_bound(name + '/');
         below != by_name_.end() && is_below(below->first, name) && !has_children; ++below) {
      has_children = std::ranges::find(plan.gone, below->second->id) == plan.gone.end();
    }
    if (!has_children) plan.gone.push_back(id);
  }
  std::ranges::sort(plan.gone);
  return plan;
}

Task<Result<>> Account::set_upstream_mailboxes(std::vector<UpstreamMailbox> list) {
  if (options_.local) co_return fail(Errc::kInvalid, "the account has no upstream");
  for (;;) {
    CO_TRY_VOID(co_await ready());
    const std::vector<MailboxId> gone = plan_folders(list).gone;
    std::vector<MailboxId> needed = gone;
    for (const MailboxId id : gone) {
      for (const MailboxId related : related_to(id)) {
        if (folder(related) != nullptr) needed.push_back(related);
      }
    }
    std::ranges::sort(needed);
    needed.erase(std::unique(needed.begin(), needed.end()), needed.end());
    if (!needed.empty()) {
      Result<std::vector<MailboxRef>> boxes = co_await writable(needed);
      if (!boxes && boxes.error().code() == Errc::kNotFound) continue;
      if (!boxes) co_return fail(std::move(boxes).error());
    }
    const FolderPlan plan = plan_folders(list);
    if (plan.gone != gone) continue;  // somebody wrote while the mailboxes were read
    Change change(this);
    apply_folders(&change, list, plan);
    co_return co_await submit(std::move(change));
  }
}

void Account::apply_folders(Change* change, const std::vector<UpstreamMailbox>& list,
                            const FolderPlan& plan) {
  // The deepest first: a name is kept for what is below it.
  std::vector<MailboxId> gone = plan.gone;
  std::ranges::sort(gone, std::greater(),
                    [this](MailboxId id) { return std::string_view(folder(id)->record->name); });
  for (const MailboxId id : gone) retire_in(change, folder(id)->box);
  // Names first leave, then arrive: two mailboxes may have swapped theirs.
  std::vector<std::pair<MailboxRecord*, std::string>> arriving;
  for (const auto& [id, index] : plan.matched) {
    Folder* found = folder(id);
    if (found == nullptr) continue;
    MailboxRecord* record = found->record.get();
    const UpstreamMailbox& listed = list[index];
    std::uint32_t attributes =
        (listed.attributes & ~kOwnAttributes) | (record->attributes & kOwnAttributes);
    const bool waits_for_create = (attributes & kNoSelect) != 0 && is_being_created(id);
    if (waits_for_create) attributes &= ~std::uint32_t{kNoSelect | kNonExistent};
    const bool same = attributes == record->attributes &&
                      record->upstream.name == listed.upstream_name &&
                      record->upstream.delimiter == listed.delimiter &&
                      record->upstream.mailbox_id == listed.mailbox_id;
    if (!same) {
      record->attributes = attributes;
      record->upstream.name = listed.upstream_name;
      record->upstream.delimiter = listed.delimiter;
      record->upstream.mailbox_id = listed.mailbox_id;
      change->put_record(record);
    }
    // It was to be created, and is there: both sides made the same one.
    const JournalIndex::Seqs seqs = journal_index_.concerning(id);
    for (const JournalSeq seq : seqs) {
      const JournalEntry& entry = journal_.at(seq);
      if (std::holds_alternative<JournalCreate>(entry.op) && !was_sent(entry) &&
          !waits_for_create) {
        change->remove_entry(seq);
      }
    }
    if (record->name == listed.name || (record->attributes & kDeletedHere) != 0 ||
        plan.renamed.contains(id)) {
      continue;
    }
    by_name_.erase(record->name);
    arriving.emplace_back(record, listed.name);
  }
  const auto make_room = [&](const std::string& name) {
    const auto squatter = by_name_.find(name);
    if (squatter == by_name_.end()) return;
    rename_folder(change, squatter->second, free_name(name + " (local)"));
  };
  for (const auto& [record, name] : arriving) {
    make_room(name);
    rename_folder(change, record, name);
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (plan.taken[i]) continue;
    const UpstreamMailbox& listed = list[i];
    // A name that had only stood above others here is this one.
    Folder* found = folder(listed.name);
    const bool is_a_name = found != nullptr && (found->record->attributes & kNoSelect) != 0 &&
                           found->record->upstream.name.empty();
    if (!is_a_name) {
      make_room(listed.name);
      found = folder(add_folder(change, listed.name, 0));
    }
    MailboxRecord* record = found->record.get();
    record->attributes =
        (listed.attributes & ~kOwnAttributes) | (record->attributes & kOwnAttributes);
    change->put_record(record);
    record->upstream.name = listed.upstream_name;
    record->upstream.delimiter = listed.delimiter;
    record->upstream.mailbox_id = listed.mailbox_id;
  }
  if (!record_.listed) {
    record_.listed = true;
    record_dirty_ = true;
    change->touch_mailboxes();
  }
}

Task<Result<>> Account::set_upstream_subscriptions(std::vector<std::string> names) {
  CO_TRY_VOID(co_await ready());
  std::map<std::string, bool> wanted;
  for (std::string& name : names) wanted.emplace(std::move(name), true);
  // What clients did meanwhile stays on top.
  for (const auto& [seq, entry] : journal_) {
    if (const auto* waiting = std::get_if<JournalSubscribe>(&entry.op)) {
      wanted[waiting->name] = waiting->subscribed;
    }
  }
  Change change(this);
  for (const auto& [name, subscribed] : wanted) {
    if (subscribed != subscriptions_.contains(name)) {
      set_subscription(&change, name, subscribed);
    }
  }
  std::vector<std::string> dropped;
  for (const auto& [name, subscribed] : subscriptions_) {
    if (!wanted.contains(name)) dropped.push_back(name);
  }
  for (const std::string& name : dropped) set_subscription(&change, name, false);
  co_return co_await submit(std::move(change));
}

}  // namespace cache
