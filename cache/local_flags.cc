// STORE: RFC 3501 6.4.6, UNCHANGEDSINCE: RFC 7162 3.1.3.
#include "cache/change.h"
#include "cache/edit.h"
#include "cache/flag_change.h"

namespace cache {
namespace {

bool has_room(const imap::FlagList& flags, const KeywordTable& keywords) {
  std::size_t fresh = 0;
  for (const std::string& keyword : flags.keywords) fresh += keywords.find(keyword) ? 0 : 1;
  return keywords.size() + fresh <= KeywordTable::kMaxKeywords;
}

}  // namespace

Task<Result<StoreResult>> Account::store_flags(MailboxId mailbox, imap::SequenceSet uids,
                                               FlagDelta delta,
                                               std::optional<std::uint64_t> unchanged_since,
                                               MailboxView* by) {
  return store_flags_impl(mailbox, std::move(uids), std::move(delta), std::nullopt, unchanged_since,
                          by == nullptr ? 0 : by->serial_);
}

Task<Result<StoreResult>> Account::replace_flags(MailboxId mailbox, imap::SequenceSet uids,
                                                 imap::FlagList flags,
                                                 std::optional<std::uint64_t> unchanged_since,
                                                 MailboxView* by) {
  return store_flags_impl(mailbox, std::move(uids), std::nullopt, std::move(flags), unchanged_since,
                          by == nullptr ? 0 : by->serial_);
}

Task<Result<StoreResult>> Account::store_flags_impl(MailboxId mailbox, imap::SequenceSet uids,
                                                    std::optional<FlagDelta> delta,
                                                    std::optional<imap::FlagList> replacement,
                                                    std::optional<std::uint64_t> unchanged_since,
                                                    std::uint64_t by) {
  CO_TRY(const MailboxRef box, co_await writable(mailbox));
  if (!has_room(delta ? delta->add : *replacement, keywords_)) {
    co_return fail(Errc::kLimit, "the account has too many different keywords");
  }
  Change change(this);
  change.quiet(by);
  StoreResult result = store_flags_in(&change, box, uids, delta ? &*delta : nullptr,
                                      replacement ? &*replacement : nullptr, unchanged_since);
  CO_TRY_VOID(co_await submit(std::move(change)));
  co_return result;
}

StoreResult Account::store_flags_in(Change* change, const MailboxRef& box,
                                    const imap::SequenceSet& uids, const FlagDelta* delta,
                                    const imap::FlagList* replacement,
                                    std::optional<std::uint64_t> unchanged_since) {
  StoreResult result;
  Edit edit(change, box);
  // Messages that had the same flags share a journal entry; a plain delta has one for all.
  struct Group {
    FlagDelta delta;
    FlagChange change;
    imap::SequenceSet journaled;
    Flags before;  // of the last message; runs of equal flags are the rule
    Flags after;
    bool primed = false;
  };
  std::map<std::tuple<bool, std::uint8_t, KeywordSet>, Group> groups;
  const auto group_of = [&](const MessageEntry& entry) -> Group& {
    const auto key = delta != nullptr
                         ? std::tuple(false, std::uint8_t{0}, KeywordSet())
                         : std::tuple(entry.has(kHaveFlags), entry.visible.system.bits(),
                                      entry.visible.keywords);
    const auto [at, is_new] = groups.try_emplace(key);
    Group& group = at->second;
    if (!is_new) return group;
    if (delta != nullptr) {
      group.delta = *delta;
    } else {
      group.delta = delta_between(entry.visible, *replacement, keywords_);
      // What upstream has and did not report yet is replaced as well. Known flags that the client
      // leaves as they are need no word: another client may be changing them.
      if (!entry.has(kHaveFlags)) {
        group.delta.remove.system = imap::SystemFlags::all() - replacement->system;
      }
    }
    group.change = FlagChange(group.delta, &keywords_);
    return group;
  };

  const auto messages = box->messages();
  const bool journaled = journals(box->record());
  for (const auto& range : uids.ranges()) {
    for (std::size_t i = box->lower_bound(imap::Uid(range.first));
         i < messages.size() && messages[i].uid.value() <= range.last; ++i) {
      MessageEntry* entry = edit.at(i);
      if (unchanged_since && entry->modseq > *unchanged_since) {
        result.modified.add(entry->uid);
        continue;
      }
      Group& group = group_of(*entry);
      result.changed.add(entry->uid);
      if (!group.primed || !(group.before == entry->visible)) {
        group.before = entry->visible;
        group.after = group.change.apply(entry->visible, &keywords_);
        group.primed = true;
      }
      const Flags after = group.after;
      // What changes nothing here needs nothing upstream, unless its flags are not known yet.
      const bool changes = !(after == entry->visible);
      if (!changes && (entry->has(kHaveFlags) || !journaled)) continue;
      edit.update(entry, [&](MessageEntry* e) {
        e->visible = after;
        if (!journaled) {
          e->upstream = after;
          e->have |= kHaveFlags;
        }
      });
      if (journaled) group.journaled.add(entry->uid);
    }
  }
  for (auto& [key, group] : groups) {
    if (group.journaled.empty()) continue;
    change->add_entry(JournalFlags{box->id(), std::move(group.journaled), std::move(group.delta)});
  }
  return result;
}

}  // namespace cache
