#include "cache/flag_change.h"

#include <algorithm>
#include <set>

namespace cache {

FlagChange::FlagChange(const FlagDelta& delta, KeywordTable* keywords)
    : add_(delta.add.system), remove_(delta.remove.system - delta.add.system) {
  for (const std::string& name : delta.remove.keywords) {
    // Also one that nothing has yet: upstream may report it later.
    if (const auto number = keywords->number_of(name)) keywords_.emplace_back(*number, false);
  }
  for (const std::string& name : delta.add.keywords) {
    const auto number = keywords->number_of(name);
    if (!number) continue;
    std::erase_if(keywords_, [&](const auto& keyword) { return keyword.first == *number; });
    keywords_.emplace_back(*number, true);
  }
  std::ranges::sort(keywords_);
}

void FlagChange::then(const FlagChange& later) {
  add_ = (add_ - later.remove_) | later.add_;
  remove_ = (remove_ - later.add_) | later.remove_;
  for (const auto& [number, added] : later.keywords_) {
    const auto at =
        std::ranges::lower_bound(keywords_, number, {}, &std::pair<std::uint16_t, bool>::first);
    if (at != keywords_.end() && at->first == number) {
      at->second = added;
    } else {
      keywords_.emplace(at, number, added);
    }
  }
}

Flags FlagChange::apply(Flags flags, KeywordTable* keywords) const {
  flags.system = (flags.system - remove_) | add_;
  if (keywords_.empty()) return flags;
  std::vector<std::uint16_t> add;
  std::vector<std::uint16_t> remove;
  for (const auto& [number, added] : keywords_) (added ? add : remove).push_back(number);
  flags.keywords = keywords->with(flags.keywords, add, remove);
  return flags;
}

FlagChange FlagChange::without_keywords() const {
  FlagChange change;
  for (const auto& [number, added] : keywords_) {
    if (added) change.keywords_.emplace_back(number, false);
  }
  return change;
}

Flags to_flags(const imap::FlagList& list, KeywordTable* keywords) {
  Flags flags{list.system, {}};
  std::vector<std::uint16_t> numbers;
  for (const std::string& name : list.keywords) {
    if (const auto number = keywords->number_of(name)) numbers.push_back(*number);
  }
  flags.keywords = keywords->set_of(std::move(numbers));
  return flags;
}

imap::FlagList to_list(Flags flags, const KeywordTable& keywords) {
  imap::FlagList list;
  list.system = flags.system;
  for (const std::uint16_t number : keywords.numbers(flags.keywords)) {
    list.keywords.push_back(keywords.name_of(number));
  }
  return list;
}

FlagDelta delta_between(Flags from, const imap::FlagList& to, const KeywordTable& keywords) {
  const imap::FlagList before = to_list(from, keywords);
  FlagDelta delta;
  delta.add.system = to.system - before.system;
  delta.remove.system = before.system - to.system;
  for (const std::string& keyword : to.keywords) {
    if (!before.has_keyword(keyword)) delta.add.keywords.push_back(keyword);
  }
  for (const std::string& keyword : before.keywords) {
    if (!to.has_keyword(keyword)) delta.remove.keywords.push_back(keyword);
  }
  return delta;
}

FlagDelta delta_between(Flags from, Flags to, const KeywordTable& keywords) {
  return delta_between(from, to_list(to, keywords), keywords);
}

PendingFlags::PendingFlags(std::span<const JournalFlags* const> entries, KeywordTable* keywords) {
  // A sweep over the ends of all ranges; between two of them the set of waiting entries is the
  // same.
  struct Edge {
    std::uint64_t at;
    std::uint32_t entry;
    bool begins;
  };
  std::vector<Edge> edges;
  std::vector<FlagChange> resolved;
  for (const JournalFlags* entry : entries) {
    const auto index = static_cast<std::uint32_t>(resolved.size());
    resolved.emplace_back(entry->delta, keywords);
    for (const auto& range : entry->uids.ranges()) {
      edges.push_back({range.first, index, true});
      edges.push_back({std::uint64_t{range.last} + 1, index, false});
    }
  }
  std::ranges::sort(edges, {}, &Edge::at);
  std::set<std::uint32_t> active;  // in the order of the journal
  for (std::size_t i = 0; i < edges.size();) {
    const std::uint64_t at = edges[i].at;
    for (; i < edges.size() && edges[i].at == at; ++i) {
      if (edges[i].begins) {
        active.insert(edges[i].entry);
      } else {
        active.erase(edges[i].entry);
      }
    }
    if (active.empty()) continue;
    FlagChange all;
    for (const std::uint32_t entry : active) all.then(resolved[entry]);
    if (changes_.empty() || !(changes_.back() == all)) changes_.push_back(std::move(all));
    segments_.push_back({static_cast<std::uint32_t>(at),
                         static_cast<std::uint32_t>(edges[i].at - 1),
                         static_cast<std::uint32_t>(changes_.size() - 1)});
  }
}

const FlagChange* PendingFlags::of(imap::Uid uid) const {
  const auto after = std::ranges::upper_bound(segments_, uid.value(), {}, &Segment::first);
  if (after == segments_.begin()) return nullptr;
  const Segment& segment = *std::prev(after);
  return uid.value() <= segment.last ? &changes_[segment.change] : nullptr;
}

}  // namespace cache
