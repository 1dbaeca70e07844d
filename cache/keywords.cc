#include "cache/keywords.h"

#include <algorithm>

#include "base/check.h"

namespace cache {
namespace {

std::string folded(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

std::optional<std::uint16_t> KeywordTable::number_of(std::string_view name) {
  std::string key = folded(name);
  if (const auto found = by_folded_name_.find(key); found != by_folded_name_.end()) {
    return found->second;
  }
  if (names_.size() >= kMaxKeywords) return std::nullopt;
  const auto number = static_cast<std::uint16_t>(names_.size());
  names_.emplace_back(name);
  by_folded_name_.emplace(std::move(key), number);
  return number;
}

std::optional<std::uint16_t> KeywordTable::find(std::string_view name) const {
  const auto found = by_folded_name_.find(folded(name));
  if (found == by_folded_name_.end()) return std::nullopt;
  return found->second;
}

const std::string& KeywordTable::name_of(std::uint16_t number) const {
  CHECK(number < names_.size());
  return names_[number];
}

void KeywordTable::load(std::uint16_t number, std::string name) {
  if (number >= kMaxKeywords) return;
  // A record that was lost leaves a gap, which gets a name that no client can have written.
  while (names_.size() <= number) names_.emplace_back();
  by_folded_name_.emplace(folded(name), number);
  names_[number] = std::move(name);
}

KeywordSet KeywordTable::set_of(std::vector<std::uint16_t> numbers) {
  if (numbers.empty()) return {};
  std::ranges::sort(numbers);
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  if (const auto found = by_numbers_.find(numbers); found != by_numbers_.end()) {
    return KeywordSet(found->second);
  }
  const auto index = static_cast<std::uint32_t>(sets_.size());
  Set set{numbers, {}};
  for (const std::uint16_t number : numbers) {
    if (name_of(number).empty()) continue;
    if (!set.wire.empty()) set.wire.push_back(' ');
    set.wire.append(name_of(number));
  }
  sets_.push_back(std::move(set));
  by_numbers_.emplace(std::move(numbers), index);
  return KeywordSet(index);
}

std::span<const std::uint16_t> KeywordTable::numbers(KeywordSet set) const {
  CHECK(set.value() < sets_.size());
  return sets_[set.value()].numbers;
}

bool KeywordTable::contains(KeywordSet set, std::uint16_t number) const {
  return std::ranges::binary_search(numbers(set), number);
}

KeywordSet KeywordTable::with(KeywordSet set, std::span<const std::uint16_t> add,
                              std::span<const std::uint16_t> remove) {
  const auto before = numbers(set);
  std::vector<std::uint16_t> after(before.begin(), before.end());
  std::erase_if(after, [remove](std::uint16_t number) {
    return std::ranges::find(remove, number) != remove.end();
  });
  after.insert(after.end(), add.begin(), add.end());
  return set_of(std::move(after));
}

const std::string& KeywordTable::wire(KeywordSet set) const {
  CHECK(set.value() < sets_.size());
  return sets_[set.value()].wire;
}

}  // namespace cache
