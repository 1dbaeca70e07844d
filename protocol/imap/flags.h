// Flags and keywords of messages: RFC 3501 2.3.2.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/imap/lexer.h"
#include "protocol/imap/writer.h"

namespace imap {

/// The system flags. DO NOT CHANGE: stored.
enum class SystemFlag : std::uint8_t {
  kAnswered = 0x01,
  kFlagged = 0x02,
  kDeleted = 0x04,
  kSeen = 0x08,
  kDraft = 0x10,
};

/// A set of system flags in one byte.
class SystemFlags {
 public:
  static constexpr std::uint8_t kAllBits = 0x1f;

  constexpr SystemFlags() = default;
  constexpr SystemFlags(std::initializer_list<SystemFlag> flags) {
    for (const SystemFlag flag : flags) add(flag);
  }
  /// Bits that are no flag are dropped.
  static constexpr SystemFlags from_bits(std::uint8_t bits) {
    SystemFlags flags;
    flags.bits_ = bits & kAllBits;
    return flags;
  }
  static constexpr SystemFlags all() { return from_bits(kAllBits); }

  constexpr std::uint8_t bits() const { return bits_; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool has(SystemFlag flag) const { return (bits_ & bit(flag)) != 0; }
  constexpr void add(SystemFlag flag) { bits_ |= bit(flag); }
  constexpr void remove(SystemFlag flag) { bits_ &= static_cast<std::uint8_t>(~bit(flag)); }

  friend constexpr SystemFlags operator|(SystemFlags a, SystemFlags b) {
    return from_bits(static_cast<std::uint8_t>(a.bits_ | b.bits_));
  }
  friend constexpr SystemFlags operator&(SystemFlags a, SystemFlags b) {
    return from_bits(static_cast<std::uint8_t>(a.bits_ & b.bits_));
  }
  /// What is in `a` and not in `b`.
  friend constexpr SystemFlags operator-(SystemFlags a, SystemFlags b) {
    return from_bits(static_cast<std::uint8_t>(a.bits_ & ~b.bits_));
  }
  friend constexpr bool operator==(SystemFlags, SystemFlags) = default;

 private:
  static constexpr std::uint8_t bit(SystemFlag flag) { return static_cast<std::uint8_t>(flag); }
  std::uint8_t bits_ = 0;
};

/// "\Answered" and so on.
std::string_view name_of(SystemFlag flag);
/// Appends the names of `flags`, separated by spaces, in a fixed order.
void append_system_flags(std::string& out, SystemFlags flags);

/// Whether `text` can be a keyword: an atom (so without a backslash), at most 255 bytes.
bool is_keyword(std::string_view text);

/// Flags as they stand in a list: system flags, keywords, and what only some lists hold.
///
/// Thread: a plain value.
struct FlagList {
  SystemFlags system = {};
  bool recent = false;    // "\Recent": only servers send it
  bool wildcard = false;  // "\*": only in PERMANENTFLAGS, new keywords may be made
  /// As written, without doubles (ignoring case), in the order of arrival. From a server also
  /// flag-extensions, with their backslash.
  std::vector<std::string> keywords = {};

  bool empty() const { return system.empty() && !recent && !wildcard && keywords.empty(); }
  /// Whether `keyword` is among the keywords, ignoring case.
  bool has_keyword(std::string_view keyword) const;
  /// Adds a keyword unless it is there already.
  void add_keyword(std::string_view keyword);
  friend bool operator==(const FlagList&, const FlagList&) = default;
};

/// Reads flag-list, "(" [flag *(SP flag)] ")".
/// Strict: "\Recent", "\*" and unknown system flags are errors (RFC 3501 2.3.2: a client cannot
/// change \Recent). Tolerant: all are kept; NIL, empty entries and flags in quotes pass; what
/// cannot be a flag is left out. Errors: kInvalid or kProtocol; kLimit for more than `max_flags`.
Result<FlagList> decode_flag_list(Lexer& lexer, std::size_t max_flags = 1'000);
/// Reads one flag into `flags`.
Result<> decode_flag(Lexer& lexer, FlagList& flags);

/// Writes "(\Seen $Forwarded)": system flags first, \Recent, keywords, "\*" last.
void encode_flag_list(Writer& writer, const FlagList& flags);

}  // namespace imap
