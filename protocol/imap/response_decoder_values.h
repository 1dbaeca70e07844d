// The values of a response: atoms, strings and lists, found in one pass, before anybody asks what
// they mean. What a server got wrong is then a value of the wrong kind, not an error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/frame.h"

namespace imap {

class Values;
class ValueTree;

enum class ValueKind : std::uint8_t {
  kAbsent,    // there is no such value: a list ended early
  kNil,       // NIL
  kAtom,      // also numbers, flags, and BODY[...] with all that is in the brackets
  kString,    // quoted or literal, bytes as they stand
  kEscaped,   // quoted, with backslashes to be taken out
  kStreamed,  // a literal whose bytes went elsewhere: Frame::streamed
  kList,
};

/// One value. Absent values answer like NIL, so that a missing field reads as an empty one.
///
/// Lifetime: the tree's, and that of the text which it was made from.
class Value {
 public:
  Value() = default;
  Value(const ValueTree* tree, std::uint32_t index) : tree_(tree), index_(index) {}

  ValueKind kind() const;
  bool is_nil() const { return kind() == ValueKind::kNil || kind() == ValueKind::kAbsent; }
  bool is_atom() const { return kind() == ValueKind::kAtom; }
  bool is_list() const { return kind() == ValueKind::kList; }
  bool is_string() const { return kind() == ValueKind::kString || kind() == ValueKind::kEscaped; }
  bool is_streamed() const { return kind() == ValueKind::kStreamed; }

  /// The bytes as they stand, without quotes; of a list, what is between its parentheses.
  std::string_view raw() const;
  /// Where raw() begins in the text.
  std::size_t offset() const;
  /// The bytes of a string or an atom; empty for the rest.
  std::string bytes() const;
  /// The same, or nothing for the rest.
  std::optional<std::string> optional_bytes() const;
  /// Whether this is an atom or a string with these letters, in either case.
  bool equals(std::string_view other) const;
  /// The number, in digits or in a form that parse_tolerant_number() takes.
  std::optional<std::uint64_t> number() const;
  /// Which of Frame::streamed. REQUIRES: kStreamed.
  std::size_t streamed_index() const;
  /// The values of a list; nothing for the rest.
  Values children() const;

 private:
  const ValueTree* tree_ = nullptr;
  std::uint32_t index_ = 0;
};

/// The values of one list in order.
class Values {
 public:
  Values() = default;
  Values(const ValueTree* tree, std::uint32_t begin, std::uint32_t end)
      : tree_(tree), at_(begin), end_(end) {}

  bool done() const { return at_ >= end_; }
  /// The next value, which stays; absent at the end.
  Value peek() const { return done() ? Value() : Value(tree_, at_); }
  /// The next value, which is passed; absent at the end.
  Value take();

 private:
  const ValueTree* tree_ = nullptr;
  std::uint32_t at_ = 0;
  std::uint32_t end_ = 0;
};

/// Makes the values of a text. Meant to be kept and used again: it then allocates nothing.
class ValueTree {
 public:
  /// Lists nested deeper are values without children: the parts of a body nest to kMaxBodyDepth,
  /// with an envelope in the deepest.
  static constexpr std::size_t kMaxDepth = 256;
  /// What comes after so many values is not looked at.
  static constexpr std::size_t kMaxValues = 250'000;

  /// Reads `frame` from byte `begin` to its first line end that no literal holds, first by the
  /// grammar; where that fails, again with the faults mended that servers are known for: a quote
  /// inside a quoted string that is not escaped, a string or a list without end, a parenthesis too
  /// many.
  /// Lifetime: `frame` is borrowed until the next parse().
  void parse(const Frame& frame, std::size_t begin = 0);
  /// The same for the beginning of a frame: lists without end are no fault.
  void parse_partial(const Frame& frame, std::size_t begin = 0);

  Values top() const { return Values(this, 0, static_cast<std::uint32_t>(nodes_.size())); }

 private:
  friend class Value;
  friend class Values;
  class Scanner;
  void parse(const Frame& frame, std::size_t begin, bool partial);
  struct Node {
    std::uint32_t begin;
    std::uint32_t size;
    std::uint32_t next;  // index of what comes after this value and all below it
    ValueKind kind;
  };
  Frame frame_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> open_;  // lists whose end was not met yet
};

/// Digits, and what servers send in their place: "9.3736e+06" (mail.ru), "12.0". Negative numbers
/// and everything else: nothing. A value over 64 bits is nothing too.
std::optional<std::uint64_t> parse_tolerant_number(std::string_view text);

}  // namespace imap
