// "Recovered": a mailbox of this account alone, for messages that upstream does not take and that
// would otherwise be lost. And mailboxes that are gone, whose messages may have to go there.
#include <algorithm>

#include "cache/change.h"
#include "cache/edit.h"
#include "cache/flag_change.h"

namespace cache {

// Made when it is first needed. Found by its attribute: the user may have renamed it.
MailboxRef Account::recovered(Change* change) {
  for (auto& [id, found] : folders_) {
    if ((found.record->attributes & kLocalOnly) != 0 && found.box) return found.box;
  }
  const MailboxId id = add_folder(change, free_name("Recovered"), kLocalOnly);
  Folder* made = folder(id);
  made->box = std::make_shared<Mailbox>(executor_, made->record);
  made->box->load({}, {});
  return made->box;
}

// Shows messages in "Recovered" that have their body here. `why` is a keyword on them; the whole
// reason is in the journal and the log.
// REQUIRES: the rows that they come from are kShared, or the entries are when they are erased.
void Account::rescue(Change* change, std::span<const MessageEntry> entries, std::string_view why) {
  MailboxRef box;
  for (const MessageEntry& original : entries) {
    if (!original.has(kHaveBody)) continue;
    if (!box) box = recovered(change);
    const bool is_there = std::ranges::any_of(box->messages(), [&](const MessageEntry& entry) {
      return entry.message == original.message;
    });
    if (is_there) continue;
    MessageEntry entry = original;
    entry.upstream_uid = {};
    entry.have |= kShared;
    if (const auto number = keywords_.number_of(why)) {
      entry.visible.keywords = keywords_.with(entry.visible.keywords, std::span(&*number, 1), {});
    }
    entry.visible.system.remove(imap::SystemFlag::kDeleted);
    entry.upstream = entry.visible;
    Edit(change, box).add(entry);
    log_.with_mailbox(box->record().name).warning("a message is kept here: {}", why.substr(1));
  }
}

// Mailboxes whose rows change with it when a mailbox goes.
std::vector<MailboxId> Account::related_to(MailboxId mailbox) const {
  std::vector<MailboxId> related;
  for (const JournalSeq seq : journal_index_.creators(mailbox)) {
    if (const auto* copy = std::get_if<JournalCopy>(&journal_.at(seq).op)) {
      related.push_back(copy->from);
    }
  }
  for (const auto& [id, found] : folders_) {
    if ((found.record->attributes & kLocalOnly) != 0) related.push_back(id);
  }
  return related;
}

// A mailbox is gone upstream, or never will be there: it goes here, with what the journal had to do
// in it. Messages that only it had are kept in "Recovered"; those moved into it come back where
// upstream still has them.
// REQUIRES: related_to() is in memory.
void Account::retire_in(Change* change, const MailboxRef& box) {
  const MailboxId id = box->id();
  const std::string name = box->record().name;
  const bool is_seen = (box->record().attributes & kDeletedHere) == 0;
  std::map<MailboxId, imap::SequenceSet> come_back;
  imap::SequenceSet elsewhere;
  const JournalIndex::Seqs creators = journal_index_.creators(id);
  for (const JournalSeq seq : creators) {
    if (const auto* copy = std::get_if<JournalCopy>(&journal_.at(seq).op)) {
      const Folder* source = folder(copy->from);
      for (const auto& [from, to] : copy->uids) {
        if (source == nullptr || !source->box || source->box->find_any(from) == nullptr) continue;
        elsewhere.add(to);
        if (copy->move && copy->from != id) come_back[copy->from].add(from);
      }
    }
    change->remove_entry(seq);
  }

  Edit edit(change, box);
  std::vector<MessageEntry> rows = edit.cut(uids_of(box->messages()));
  std::vector<MessageEntry> rescued;
  for (MessageEntry& entry : rows) {
    if (entry.upstream_uid.is_set() || elsewhere.contains(entry.uid)) continue;
    entry.have |= kShared;
    rescued.push_back(entry);
  }
  rescue(change, rescued, "$MailboxGone");
  const std::vector<MessageEntry> hidden = edit.cut_hidden(uids_of(box->hidden()));
  rows.insert(rows.end(), hidden.begin(), hidden.end());
  std::ranges::sort(rows, {}, &MessageEntry::uid);
  sources_gone(change, id, uids_of(rows));
  const JournalIndex::Seqs rest = journal_index_.concerning(id);
  for (const JournalSeq seq : rest) {
    const auto* copy = std::get_if<JournalCopy>(&journal_.at(seq).op);
    if (copy == nullptr || copy->to == id) change->remove_entry(seq);
  }
  edit.erase(rows);
  erase_folder(change, id);
  for (const auto& [mailbox, uids] : come_back) bring_back_in(change, mailbox, uids);

  const auto below = by_name_.lower_bound(name + '/');
  const bool has_children = below != by_name_.end() && below->first.starts_with(name + '/');
  if (is_seen && has_children && !by_name_.contains(name)) add_folder(change, name, kNoSelect);
}

// Hidden rows are seen again, under new UIDs: clients were told that the old ones are gone for good
// (RFC 3501 2.3.1.1).
void Account::bring_back_in(Change* change, MailboxId mailbox, const imap::SequenceSet& uids) {
  Folder* found = folder(mailbox);
  if (found == nullptr || !found->box) return;
  Edit edit(change, found->box);
  std::map<imap::Uid, imap::Uid> moved;
  strip_expunges(change, mailbox, uids);
  strip_flags(change, mailbox, uids);
  for (MessageEntry entry : edit.cut_hidden(uids)) {
    // Nobody wants it to go with the next EXPUNGE.
    entry.visible.system.remove(imap::SystemFlag::kDeleted);
    const imap::Uid uid = edit.bring_back(entry);
    moved.emplace(entry.uid, uid);
    if (entry.visible == entry.upstream || !journals(found->box->record())) continue;
    change->add_entry(JournalFlags{mailbox, imap::SequenceSet::of(uid.value(), uid.value()),
                                   delta_between(entry.upstream, entry.visible, keywords_)});
  }
  // Entries that bring them upstream, and copies that wait for them, name the new UIDs.
  const auto is_moved = [&](imap::Uid uid) { return moved.contains(uid); };
  const auto rename = [&](imap::Uid* uid) {
    const auto at = moved.find(*uid);
    if (at != moved.end()) *uid = at->second;
  };
  JournalIndex::Seqs concerned;
  for (const auto& [old_uid, uid] : moved) {
    if (const auto creator = journal_index_.creator(mailbox, old_uid)) concerned.insert(*creator);
  }
  for (const JournalSeq seq : journal_index_.copies_from(mailbox)) {
    const auto& pairs = std::get<JournalCopy>(journal_.at(seq).op).uids;
    if (std::ranges::any_of(pairs, [&](const auto& pair) { return is_moved(pair.first); })) {
      concerned.insert(seq);
    }
  }
  for (const JournalSeq seq : concerned) {
    change->edit_entry(seq, [&](JournalEntry* entry) {
      if (auto* append = std::get_if<JournalAppend>(&entry->op)) return rename(&append->uid);
      auto& copy = std::get<JournalCopy>(entry->op);
      for (auto& [from, to] : copy.uids) {
        if (copy.from == mailbox) rename(&from);
        if (copy.to == mailbox) rename(&to);
      }
      std::ranges::sort(copy.uids);
    });
  }
}

}  // namespace cache
