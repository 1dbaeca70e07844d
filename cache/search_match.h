// Matching: a search key against messages, with "not known yet" as a third answer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/content.h"
#include "cache/keywords.h"
#include "cache/message_entry.h"
#include "protocol/imap/search_key.h"

namespace cache {

/// Kleene's logic: unknown AND false is false, unknown OR true is true.
enum class Tri : std::uint8_t { kFalse, kUnknown, kTrue };
constexpr Tri tri(bool value) { return value ? Tri::kTrue : Tri::kFalse; }
constexpr Tri operator!(Tri a) {
  return a == Tri::kUnknown ? a : a == Tri::kTrue ? Tri::kFalse : Tri::kTrue;
}
constexpr Tri operator&&(Tri a, Tri b) { return a < b ? a : b; }
constexpr Tri operator||(Tri a, Tri b) { return a < b ? b : a; }

/// What a key reads: the entry in memory, or a stored record, cheapest first.
enum class LeafSource : std::uint8_t { kEntry, kFields, kHeader, kBody };

/// A key that may not be decided by what is cached, prepared once for many messages.
struct SearchLeaf {
  LeafSource source = LeafSource::kFields;
  const imap::SearchKey* key = nullptr;
  std::string needle;     // folded
  std::string field;      // HEADER: the field's name, folded
  imap::SearchKey asked;  // the same for upstream: its strings in UTF-8
};

/// A search made ready: sets resolved to UIDs, strings folded, keywords looked up.
///
/// Thread:   prepared on the account's loop, then const.
/// Lifetime: owns its key.
class Matcher {
 public:
  /// What the key needs from outside.
  struct Context {
    std::function<imap::SequenceSet(const imap::SequenceSet&)> uids_of_numbers;
    std::function<imap::SequenceSet(const imap::SequenceSet&)> uids_of_uids;
    imap::Uid recent_from;
    std::int64_t now = 0;  // seconds since 1970
  };
  /// Errors: kInvalid for a charset that is not known.
  static Result<Matcher> make(imap::SearchKey key, std::string_view charset, Context context);
  Matcher(Matcher&&) = default;
  Matcher& operator=(Matcher&&) = delete;

  const std::vector<SearchLeaf>& leaves() const { return leaves_; }
  bool reads(LeafSource source) const {
    return std::ranges::any_of(leaves_,
                               [source](const auto& leaf) { return leaf.source == source; });
  }
  /// Evaluates the key for `entry`. `leaf(i)` answers for leaves()[i] where the entry alone does
  /// not.
  template <class LeafAnswer>
  Tri match(const MessageEntry& entry, KeywordTable& keywords, const LeafAnswer& leaf) const {
    return match_node(*root_, entry, keywords, leaf);
  }
  /// The answer of a leaf on fields or headers for one record.
  static bool matches_fields(const SearchLeaf& leaf, const SearchFields& fields);
  static bool matches_header(const SearchLeaf& leaf, std::string_view all);

 private:
  struct Node {
    const imap::SearchKey* key = nullptr;
    int leaf = -1;
    std::vector<Node> children;
  };
  Matcher() = default;
  Result<> prepare(imap::SearchKey* key, std::string_view charset, const Context& context,
                   Node* node);
  Tri match_plain(const imap::SearchKey& key, const MessageEntry& entry,
                  KeywordTable& keywords) const;

  template <class LeafAnswer>
  Tri match_node(const Node& node, const MessageEntry& entry, KeywordTable& keywords,
                 const LeafAnswer& leaf) const {
    switch (node.key->kind) {
      case imap::SearchKind::kAnd: {
        Tri all = Tri::kTrue;
        for (const Node& child : node.children) {
          all = all && match_node(child, entry, keywords, leaf);
          if (all == Tri::kFalse) break;
        }
        return all;
      }
      case imap::SearchKind::kOr: {
        Tri any = Tri::kFalse;
        for (const Node& child : node.children) {
          any = any || match_node(child, entry, keywords, leaf);
          if (any == Tri::kTrue) break;
        }
        return any;
      }
      case imap::SearchKind::kNot:
        return !match_node(node.children.front(), entry, keywords, leaf);
      default:
        return match_leaf(node, entry, keywords, leaf);
    }
  }

  template <class LeafAnswer>
  Tri match_leaf(const Node& node, const MessageEntry& entry, KeywordTable& keywords,
                 const LeafAnswer& leaf) const {
    Tri answer = Tri::kUnknown;
    if (node.leaf < 0 ||
        leaves_[static_cast<std::size_t>(node.leaf)].source == LeafSource::kEntry) {
      answer = match_plain(*node.key, entry, keywords);
    }
    if (answer != Tri::kUnknown || node.leaf < 0) return answer;
    return leaf(static_cast<std::size_t>(node.leaf));
  }

  std::unique_ptr<imap::SearchKey> key_;  // stays where it is: nodes point into it
  std::unique_ptr<Node> root_;
  std::vector<SearchLeaf> leaves_;
  imap::Uid recent_from_;
  std::int64_t now_ = 0;
};

/// Whether `needle` is in `text`; an empty one always is. Fast on long texts.
bool contains(std::string_view text, std::string_view needle);

}  // namespace cache
