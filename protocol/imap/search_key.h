// SearchKey: what a SEARCH looks for, as a tree. RFC 3501 6.4.4 and extensions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/imap/date.h"
#include "protocol/imap/lexer.h"
#include "protocol/imap/sequence_set.h"
#include "protocol/imap/writer.h"

namespace imap {

enum class SearchKind : std::uint8_t {
  // No argument.
  kAll,
  kAnswered,
  kDeleted,
  kDraft,
  kFlagged,
  kNew,  // RECENT and UNSEEN
  kOld,  // not RECENT
  kRecent,
  kSeen,
  kUnanswered,
  kUndeleted,
  kUndraft,
  kUnflagged,
  kUnseen,
  // SearchKey::text: in the charset of the command (keywords and ids: atoms).
  kBcc,
  kBody,
  kCc,
  kFrom,
  kSubject,
  kText,
  kTo,
  kKeyword,
  kUnkeyword,
  kEmailId,   // RFC 8474 5.3
  kThreadId,  // RFC 8474 5.3
  kHeader,    // and SearchKey::header, the field's name; an empty text: the field is there
  // SearchKey::date, without time and zone.
  kBefore,
  kOn,
  kSince,
  kSentBefore,
  kSentOn,
  kSentSince,
  // SearchKey::number.
  kLarger,   // bytes
  kSmaller,  // bytes
  kOlder,    // seconds (RFC 5032)
  kYounger,  // seconds (RFC 5032)
  kModSeq,   // at least this; SearchKey::header and ::text: the entry's name and type, or empty
             // (RFC 7162 3.1.5)
  // SearchKey::set.
  kSequence,
  kUid,
  // SearchKey::children.
  kNot,  // one
  kOr,   // two
  kAnd,  // one or more
};

/// One key. Only the members that the kind names have a meaning.
///
/// Thread: a plain value. Its depth is limited when it was decoded, so recursion is safe.
struct SearchKey {
  SearchKind kind = SearchKind::kAll;
  std::string text = {};
  std::string header = {};
  Date date = {};
  std::uint64_t number = 0;
  SequenceSet set = {};
  std::vector<SearchKey> children = {};

  /// Whether a key of this kind stands anywhere in the tree.
  bool mentions(SearchKind wanted) const;
  friend bool operator==(const SearchKey&, const SearchKey&) = default;
};

struct SearchLimits {
  std::size_t depth = 50;    // of NOT, OR and parentheses
  std::size_t keys = 1'000;  // in the whole tree
  std::size_t set_ranges = 65'536;
};

/// Reads search-key *(SP search-key): one key, or a kAnd of them.
/// Errors: kInvalid; kLimit.
Result<SearchKey> decode_search_keys(Lexer& lexer, const SearchLimits& limits = {});

/// Writes the keys of a SEARCH; those of a kAnd at the top without parentheses.
void encode_search_keys(Writer& writer, const SearchKey& key);

/// Whether some text of the tree is not ASCII, so that a charset must be named.
bool needs_charset(const SearchKey& key);

}  // namespace imap
