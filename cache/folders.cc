// The folder tree in memory: adding, renaming and removing records. Who does it and why: see
// local_folders.cc (clients) and sync_folders.cc (upstream).
#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "cache/change.h"
#include "cache/keys.h"

namespace cache {

imap::UidValidity Account::next_uid_validity() {
  // Seconds since 1970, and above every one before: a mailbox that is deleted and made again gets
  // another one (RFC 3501 2.3.1.1), also when the clock goes back.
  const auto now =
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
  const std::uint32_t validity = std::max(now, record_.next_uid_validity);
  record_.next_uid_validity = validity + 1;
  record_dirty_ = true;
  return imap::UidValidity(validity);
}

MailboxId Account::add_folder(Change* change, std::string name, std::uint32_t attributes) {
  const MailboxId id(next_mailbox_++);
  record_.next_mailbox = next_mailbox_;
  record_dirty_ = true;
  auto record = std::make_shared<MailboxRecord>();
  record->id = id;
  record->name = std::move(name);
  record->attributes = attributes & ~std::uint32_t{kSubscribed};
  if (subscriptions_.contains(record->name)) record->attributes |= kSubscribed;
  record->uid_validity = next_uid_validity();
  record->highest_modseq = change->modseq();
  record->changes_floor = record->highest_modseq;
  by_name_[record->name] = record.get();
  change->put_record(record.get());
  folders_[id].record = std::move(record);
  return id;
}

void Account::rename_folder(Change* change, MailboxRecord* record, const std::string& name) {
  const auto found = by_name_.find(record->name);
  if (found != by_name_.end() && found->second == record) by_name_.erase(found);
  record->name = name;
  record->attributes &= ~std::uint32_t{kSubscribed};
  if (subscriptions_.contains(name)) record->attributes |= kSubscribed;
  by_name_[name] = record;
  change->put_record(record);
}

// Takes the record away with all rows. Their content must have been released before.
void Account::erase_folder(Change* change, MailboxId id) {
  Folder* gone = folder(id);
  if (gone == nullptr) return;
  const auto found = by_name_.find(gone->record->name);
  if (found != by_name_.end() && found->second == gone->record.get()) by_name_.erase(found);
  if (gone->box) change->told(gone->box).gone = true;
  change->forget_record(id);
  change->batch().erase(Family::kMeta, keys::mailbox(id_, id));
  for (const auto& [family, range] : {std::pair(Family::kIndex, keys::index_of(id_, id)),
                                      std::pair(Family::kChanges, keys::changes_of(id_, id))}) {
    change->batch().erase_range(family, range.from, range.to);
  }
  change->touch_mailboxes();
  folders_.erase(id);
}

std::string Account::free_name(std::string_view base) const {
  std::string name(base);
  for (int n = 2; by_name_.contains(name); ++n) name = fmt::format("{} ({})", base, n);
  return name;
}

}  // namespace cache
