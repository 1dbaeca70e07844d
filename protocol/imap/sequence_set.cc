#include "protocol/imap/sequence_set.h"

#include <algorithm>

#include "base/check.h"
#include "protocol/imap/number.h"

namespace imap {
namespace {

using Range = SequenceSet::Range;

// Whether `number` is next to or inside what ends at `last`, without overflow.
bool touches(std::uint32_t last, std::uint32_t number) {
  return number <= last || number - last == 1;
}

void encode_range(std::string& out, Range range) {
  append_number(out, range.first);
  if (range.first == range.last) return;
  out.push_back(':');
  append_number(out, range.last);
}

// Sorted by first: joins what overlaps or touches.
std::vector<Range> join(std::vector<Range> ranges) {
  std::size_t kept = 0;
  for (const Range range : ranges) {
    if (kept > 0 && touches(ranges[kept - 1].last, range.first)) {
      ranges[kept - 1].last = std::max(ranges[kept - 1].last, range.last);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
  return ranges;
}

}  // namespace

SequenceSet SequenceSet::of(std::uint32_t first, std::uint32_t last) {
  SequenceSet set;
  set.add(Range{first, last});
  return set;
}

SequenceSet SequenceSet::from(std::uint32_t first) {
  SequenceSet set;
  set.add_from(first);
  return set;
}

SequenceSet SequenceSet::largest() {
  SequenceSet set;
  set.add_largest();
  return set;
}

SequenceSet SequenceSet::from_sorted(std::span<const std::uint32_t> numbers) {
  SequenceSet set;
  for (const std::uint32_t number : numbers) set.add(number);
  return set;
}

SequenceSet SequenceSet::from_sorted(std::span<const Uid> uids) {
  SequenceSet set;
  for (const Uid uid : uids) set.add(uid.value());
  return set;
}

void SequenceSet::add(Range range) {
  CHECK(range.first >= 1 && range.first <= range.last);
  const bool appends = ranges_.empty() || range.first > ranges_.back().last;
  if (appends && !from_) {
    if (!ranges_.empty() && range.first - ranges_.back().last == 1) {
      ranges_.back().last = range.last;
    } else {
      ranges_.push_back(range);
    }
    return;
  }
  // The first range that touches or follows the new one.
  auto at = std::lower_bound(
      ranges_.begin(), ranges_.end(), range.first,
      [](const Range& have, std::uint32_t first) { return !touches(have.last, first); });
  if (at != ranges_.end() && touches(range.last, at->first)) {
    at->first = std::min(at->first, range.first);
    at->last = std::max(at->last, range.last);
    auto end = std::next(at);
    while (end != ranges_.end() && touches(at->last, end->first)) {
      at->last = std::max(at->last, end->last);
      ++end;
    }
    ranges_.erase(std::next(at), end);
  } else {
    ranges_.insert(at, range);
  }
  absorb();
}

void SequenceSet::add_from(std::uint32_t first) {
  CHECK(first >= 1);
  star_ = false;
  from_ = from_ ? std::min(*from_, first) : first;
  absorb();
}

void SequenceSet::add_largest() { star_ = !from_; }

// Ranges that "n:*" covers or touches become part of it.
void SequenceSet::absorb() {
  if (!from_) return;
  while (!ranges_.empty() && touches(ranges_.back().last, *from_)) {
    from_ = std::min(*from_, ranges_.back().first);
    ranges_.pop_back();
  }
}

void SequenceSet::remove(std::uint32_t number) {
  const auto at =
      std::lower_bound(ranges_.begin(), ranges_.end(), number,
                       [](const Range& have, std::uint32_t n) { return have.last < n; });
  if (at == ranges_.end() || at->first > number) return;
  if (at->first == at->last) {
    ranges_.erase(at);
  } else if (at->first == number) {
    ++at->first;
  } else if (at->last == number) {
    --at->last;
  } else {
    const Range tail{number + 1, at->last};
    at->last = number - 1;
    ranges_.insert(std::next(at), tail);
  }
}

std::uint64_t SequenceSet::count() const {
  std::uint64_t sum = 0;
  for (const Range& range : ranges_) sum += range.size();
  return sum;
}

std::uint32_t SequenceSet::min() const {
  if (!ranges_.empty()) return ranges_.front().first;
  return from_.value_or(0);
}

std::uint32_t SequenceSet::max() const {
  if (from_) return *from_;
  return ranges_.empty() ? 0 : ranges_.back().last;
}

bool SequenceSet::contains(std::uint32_t number) const {
  if (from_ && number >= *from_) return true;
  const auto at =
      std::lower_bound(ranges_.begin(), ranges_.end(), number,
                       [](const Range& have, std::uint32_t n) { return have.last < n; });
  return at != ranges_.end() && at->first <= number;
}

SequenceSet SequenceSet::resolve(std::uint32_t largest) const {
  SequenceSet set = *this;
  set.from_.reset();
  set.star_ = false;
  if (!has_star() || largest == 0) return set;
  if (from_) {
    set.add(Range{std::min(*from_, largest), std::max(*from_, largest)});
  } else {
    set.add(largest);
  }
  return set;
}

SequenceSet SequenceSet::united(const SequenceSet& other) const {
  std::vector<Range> all;
  all.reserve(ranges_.size() + other.ranges_.size());
  std::merge(ranges_.begin(), ranges_.end(), other.ranges_.begin(), other.ranges_.end(),
             std::back_inserter(all),
             [](const Range& a, const Range& b) { return a.first < b.first; });
  SequenceSet set;
  set.ranges_ = join(std::move(all));
  for (const SequenceSet* one : {this, &other}) {
    if (one->from_) set.add_from(*one->from_);
    if (one->star_) set.add_largest();
  }
  return set;
}

SequenceSet SequenceSet::minus(const SequenceSet& other) const {
  CHECK(!has_star() && !other.has_star());
  SequenceSet set;
  auto cut = other.ranges_.begin();
  for (Range left : ranges_) {
    while (cut != other.ranges_.end() && cut->last < left.first) ++cut;
    bool remains = true;
    for (auto c = cut; remains && c != other.ranges_.end() && c->first <= left.last; ++c) {
      if (c->first > left.first) set.ranges_.push_back({left.first, c->first - 1});
      remains = c->last < left.last;
      if (remains) {
        left.first = c->last + 1;
        cut = std::next(c);
      }
    }
    if (remains) set.ranges_.push_back(left);
  }
  return set;
}

SequenceSet SequenceSet::intersected(const SequenceSet& other) const {
  CHECK(!has_star() && !other.has_star());
  SequenceSet set;
  auto a = ranges_.begin();
  auto b = other.ranges_.begin();
  while (a != ranges_.end() && b != other.ranges_.end()) {
    const std::uint32_t first = std::max(a->first, b->first);
    const std::uint32_t last = std::min(a->last, b->last);
    if (first <= last) set.ranges_.push_back({first, last});
    if (a->last < b->last) {
      ++a;
    } else {
      ++b;
    }
  }
  return set;
}

void SequenceSet::encode_to(std::string& out) const {
  CHECK(!empty());
  bool first = true;
  const auto separate = [&] {
    if (!first) out.push_back(',');
    first = false;
  };
  for (const Range& range : ranges_) {
    separate();
    encode_range(out, range);
  }
  if (!has_star()) return;
  separate();
  if (from_) {
    append_number(out, *from_);
    out.push_back(':');
  }
  out.push_back('*');
}

std::string SequenceSet::encode() const {
  std::string out;
  encode_to(out);
  return out;
}

std::vector<std::string> SequenceSet::encode_split(std::size_t max_bytes) const {
  CHECK(max_bytes >= 21);
  std::vector<std::string> parts;
  std::string piece;
  const auto put = [&] {
    if (parts.empty() || parts.back().size() + 1 + piece.size() > max_bytes) {
      parts.push_back(piece);
    } else {
      parts.back().append(",").append(piece);
    }
    piece.clear();
  };
  for (const Range& range : ranges_) {
    encode_range(piece, range);
    put();
  }
  if (has_star()) {
    if (from_) {
      append_number(piece, *from_);
      piece.push_back(':');
    }
    piece.push_back('*');
    put();
  }
  return parts;
}

Result<SequenceSet> decode_sequence_set(Lexer& lexer, std::size_t max_ranges) {
  // 0 stands for "*" below.
  const auto read_one = [&lexer]() -> Result<std::uint32_t> {
    if (lexer.accept('*')) return 0U;
    if (!is_digit(lexer.peek())) return lexer.expected("a number or *");
    const std::size_t begin = lexer.position();
    TRY(const std::uint32_t number, lexer.number());
    if (number != 0) return number;
    lexer.seek(begin);
    return lexer.expected("a number above 0");
  };
  SequenceSet set;
  std::vector<Range> unsorted;  // joined in one go: insertion one by one would be quadratic
  std::size_t parts = 0;
  do {
    if (++parts > max_ranges) {
      return fail(Errc::kLimit, "too many numbers in a set");
    }
    TRY(std::uint32_t first, read_one());
    std::uint32_t last = first;
    if (lexer.accept(':')) {
      TRY(last, read_one());
      // RFC 3501 section 9: 2:4 and 4:2 are the same.
      if (first == 0 || (last != 0 && last < first)) std::swap(first, last);
    }
    if (first == 0) {
      set.add_largest();
    } else if (last == 0) {
      set.add_from(first);
    } else {
      unsorted.push_back({first, last});
    }
  } while (lexer.accept(','));
  std::sort(unsorted.begin(), unsorted.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  for (const Range& range : join(std::move(unsorted))) set.add(range);
  return set;
}

}  // namespace imap
