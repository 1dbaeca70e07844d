#include "tests/end_to_end/mail_model.h"

#include <algorithm>

namespace support {
namespace {

bool is_at_or_below(const std::string& name, const std::string& top) {
  return name == top || (name.starts_with(top) && name[top.size()] == '/');
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "nowhere" : text;
}

constexpr std::size_t kLongName = 16;
constexpr const char* kDeleted = "\\Deleted";

}  // namespace

void MailModel::begin(const ModelTree& tree) {
  *this = MailModel();
  for (const auto& [box, messages] : tree) {
    for (const ModelMessage& message : messages) {
      Fate& fate = fates_[message.marker];
      fate.copied = fate.base > 0;
      ++fate.base;
      fate.boxes.push_back(box);
      fate.places.insert(box);
      for (const std::string& flag : message.flags) fate.flags[flag].value = true;
      if (!message.flags.contains(kDeleted)) continue;
      // What a kill left marked goes with anybody's EXPUNGE.
      fate.unsure = true;
      ++fate.removals;
    }
  }
}

// A RENAME takes along what is below.
bool MailModel::is_touched(std::size_t side, const std::string& box) const {
  return folders_.at(side).contains(box) ||
         std::ranges::any_of(renamed_.at(side), [&box](const std::string& renamed) {
           return is_at_or_below(box, renamed);
         });
}

MailModel::Fate* MailModel::touch(Side side, const std::string& box, const std::string& marker,
                                  Outcome outcome) {
  Fate& fate = fates_[marker];
  fate.touched[index(side)] = true;
  if (is_touched(other(side), box)) fate.touched[other(side)] = true;
  if (outcome == Outcome::kUnknown) fate.unsure = true;
  return &fate;
}

void MailModel::arrive(Side side, const std::string& box, Fate* fate) {
  fate->places.insert(box);
  if (is_touched(other(side), box)) fate->touched[other(side)] = true;
  if (side == Side::kThere && deleted_here_.contains(box)) ++fate->removals;
}

void MailModel::appended(Side side, const std::string& box, const std::string& marker,
                         const std::set<std::string>& flags, Outcome outcome) {
  Fate* fate = touch(side, box, marker, outcome);
  ++(outcome == Outcome::kDone ? fate->appends : fate->unsure_appends);
  fate->boxes.push_back(box);
  for (const std::string& flag : flags) fate->flags[flag].value = true;
  arrive(side, box, fate);
}

void MailModel::copied(Side side, const std::string& from, const std::string& to,
                       const std::string& marker, Outcome outcome) {
  Fate* fate = touch(side, from, marker, outcome);
  ++fate->copies;
  fate->copied = true;
  fate->boxes.push_back(to);
  arrive(side, to, fate);
}

void MailModel::moved(Side side, const std::string& from, const std::string& to,
                      const std::string& marker, Outcome outcome) {
  Fate* fate = touch(side, from, marker, outcome);
  ++fate->moves;
  const auto at = std::ranges::find(fate->boxes, from);
  if (at != fate->boxes.end()) *at = to;
  arrive(side, to, fate);
}

void MailModel::removed(Side side, const std::string& box, const std::string& marker,
                        Outcome outcome) {
  Fate* fate = touch(side, box, marker, outcome);
  ++fate->removals;
  const auto at = std::ranges::find(fate->boxes, box);
  if (at != fate->boxes.end()) fate->boxes.erase(at);
}

void MailModel::flagged(Side side, const std::string& marker, const std::string& flag, bool on,
                        Outcome outcome) {
  FlagFate& fate = fates_[marker].flags[flag];
  fate.value = on;
  fate.touched[index(side)] = true;
  if (outcome == Outcome::kUnknown) fate.unsure = true;
}

// What is in the mailbox, or below it, is where this side wants it.
void MailModel::touch_folder(Side side, const std::string& name, Outcome outcome) {
  const bool both = std::ranges::any_of(folders_[other(side)], [&](const std::string& touched) {
    return is_at_or_below(touched, name) || is_at_or_below(name, touched);
  });
  for (auto& [marker, fate] : fates_) {
    const bool is_there = std::ranges::any_of(
        fate.places, [&](const std::string& place) { return is_at_or_below(place, name); });
    if (!is_there) continue;
    fate.touched[index(side)] = true;
    if (both) fate.touched[other(side)] = true;
    if (outcome == Outcome::kUnknown) fate.unsure = true;
  }
  folders_[index(side)].insert(name);
}

void MailModel::created(Side side, const std::string& name) {
  touch_folder(side, name, Outcome::kDone);
}

// Every name that this one may have, or have had, at either side.
std::set<std::string> MailModel::linked(const std::string& name) const {
  std::set<std::string> names = {name};
  for (std::size_t before = 0; before != names.size();) {
    before = names.size();
    for (const auto& [from, to] : links_) {
      for (const std::string& one : std::set(names)) {
        // "a/x" became "a", and "a" became "a/x": without an end there would be none.
        if (one.size() > kLongName) continue;
        names.insert(renamed_name(one, from, to));
        names.insert(renamed_name(one, to, from));
      }
    }
  }
  return names;
}

std::string MailModel::renamed_name(const std::string& name, const std::string& from,
                                    const std::string& to) {
  return is_at_or_below(name, from) ? to + name.substr(from.size()) : name;
}

void MailModel::deleted(Side side, const std::string& name,
                        const std::vector<std::string>& contents, Outcome outcome) {
  const std::set<std::string> names = linked(name);
  touch_folder(side, name, outcome);
  if (side == Side::kHere) deleted_here_.insert(names.begin(), names.end());
  for (auto& [marker, fate] : fates_) {
    const bool may_be_there = std::ranges::any_of(
        fate.places, [&](const std::string& place) { return names.contains(place); });
    if (side == Side::kHere && may_be_there) {
      fate.removals += fate.base + fate.appends + fate.unsure_appends + fate.copies;
    }
    std::erase(fate.boxes, name);
  }
  if (side == Side::kHere) return;
  for (const std::string& marker : contents) ++fates_[marker].removals;
}

void MailModel::renamed(Side side, const std::string& from, const std::string& to,
                        Outcome outcome) {
  touch_folder(side, from, outcome);
  for (auto& [marker, fate] : fates_) {
    for (std::string& box : fate.boxes) box = renamed_name(box, from, to);
    std::set<std::string> places = fate.places;
    for (const std::string& place : places) fate.places.insert(renamed_name(place, from, to));
  }
  // With what has come along: the other side may have given the name to another mailbox.
  touch_folder(side, to, outcome);
  links_.emplace_back(from, to);
  renamed_[index(side)].insert({from, to});
  for (auto* sides : {&folders_, &renamed_}) {
    for (auto& names : *sides) {
      for (const std::string& name : std::set(names)) names.insert(renamed_name(name, from, to));
    }
  }
}

std::vector<std::string> MailModel::check_view(const std::string& box,
                                               const std::vector<ModelMessage>& seen) const {
  std::vector<std::string> problems;
  for (const auto& [marker, fate] : fates_) {
    if (fate.unsure || fate.touched[index(Side::kThere)]) continue;
    const auto wanted = std::ranges::count(fate.boxes, box);
    const auto found = std::ranges::count(seen, marker, &ModelMessage::marker);
    if (wanted == found) continue;
    problems.push_back(marker + " is " + std::to_string(found) + " times in " + box +
                       " and was put into " + list(fate.boxes));
  }
  return problems;
}

void MailModel::check_flags(const std::string& marker, const Fate& fate, const ModelMessage& seen,
                            std::vector<std::string>* problems) {
  std::set<std::string> names = seen.flags;
  for (const auto& [flag, value] : fate.flags) names.insert(flag);
  for (const std::string& flag : names) {
    const auto known = fate.flags.find(flag);
    const FlagFate flag_fate = known == fate.flags.end() ? FlagFate() : known->second;
    if (flag_fate.unsure || (flag_fate.touched[0] && flag_fate.touched[1])) continue;
    // One side moves it while the other one flags it: a flag that comes too late names nothing.
    if ((fate.touched[0] && flag_fate.touched[1]) || (fate.touched[1] && flag_fate.touched[0])) {
      continue;
    }
    if (flag_fate.value == seen.flags.contains(flag)) continue;
    problems->push_back(marker + (flag_fate.value ? " has lost " : " has got ") + flag);
  }
}

std::vector<std::string> MailModel::check_end(const ModelTree& tree,
                                              const std::vector<ModelMessage>& recovered) const {
  std::vector<std::string> problems;
  std::map<std::string, std::vector<std::string>> found;
  std::map<std::string, const ModelMessage*> last;
  for (const auto& [box, messages] : tree) {
    for (const ModelMessage& message : messages) {
      found[message.marker].push_back(box);
      last[message.marker] = &message;
      if (!fates_.contains(message.marker)) {
        problems.push_back(message.marker + " in " + box + " was never written");
      }
    }
  }
  for (const auto& [marker, fate] : fates_) {
    std::vector<std::string> boxes = found[marker];
    const auto aside =
        static_cast<int>(std::ranges::count(recovered, marker, &ModelMessage::marker));
    if (fate.is_exact()) {
      std::vector<std::string> wanted = fate.boxes;
      std::ranges::sort(wanted);
      std::ranges::sort(boxes);
      if (wanted != boxes || aside != 0) {
        problems.push_back(marker + " is in " + list(boxes) + (aside != 0 ? " and Recovered" : "") +
                           " and was put into " + list(wanted));
      } else if (boxes.size() == 1 && !fate.copied) {
        check_flags(marker, fate, *last[marker], &problems);
      }
      continue;
    }
    // Of a message that both sides have moved there is one in either place.
    const bool both = fate.touched[0] && fate.touched[1];
    const int least = fate.base + fate.appends - fate.removals > 0 ? 1 : 0;
    const int most =
        fate.base + fate.appends + fate.unsure_appends + fate.copies + (both ? fate.moves : 0);
    const int here = static_cast<int>(boxes.size());
    if (here + aside < least) problems.push_back(marker + " is lost");
    if (here + aside > most) {
      problems.push_back(marker + " is in " + list(boxes) + (aside != 0 ? " and Recovered" : "") +
                         ": there should be " + std::to_string(most) + " at most");
    }
  }
  return problems;
}

}  // namespace support
