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

/// Which stored record a key on text reads, cheapest first.
enum class TextSource : std::uint8_t { kFields, kHeader, kBody };

/// A key on text or on the Date field, prepared once for many messages.
struct TextLeaf {
  TextSource source = TextSource::kFields;
  const imap::SearchKey* key = nullptr;
  std::string needle;  // folded
  std::string field;   // HEADER: the field's name, folded
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

  const std::vector<TextLeaf>& leaves() const { return leaves_; }
  /// Evaluates the key for `entry`. `leaf(i)` answers for leaves()[i].
  template <class LeafAnswer>
  Tri match(const MessageEntry& entry, KeywordTable& keywords, const LeafAnswer& leaf) const {
    return match_node(*root_, entry, keywords, leaf);
  }
  /// The answer of a leaf on fields or headers for one record.
  static bool matches_fields(const TextLeaf& leaf, const SearchFields& fields);
  static bool matches_header(const TextLeaf& leaf, std::string_view all);

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
        if (node.leaf >= 0) return leaf(static_cast<std::size_t>(node.leaf));
        return match_plain(*node.key, entry, keywords);
    }
  }

  std::unique_ptr<imap::SearchKey> key_;  // stays where it is: nodes point into it
  std::unique_ptr<Node> root_;
  std::vector<TextLeaf> leaves_;
  imap::Uid recent_from_;
  std::int64_t now_ = 0;
};

/// Whether `needle` is in `text`; an empty one always is. Fast on long texts.
bool contains(std::string_view text, std::string_view needle);

}  // namespace cache
