// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE: RFC 3501 6.3.3 to 6.3.7.
#include <algorithm>

#include "cache/change.h"
#include "cache/edit.h"
#include "cache/keys.h"
#include "protocol/imap/characters.h"
#include "protocol/imap/mailbox_name.h"

namespace cache {
namespace {

constexpr std::uint32_t kSpecialUses = kSpecialAll | kSpecialArchive | kSpecialDrafts |
                                       kSpecialFlagged | kSpecialJunk | kSpecialSent |
                                       kSpecialTrash | kSpecialImportant;

// RFC 6154 section 2.
std::string_view name_of_special_use(std::uint32_t attributes) {
  if ((attributes & kSpecialAll) != 0) return "\\All";
  if ((attributes & kSpecialArchive) != 0) return "\\Archive";
  if ((attributes & kSpecialDrafts) != 0) return "\\Drafts";
  if ((attributes & kSpecialFlagged) != 0) return "\\Flagged";
  if ((attributes & kSpecialJunk) != 0) return "\\Junk";
  if ((attributes & kSpecialSent) != 0) return "\\Sent";
  if ((attributes & kSpecialTrash) != 0) return "\\Trash";
  if ((attributes & kSpecialImportant) != 0) return "\\Important";
  return "";
}

// The name as it is kept: without a trailing separator (RFC 3501 6.3.3), with INBOX in capitals as
// the first level.
Result<std::string> normal_name(std::string_view name) {
  if (name.ends_with('/')) name.remove_suffix(1);
  TRY(const imap::MailboxName checked, imap::MailboxName::make(name));
  std::string normal = checked.utf8();
  if (normal.starts_with('/') || normal.ends_with('/') || normal.contains("//")) {
    return fail(Errc::kInvalid, "a level of the mailbox name is empty");
  }
  for (const char c : normal) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return fail(Errc::kInvalid, "the mailbox name has a control character");
    }
  }
  const std::size_t level = normal.find('/');
  if (imap::equals_ignoring_case(std::string_view(normal).substr(0, level), "INBOX")) {
    normal.replace(0, 5, "INBOX");
  }
  return normal;
}

std::vector<std::string> parents_of(const std::string& name) {
  std::vector<std::string> parents;
  for (std::size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1)) {
    parents.push_back(name.substr(0, at));
  }
  return parents;
}

bool is_below(std::string_view name, std::string_view parent) {
  return name.size() > parent.size() && name.starts_with(parent) && name[parent.size()] == '/';
}

}  // namespace

// Makes `name` and the levels above it that are missing. REQUIRES: it can be made.
MailboxId Account::create_in(Change* change, const std::string& name, std::uint32_t special_use) {
  std::vector<std::string> names = parents_of(name);
  names.push_back(name);
  MailboxId made;
  for (const std::string& level : names) {
    const bool is_last = &level == &names.back();
    Folder* found = folder(level);
    if (found != nullptr && (!is_last || (found->record->attributes & kNoSelect) == 0)) continue;
    if (found == nullptr) {
      made = add_folder(change, level, is_last ? special_use : 0);
    } else {
      // A mere name in the hierarchy becomes a mailbox.
      made = found->record->id;
      found->record->attributes &= ~std::uint32_t{kNoSelect | kNonExistent};
      change->put_record(found->record.get());
    }
    if (!options_.local) {
      change->add_entry(
          JournalCreate{made, is_last ? std::string(name_of_special_use(special_use)) : ""});
    }
  }
  return made;
}

Result<> Account::may_create(const std::string& name) const {
  const MailboxRecord* found = find_mailbox(name);
  if (found != nullptr && (found->attributes & kNoSelect) == 0) {
    return fail(Errc::kAlreadyExists, "there is a mailbox of this name");
  }
  for (const std::string& parent : parents_of(name)) {
    const MailboxRecord* above = find_mailbox(parent);
    if (above != nullptr && (above->attributes & (kNoInferiors | kLocalOnly)) != 0) {
      return fail(Errc::kPermission, "there can be no mailbox below " + parent);
    }
  }
  return {};
}

Task<Result<MailboxId>> Account::create_mailbox(std::string name, std::uint32_t special_use) {
  CO_TRY(name, normal_name(name));
  CO_TRY_VOID(co_await ready());
  CO_TRY_VOID(may_create(name));
  Change change(this);
  const MailboxId made = create_in(&change, name, special_use & kSpecialUses);
  CO_TRY_VOID(co_await submit(std::move(change)));
  co_return made;
}

Task<Result<>> Account::delete_mailbox(std::string name) {
  CO_TRY(name, normal_name(name));
  if (name == "INBOX") co_return fail(Errc::kPermission, "INBOX cannot be deleted");
  CO_TRY_VOID(co_await ready());
  const MailboxRecord* found = find_mailbox(name);
  if (found == nullptr) co_return fail(Errc::kNotFound, "there is no such mailbox");
  CO_TRY(const MailboxRef box, co_await writable(found->id));
  if (find_mailbox(name) != &box->record())
    co_return fail(Errc::kStale, "it was renamed meanwhile");
  const auto below = by_name_.lower_bound(name + '/');
  const bool has_children = below != by_name_.end() && is_below(below->first, name);
  if (has_children && (box->record().attributes & kNoSelect) != 0) {
    // RFC 3501 6.3.4: an error when it is but a name and has mailboxes below it.
    co_return fail(Errc::kInvalid, "there are mailboxes below it");
  }
  Change change(this);
  delete_in(&change, box, has_children);
  co_return co_await submit(std::move(change));
}

// Takes a CREATE that upstream has not heard of out of the journal, if there is one.
bool Account::drop_unsent_create(Change* change, MailboxId mailbox) {
  if (!folder(mailbox)->record->upstream.name.empty()) return false;
  bool was_unsent = false;
  const JournalIndex::Seqs seqs = journal_index_.concerning(mailbox);
  for (const JournalSeq seq : seqs) {
    const JournalEntry& entry = journal_.at(seq);
    if (was_sent(entry)) continue;
    if (std::holds_alternative<JournalCreate>(entry.op)) {
      was_unsent = true;
      change->remove_entry(seq);
    }
  }
  return was_unsent;
}

void Account::delete_in(Change* change, const MailboxRef& box, bool has_children) {
  MailboxRecord* record = box->record_.get();
  const MailboxId id = record->id;
  change->told(box).gone = true;
  Edit edit(change, box);
  std::vector<MessageEntry> rows = edit.cut(uids_of(box->messages()));
  const std::vector<MessageEntry> hidden = edit.cut_hidden(uids_of(box->hidden()));
  rows.insert(rows.end(), hidden.begin(), hidden.end());
  std::ranges::sort(rows, {}, &MessageEntry::uid);
  if (!journals(*record)) {
    edit.erase(rows);
    close_name(change, record, has_children, false);
    return;
  }

  // What upstream was not told yet goes with the mailbox. Messages moved into it are removed where
  // they were; messages copied or moved out of it still need their rows here until that is done.
  const bool was_unsent = drop_unsent_create(change, id);
  std::vector<MessageEntry> unsent;
  for (const MessageEntry& entry : rows) {
    const auto creator = journal_index_.creator(id, entry.uid);
    if (creator && !was_sent(journal_.at(*creator))) unsent.push_back(entry);
  }
  cancel_creation(change, box, unsent);
  const JournalIndex::Seqs seqs = journal_index_.concerning(id);
  for (const JournalSeq seq : seqs) {
    const JournalEntry& entry = journal_.at(seq);
    const bool ends_here = std::holds_alternative<JournalFlags>(entry.op) ||
                           std::holds_alternative<JournalExpunge>(entry.op) ||
                           (std::holds_alternative<JournalRename>(entry.op) && !has_children);
    if (ends_here && !was_sent(entry)) change->remove_entry(seq);
  }
  imap::SequenceSet needed;
  for (const JournalSeq seq : journal_index_.copies_from(id)) {
    for (const auto& [from, to] : std::get<JournalCopy>(journal_.at(seq).op).uids) needed.add(from);
  }
  std::vector<MessageEntry> erased;
  std::vector<MessageEntry> kept;
  for (const MessageEntry& entry : rows) {
    const bool keeps = needed.contains(entry.uid) || journal_index_.creator(id, entry.uid);
    (keeps ? kept : erased).push_back(entry);
  }
  edit.erase(erased);
  edit.hide(std::move(kept));
  if (!was_unsent) {
    // After a RENAME that is still to be sent, or is under way, it has another name.
    const bool is_renamed = std::ranges::any_of(journal_, [&](const auto& one) {
      const auto* rename = std::get_if<JournalRename>(&one.second.op);
      if (rename == nullptr) return false;
      const bool is_own = rename->mailbox == id;
      return is_own ? has_children || was_sent(one.second) : is_below(record->name, rename->to);
    });
    change->add_entry(JournalDelete{id, is_renamed ? std::string() : record->upstream.name});
  }
  close_name(change, record, has_children, !was_unsent);
}

// A mailbox is deleted: its record stays, out of sight, while upstream is still to be told; its
// name stays while there are mailboxes below it (RFC 3501 6.3.4).
void Account::close_name(Change* change, MailboxRecord* record, bool has_children,
                         bool upstream_has_it) {
  if (!upstream_has_it && has_children) {
    record->attributes |= kNoSelect;
    record->attributes &= ~kSpecialUses;
    change->put_record(record);
    return;
  }
  const std::string name = record->name;
  if (upstream_has_it) {
    by_name_.erase(name);
    record->attributes |= kDeletedHere;
    change->put_record(record);
  } else {
    erase_folder(change, record->id);
  }
  if (has_children) add_folder(change, name, kNoSelect);
}

Task<Result<>> Account::rename_mailbox(std::string from, std::string to) {
  CO_TRY(from, normal_name(from));
  CO_TRY(to, normal_name(to));
  CO_TRY_VOID(co_await ready());
  const MailboxRecord* found = find_mailbox(from);
  if (found == nullptr) co_return fail(Errc::kNotFound, "there is no such mailbox");
  if (find_mailbox(to) != nullptr) {
    co_return fail(Errc::kAlreadyExists, "there is a mailbox of this name");
  }
  if (is_below(to, from) && from != "INBOX") {
    co_return fail(Errc::kInvalid, "a mailbox cannot be moved below itself");
  }
  CO_TRY_VOID(may_create(to));
  if (from == "INBOX") co_return co_await rename_inbox(found->id, std::move(to));

  Change change(this);
  const std::vector<std::string> parents = parents_of(to);
  if (!parents.empty()) {
    const MailboxRecord* parent = find_mailbox(parents.back());
    if (parent == nullptr) create_in(&change, parents.back(), 0);
  }
  rename_in(&change, folder(from)->record.get(), to);
  co_return co_await submit(std::move(change));
}

void Account::rename_in(Change* change, MailboxRecord* record, const std::string& to) {
  const std::string from = record->name;
  std::vector<MailboxRecord*> below;
  for (auto at = by_name_.lower_bound(from + '/');
       at != by_name_.end() && is_below(at->first, from); ++at) {
    below.push_back(at->second);
  }
  // What upstream does not have yet is made there under its new name, if that was free already.
  bool upstream_is_told = may_be_upstream(*record) || is_older_than_a_free_name(record->id);
  for (const MailboxRecord* each : below) {
    upstream_is_told |= may_be_upstream(*each) || is_older_than_a_free_name(each->id);
  }
  if (upstream_is_told) change->add_entry(JournalRename{record->id, from, to});
  rename_folder(change, record, to);
  for (MailboxRecord* child : below) {
    rename_folder(change, child, to + child->name.substr(from.size()));
  }
}

// Whether upstream has the mailbox, or may have: what is created and was not sent is not there.
bool Account::may_be_upstream(const MailboxRecord& record) const {
  if (!journals(record)) return false;
  for (const JournalSeq seq : journal_index_.concerning(record.id)) {
    const JournalEntry& entry = journal_.at(seq);
    if (std::holds_alternative<JournalCreate>(entry.op)) {
      return was_sent(entry);
    }
  }
  return (record.attributes & kNoSelect) == 0 || !record.upstream.name.empty();
}

// Whether a name was given up here after the CREATE of the mailbox: made under it, the mailbox
// would meet the one that has it upstream still.
bool Account::is_older_than_a_free_name(MailboxId mailbox) const {
  for (const JournalSeq seq : journal_index_.concerning(mailbox)) {
    if (!std::holds_alternative<JournalCreate>(journal_.at(seq).op)) continue;
    return std::any_of(journal_.upper_bound(seq), journal_.end(), [](const auto& later) {
      return std::holds_alternative<JournalDelete>(later.second.op) ||
             std::holds_alternative<JournalRename>(later.second.op);
    });
  }
  return false;
}

// RFC 3501 6.3.5: the messages of INBOX move to the new mailbox, INBOX stays and is empty.
Task<Result<>> Account::rename_inbox(MailboxId inbox, std::string to) {
  CO_TRY(const MailboxRef from, co_await writable(inbox));
  CO_TRY_VOID(may_create(to));
  Change change(this);
  const MailboxId made = create_in(&change, to, 0);
  Folder* destination = folder(made);
  if (!destination->box) {
    destination->box = std::make_shared<Mailbox>(executor_, destination->record);
    destination->box->load({}, {});
  }
  transfer_in(&change, from, uids_of(from->messages()), destination->box, true);
  co_return co_await submit(std::move(change));
}

Task<Result<>> Account::subscribe(std::string name, bool subscribed) {
  CO_TRY(name, normal_name(name));
  CO_TRY_VOID(co_await ready());
  Change change(this);
  if (subscriptions_.contains(name) != subscribed) {
    set_subscription(&change, name, subscribed);
    journal_subscription(&change, name, subscribed);
  }
  co_return co_await submit(std::move(change));
}

void Account::set_subscription(Change* change, const std::string& name, bool subscribed) {
  if (subscribed) {
    subscriptions_.emplace(name, true);
    change->batch().put(Family::kMeta, keys::subscription(id_, name), {});
  } else {
    subscriptions_.erase(name);
    change->batch().erase(Family::kMeta, keys::subscription(id_, name));
  }
  change->touch_mailboxes();
  if (Folder* found = folder(name)) {
    if (subscribed) {
      found->record->attributes |= kSubscribed;
    } else {
      found->record->attributes &= ~std::uint32_t{kSubscribed};
    }
    change->put_record(found->record.get());
  }
}

void Account::journal_subscription(Change* change, const std::string& name, bool subscribed) {
  if (options_.local) return;
  for (const auto& [seq, entry] : journal_) {
    const auto* earlier = std::get_if<JournalSubscribe>(&entry.op);
    if (earlier == nullptr || earlier->name != name || was_sent(entry)) continue;
    // The opposite waits: upstream is as it is to be.
    change->remove_entry(seq);
    return;
  }
  change->add_entry(JournalSubscribe{name, subscribed});
}

}  // namespace cache
