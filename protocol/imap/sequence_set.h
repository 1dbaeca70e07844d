// SequenceSet: sets of UIDs or sequence numbers, as ranges. RFC 3501 section 9, sequence-set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/imap/ids.h"
#include "protocol/imap/lexer.h"

namespace imap {

/// A set of numbers from 1 to 2^32-1, kept as ascending ranges that neither overlap nor touch, and
/// the "*" that a client may have written. Two equal sets have equal bytes when encoded.
///
/// Thread: a plain value.
class SequenceSet {
 public:
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t last = 0;  // included
    std::uint64_t size() const { return std::uint64_t{last} - first + 1; }
    friend bool operator==(const Range&, const Range&) = default;
  };

  /// Walks the numbers in ascending order ("*" is not among them).
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = std::uint32_t;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::uint32_t*;
    using reference = std::uint32_t;
    Iterator() = default;
    explicit Iterator(const Range* range) : range_(range) {}
    std::uint32_t operator*() const { return range_->first + offset_; }
    Iterator& operator++() {
      if (range_->first + offset_ == range_->last) {
        ++range_;
        offset_ = 0;
      } else {
        ++offset_;
      }
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const Range* range_ = nullptr;
    std::uint32_t offset_ = 0;
  };

  SequenceSet() = default;
  /// REQUIRES: 1 <= first <= last.
  static SequenceSet of(std::uint32_t first, std::uint32_t last);
  /// "1:*": everything.
  static SequenceSet all() { return from(1); }
  /// "first:*". REQUIRES: first >= 1.
  static SequenceSet from(std::uint32_t first);
  /// "*" alone: the largest.
  static SequenceSet largest();
  /// REQUIRES: ascending, no 0; equal neighbours are fine.
  static SequenceSet from_sorted(std::span<const std::uint32_t> numbers);
  static SequenceSet from_sorted(std::span<const Uid> uids);

  /// Constant time at the end of the set, else as std::vector::insert. REQUIRES: number >= 1.
  void add(std::uint32_t number) { add(Range{number, number}); }
  void add(Uid uid) { add(uid.value()); }
  void add(SequenceNumber number) { add(number.value()); }
  /// REQUIRES: 1 <= range.first <= range.last.
  void add(Range range);
  /// Adds "first:*". REQUIRES: first >= 1.
  void add_from(std::uint32_t first);
  /// Adds "*".
  void add_largest();
  void remove(std::uint32_t number);
  void clear() { *this = SequenceSet(); }

  bool empty() const { return ranges_.empty() && !has_star(); }
  /// Whether "*" or "n:*" is in it, so that resolve() is needed.
  bool has_star() const { return star_ || from_; }
  /// The n of "n:*", if there is one.
  std::optional<std::uint32_t> open_from() const { return from_; }
  std::span<const Range> ranges() const { return ranges_; }
  /// How many numbers, "*" not counted.
  std::uint64_t count() const;
  /// The smallest and the largest number that was written out, "*" not counted; 0 when there is
  /// none.
  std::uint32_t min() const;
  std::uint32_t max() const;
  /// Logarithmic. "n:*" contains what is n or above; a lone "*" contains nothing until resolved.
  bool contains(std::uint32_t number) const;
  bool contains(Uid uid) const { return contains(uid.value()); }
  bool contains(SequenceNumber number) const { return contains(number.value()); }

  Iterator begin() const { return Iterator(ranges_.data()); }
  Iterator end() const { return Iterator(ranges_.data() + ranges_.size()); }

  /// The set with "*" replaced by `largest`, the highest number in use, 0 when the mailbox is
  /// empty. RFC 3501 section 9: "n:*" holds the largest even when n is above it.
  SequenceSet resolve(std::uint32_t largest) const;

  /// What is in either. Linear.
  SequenceSet united(const SequenceSet& other) const;
  /// What is in this and not in `other`. Linear. REQUIRES: no star in either.
  SequenceSet minus(const SequenceSet& other) const;
  /// What is in both. Linear. REQUIRES: no star in either.
  SequenceSet intersected(const SequenceSet& other) const;

  /// "1:3,5,9:*". REQUIRES: not empty (the grammar has no empty set).
  std::string encode() const;
  void encode_to(std::string& out) const;
  /// The same set in several texts, each at most `max_bytes` long, ascending: for servers with a
  /// limit on the command line. REQUIRES: max_bytes >= 21 (one range).
  std::vector<std::string> encode_split(std::size_t max_bytes) const;

  friend bool operator==(const SequenceSet&, const SequenceSet&) = default;

 private:
  void absorb();

  std::vector<Range> ranges_;
  std::optional<std::uint32_t> from_;  // "n:*"; every range ends below n-1
  bool star_ = false;                  // "*" alone; never with from_
};

/// Reads a sequence-set; stops before the first byte that is not part of it.
/// Errors: kInvalid or kProtocol; kLimit for more than `max_ranges` parts.
Result<SequenceSet> decode_sequence_set(Lexer& lexer, std::size_t max_ranges = 65'536);

}  // namespace imap
