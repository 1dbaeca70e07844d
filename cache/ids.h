// Numbers of the cache: each a type of its own, so that none is taken for another.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace cache {

/// A strong number. Zero means "none".
template <class Tag, class Rep>
class Id {
 public:
  using rep = Rep;
  constexpr Id() = default;
  explicit constexpr Id(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  explicit constexpr operator bool() const { return value_ != 0; }
  constexpr auto operator<=>(const Id&) const = default;

 private:
  Rep value_ = 0;
};

/// An account in this data directory; given once, never reused.
using AccountId = Id<struct AccountTag, std::uint32_t>;
/// A mailbox in its account; survives RENAME. Shown as MAILBOXID (RFC 8474).
using MailboxId = Id<struct MailboxTag, std::uint64_t>;
/// A message in its account, in arrival order; copies share it. Shown as EMAILID (RFC 8474).
using MessageId = Id<struct MessageTag, std::uint64_t>;
/// A journal entry in its account, in the order in which clients wrote.
using JournalSeq = Id<struct JournalTag, std::uint64_t>;
/// An interned set of keywords of one account (cache/keywords.h); zero is the empty set. Not
/// stored.
using KeywordSet = Id<struct KeywordSetTag, std::uint32_t>;

}  // namespace cache

template <class Tag, class Rep>
struct std::hash<cache::Id<Tag, Rep>> {
  std::size_t operator()(cache::Id<Tag, Rep> id) const noexcept {
    return std::hash<Rep>()(id.value());
  }
};
