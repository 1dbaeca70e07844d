// Uid, SequenceNumber, UidValidity, ModSeq: numbers that must not be mixed up.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

namespace imap {

/// An integer with a meaning. Default constructed it is 0, which stands for "none" in all of them.
///
/// Thread: a plain value.
template <class Tag, class Int, Int kLargest = std::numeric_limits<Int>::max()>
class Id {
 public:
  using Value = Int;
  static constexpr Int kMax = kLargest;

  constexpr Id() = default;
  /// REQUIRES: value <= kMax. 0 is "none".
  constexpr explicit Id(Int value) : value_(value) {}

  constexpr Int value() const { return value_; }
  /// Whether this is a real one: the wire never carries 0 for any of them (except "MODSEQ 0" as a
  /// question), RFC 3501 section 9 nz-number.
  constexpr bool is_set() const { return value_ != 0; }
  /// The next number. REQUIRES: value() < kMax.
  constexpr Id next() const { return Id(static_cast<Int>(value_ + 1)); }

  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  Int value_ = 0;
};

/// A unique identifier of a message in one mailbox: RFC 3501 2.3.1.1.
using Uid = Id<struct UidTag, std::uint32_t>;
/// A message sequence number, 1 is the first: RFC 3501 2.3.1.2.
using SequenceNumber = Id<struct SequenceNumberTag, std::uint32_t>;
/// The validity of all UIDs of a mailbox: RFC 3501 2.3.1.1.
using UidValidity = Id<struct UidValidityTag, std::uint32_t>;
/// A modification sequence, 63 bits: RFC 7162 section 7, mod-sequence-value.
using ModSeq = Id<struct ModSeqTag, std::uint64_t, (std::uint64_t{1} << 63) - 1>;

}  // namespace imap

template <class Tag, class Int, Int kLargest>
struct std::hash<imap::Id<Tag, Int, kLargest>> {
  std::size_t operator()(imap::Id<Tag, Int, kLargest> id) const noexcept {
    return std::hash<Int>{}(id.value());
  }
};
