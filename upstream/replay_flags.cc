#include "upstream/replay_flags.h"

namespace upstream {
namespace {

constexpr imap::SystemFlag kSystemFlags[] = {imap::SystemFlag::kAnswered,
                                             imap::SystemFlag::kFlagged, imap::SystemFlag::kDeleted,
                                             imap::SystemFlag::kSeen, imap::SystemFlag::kDraft};

// What is wanted of one flag.
struct Wish {
  imap::SequenceSet add;
  imap::SequenceSet remove;

  void apply(const imap::SequenceSet& uids, bool adds) {
    (adds ? add : remove) = (adds ? add : remove).united(uids);
    (adds ? remove : add) = (adds ? remove : add).minus(uids);
  }
};

}  // namespace

std::vector<CoalescedStore> coalesce_flags(const std::vector<const cache::JournalFlags*>& changes) {
  std::map<imap::SystemFlag, Wish> system;
  std::map<std::string, Wish> keywords;
  for (const cache::JournalFlags* change : changes) {
    const auto apply = [&](const imap::FlagList& flags, bool adds) {
      for (const imap::SystemFlag flag : kSystemFlags) {
        if (flags.system.has(flag)) system[flag].apply(change->uids, adds);
      }
      for (const std::string& keyword : flags.keywords) keywords[keyword].apply(change->uids, adds);
    };
    apply(change->delta.add, true);
    apply(change->delta.remove, false);
  }
  // Flags with the same messages go together.
  std::map<std::pair<bool, std::string>, CoalescedStore> stores;
  const auto collect = [&stores](const imap::SequenceSet& uids, bool adds, const auto& add_flag) {
    if (uids.empty()) return;
    CoalescedStore& store = stores[{adds, uids.encode()}];
    store.uids = uids;
    store.add = adds;
    add_flag(&store.flags);
  };
  for (const auto& [flag, wish] : system) {
    const auto put = [flag](imap::FlagList* list) { list->system.add(flag); };
    collect(wish.add, true, put);
    collect(wish.remove, false, put);
  }
  for (const auto& [keyword, wish] : keywords) {
    const auto put = [&keyword](imap::FlagList* list) { list->add_keyword(keyword); };
    collect(wish.add, true, put);
    collect(wish.remove, false, put);
  }
  std::vector<CoalescedStore> all;
  for (auto& [key, store] : stores) all.push_back(std::move(store));
  return all;
}

}  // namespace upstream
