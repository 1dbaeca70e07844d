// KeywordTable: keywords of an account as small numbers, and sets of them as one number.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/ids.h"

namespace cache {

/// Keyword names get stored numbers (u16), in order of first use; sets of them are interned for the
/// life of the process. Compared without case, shown as first written (RFC 3501 2.3.2).
///
/// Thread: the account's loop.
class KeywordTable {
 public:
  /// An account has no more than this: a peer that makes up keywords without end is not followed.
  static constexpr std::size_t kMaxKeywords = 8'192;

  /// The stored number of `name`, given now when new (Account stores it with the change that uses
  /// it), or none when the table is full.
  std::optional<std::uint16_t> number_of(std::string_view name);
  /// The same without giving new ones.
  std::optional<std::uint16_t> find(std::string_view name) const;
  const std::string& name_of(std::uint16_t number) const;
  std::size_t size() const { return names_.size(); }
  void load(std::uint16_t number, std::string name);

  KeywordSet set_of(std::vector<std::uint16_t> numbers);
  std::span<const std::uint16_t> numbers(KeywordSet set) const;
  bool contains(KeywordSet set, std::uint16_t number) const;
  KeywordSet with(KeywordSet set, std::span<const std::uint16_t> add,
                  std::span<const std::uint16_t> remove);
  /// "$Forwarded work", as they stand in a FLAGS list; empty for the empty set. Stable until the
  /// table goes.
  const std::string& wire(KeywordSet set) const;

 private:
  std::vector<std::string> names_;
  std::map<std::string, std::uint16_t, std::less<>> by_folded_name_;
  struct Set {
    std::vector<std::uint16_t> numbers;  // ascending
    std::string wire;
  };
  std::deque<Set> sets_ = {Set{}};  // a deque: wire() stays where it is
  std::map<std::vector<std::uint16_t>, std::uint32_t> by_numbers_;
};

}  // namespace cache
