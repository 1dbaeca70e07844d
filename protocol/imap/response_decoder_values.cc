#include "protocol/imap/response_decoder_values.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "protocol/imap/characters.h"
#include "protocol/imap/number.h"

namespace imap {
namespace {

// How many values a tree keeps room for between two responses.
constexpr std::size_t kKeptValues = 16'384;

constexpr bool is_line_end(char c) { return c == '\r' || c == '\n'; }
constexpr bool is_blank(char c) { return static_cast<unsigned char>(c) <= ' ' && c != '\n'; }
constexpr bool ends_atom(char c) {
  return static_cast<unsigned char>(c) <= ' ' || c == '(' || c == ')' || c == '"';
}

std::string unescape(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    // A backslash before anything else stands for itself: servers forget to double it.
    const bool escapes =
        raw[i] == '\\' && i + 1 < raw.size() && (raw[i + 1] == '"' || raw[i + 1] == '\\');
    if (escapes) ++i;
    out.push_back(raw[i]);
  }
  return out;
}

}  // namespace

// Walks over the text once. Strict: gives up at the first fault. Mending: never gives up.
class ValueTree::Scanner {
 public:
  Scanner(ValueTree* tree, std::size_t begin, bool mending)
      : text_(tree->frame_.text),
        streamed_(tree->frame_.streamed),
        nodes_(tree->nodes_),
        open_(tree->open_),
        mending_(mending),
        at_(begin) {
    nodes_.clear();
    open_.clear();
  }

  bool run(bool partial) {
    while (at_ < text_.size() && nodes_.size() < kMaxValues) {
      const char c = text_[at_];
      if (c == '\n') break;
      bool ok = true;
      if (is_blank(c)) {
        ++at_;
      } else if (c == '(') {
        open_list();
      } else if (c == ')') {
        ok = close_list();
      } else if (c == '"') {
        ok = read_quoted();
      } else if ((c == '{' || c == '~') && read_literal()) {
        // done
      } else {
        ok = read_atom();
      }
      if (!ok) return false;
    }
    const bool balanced = open_.empty();
    while (!open_.empty()) end_list();
    return balanced || partial || mending_;
  }

 private:
  void add(std::size_t begin, std::size_t size, ValueKind kind) {
    nodes_.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(size),
                      static_cast<std::uint32_t>(nodes_.size() + 1), kind});
  }

  void open_list() {
    open_.push_back(static_cast<std::uint32_t>(nodes_.size()));
    add(++at_, 0, ValueKind::kList);
  }

  void end_list() {
    const std::uint32_t index = open_.back();
    open_.pop_back();
    if (open_.size() >= kMaxDepth) nodes_.resize(index + 1);
    nodes_[index].size = static_cast<std::uint32_t>(at_ - nodes_[index].begin);
    nodes_[index].next = static_cast<std::uint32_t>(nodes_.size());
  }

  bool close_list() {
    if (open_.empty()) {
      if (!mending_) return false;
    } else {
      end_list();
    }
    ++at_;
    return true;
  }

  // Whether a quote before `position` may end a string, as the grammar has it.
  bool is_separator(std::size_t position) const {
    if (position >= text_.size()) return true;
    const char c = text_[position];
    return is_blank(c) || c == '(' || c == ')' || is_line_end(c);
  }

  // The same where quotes inside of strings may lack their backslash: what comes next has to look
  // like the next value.
  bool is_likely_separator(std::size_t position) const {
    if (position >= text_.size()) return true;
    if (text_[position] == ')' || is_line_end(text_[position])) return true;
    if (!is_blank(text_[position])) return false;
    if (++position >= text_.size()) return true;
    const char c = text_[position];
    return c == '"' || c == '(' || c == ')' || c == '{' || (c >= '0' && c <= '9') ||
           (c >= 'A' && c <= 'Z') || is_line_end(c);
  }

  bool read_quoted() {
    const std::size_t begin = at_ + 1;
    if (mending_ && read_lone_backslash(begin)) return true;
    if (begin > unclosed_before_) {
      std::size_t close = find_quote(begin);
      const bool found = close < text_.size() && text_[close] == '"';
      if (found && (mending_ ? is_likely_separator(close + 1) : is_separator(close + 1))) {
        return add_quoted(begin, close);
      }
      if (!mending_) return false;
      close = find_likely_quote(begin);
      if (close != std::string_view::npos) return add_quoted(begin, close);
      // No quote from here to the line's end closes anything: none of them is looked at again.
      unclosed_before_ = std::min(text_.find('\n', at_), text_.size());
    }
    ++at_;
    return mending_;
  }

  bool add_quoted(std::size_t begin, std::size_t close) {
    const std::string_view content = text_.substr(begin, close - begin);
    const bool escaped = content.find('\\') != std::string_view::npos;
    add(begin, content.size(), escaped ? ValueKind::kEscaped : ValueKind::kString);
    at_ = close + 1;
    return true;
  }

  // The first quote that no backslash escapes, or where the line ends before it.
  std::size_t find_quote(std::size_t begin) {
    // Remembered, so that many strings without end before one quote cost no more than one.
    if (begin >= quote_begin_ && begin <= quote_) return quote_;
    quote_begin_ = begin;
    std::size_t i = begin;
    while (i < text_.size() && text_[i] != '"' && text_[i] != '\n') {
      const bool escapes =
          text_[i] == '\\' && i + 1 < text_.size() && (text_[i + 1] == '"' || text_[i + 1] == '\\');
      i += escapes ? 2 : 1;
    }
    quote_ = i;
    return i;
  }

  // The first quote behind which the next value may stand, escaped or not; npos for none.
  std::size_t find_likely_quote(std::size_t begin) const {
    for (std::size_t i = begin; i < text_.size() && text_[i] != '\n'; ++i) {
      if (text_[i] == '\\' && i + 1 < text_.size()) {
        const char next = text_[i + 1];
        // A backslash at the end of a string may be one that should have been doubled (QQ).
        const bool escapes = next == '\\' || (next == '"' && !is_only_structure(i + 2));
        if (escapes) ++i;
      } else if (text_[i] == '"' && is_likely_separator(i + 1)) {
        return i;
      }
    }
    return std::string_view::npos;
  }

  // Whether nothing but parentheses, NILs and numbers comes before the next string or the end, so
  // that a quote right before is the end of a string. Each byte is looked at once between quotes.
  bool is_only_structure(std::size_t position) const {
    if (position < text_.size() && !is_separator(position)) return false;
    const std::size_t end = text_.find_first_not_of(" ()0123456789NIL", position);
    return end == std::string_view::npos || text_[end] == '"' || text_[end] == '{' ||
           is_line_end(text_[end]);
  }

  // "\" as the hierarchy delimiter, where "\\" was meant (Domino).
  bool read_lone_backslash(std::size_t begin) {
    if (text_.substr(begin, 2) != "\\\"") return false;
    if (begin + 2 < text_.size() && text_[begin + 2] != ' ' && text_[begin + 2] != ')')
      return false;
    add(begin, 1, ValueKind::kString);
    at_ = begin + 2;
    return true;
  }

  // The end of "{size}" CRLF at `position` and its size; nothing when there is none.
  struct LiteralHead {
    std::size_t data;
    std::uint64_t size;
  };
  std::optional<LiteralHead> literal_head(std::size_t position) const {
    std::size_t i = position;
    if (i < text_.size() && text_[i] == '~') ++i;
    if (i >= text_.size() || text_[i] != '{') return std::nullopt;
    LiteralHead head{};
    const char* const end = text_.data() + text_.size();
    const auto [p, error] = std::from_chars(text_.data() + i + 1, end, head.size);
    if (error != std::errc()) return std::nullopt;
    i = static_cast<std::size_t>(p - text_.data());
    if (i < text_.size() && text_[i] == '+') ++i;
    if (i >= text_.size() || text_[i] != '}') return std::nullopt;
    ++i;
    if (i < text_.size() && text_[i] == '\r') ++i;
    if (i >= text_.size() || text_[i] != '\n') return std::nullopt;
    head.data = i + 1;
    return head;
  }

  bool read_literal() {
    const auto head = literal_head(at_);
    if (!head) return false;
    for (std::size_t i = 0; i < streamed_.size(); ++i) {
      if (streamed_[i].offset != head->data) continue;
      add(head->data, i, ValueKind::kStreamed);
      at_ = head->data;
      return true;
    }
    // A literal longer than what is left was cut off: what there is of it counts.
    const std::size_t size = std::min<std::uint64_t>(head->size, text_.size() - head->data);
    add(head->data, size, ValueKind::kString);
    at_ = head->data + size;
    return true;
  }

  bool read_atom() {
    const std::size_t begin = at_;
    // Only among the items of a FETCH: deeper there may be a flag called "BODY[".
    const bool may_be_item = open_.size() <= 1;
    while (at_ < text_.size() && !ends_atom(text_[at_])) {
      if (text_[at_] == '[' && may_be_item && is_body_item(text_.substr(begin, at_ - begin))) {
        if (!skip_section()) return false;
      } else {
        ++at_;
      }
    }
    const std::size_t size = at_ - begin;
    const bool nil = size == 3 && equals_ignoring_case(text_.substr(begin, 3), "NIL");
    add(begin, size, nil ? ValueKind::kNil : ValueKind::kAtom);
    return true;
  }

  static bool is_body_item(std::string_view name) {
    return equals_ignoring_case(name, "BODY") || equals_ignoring_case(name, "BINARY") ||
           equals_ignoring_case(name, "BODY.PEEK") || equals_ignoring_case(name, "BINARY.SIZE");
  }

  // The section belongs to the name of the item, header field names with blanks or in literals
  // included. RFC 3501 9: section.
  bool skip_section() {
    std::size_t i = std::max(at_ + 1, unbracketed_before_);
    for (; i < text_.size() && text_[i] != '\n'; ++i) {
      if (text_[i] == ']') {
        at_ = i + 1;
        return true;
      }
      if (text_[i] == '{') {
        const auto head = literal_head(i);
        if (head && head->size < text_.size() - head->data) i = head->data + head->size - 1;
      } else if (text_[i] == '"') {
        const std::size_t close = find_quote(i + 1);
        if (close < text_.size() && text_[close] == '"') i = close;
      }
    }
    if (!mending_) return false;
    unbracketed_before_ = i;  // no section ends before; that is not looked for again
    ++at_;
    return true;
  }

  const std::string_view text_;
  const std::span<const StreamedLiteral> streamed_;
  std::vector<Node>& nodes_;
  std::vector<std::uint32_t>& open_;
  const bool mending_;
  std::size_t at_;
  std::size_t unclosed_before_ = 0;
  std::size_t unbracketed_before_ = 0;
  std::size_t quote_begin_ = 1;  // what find_quote() found last; nothing yet
  std::size_t quote_ = 0;
};

void ValueTree::parse(const Frame& frame, std::size_t begin) { parse(frame, begin, false); }

void ValueTree::parse_partial(const Frame& frame, std::size_t begin) { parse(frame, begin, true); }

void ValueTree::parse(const Frame& frame, std::size_t begin, bool partial) {
  // One huge response must not keep its memory for the life of a connection.
  if (nodes_.capacity() > kKeptValues) nodes_ = {};
  if (open_.capacity() > kKeptValues) open_ = {};
  frame_ = frame;
  CHECK(begin <= frame.text.size());
  // Offsets have 32 bits; a frame is never that long.
  frame_.text = frame.text.substr(0, std::numeric_limits<std::uint32_t>::max());
  if (Scanner(this, begin, false).run(partial)) return;
  Scanner(this, begin, true).run(partial);
}

ValueKind Value::kind() const {
  return tree_ == nullptr ? ValueKind::kAbsent : tree_->nodes_[index_].kind;
}

std::string_view Value::raw() const {
  if (tree_ == nullptr || is_streamed()) return {};
  const ValueTree::Node& node = tree_->nodes_[index_];
  return tree_->frame_.text.substr(node.begin, node.size);
}

std::size_t Value::offset() const { return tree_ == nullptr ? 0 : tree_->nodes_[index_].begin; }

std::size_t Value::streamed_index() const {
  CHECK(is_streamed());
  return tree_->nodes_[index_].size;
}

std::optional<std::string> Value::optional_bytes() const {
  switch (kind()) {
    case ValueKind::kAtom:
    case ValueKind::kString:
      return std::string(raw());
    case ValueKind::kEscaped:
      return unescape(raw());
    default:
      return std::nullopt;
  }
}

std::string Value::bytes() const { return optional_bytes().value_or(std::string()); }

bool Value::equals(std::string_view other) const {
  return (is_atom() || is_string()) && equals_ignoring_case(raw(), other);
}

std::optional<std::uint64_t> Value::number() const {
  if (!is_atom() && !is_string()) return std::nullopt;
  return parse_tolerant_number(raw());
}

Values Value::children() const {
  if (!is_list()) return {};
  return Values(tree_, index_ + 1, tree_->nodes_[index_].next);
}

Value Values::take() {
  if (done()) return {};
  const Value value(tree_, at_);
  at_ = tree_->nodes_[at_].next;
  return value;
}

std::optional<std::uint64_t> parse_tolerant_number(std::string_view text) {
  if (const auto value = parse_number(text, kMaxNumber64)) return value;
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [p, error] = std::from_chars(text.data(), end, value);
  // 2^53: above it a double does not know its last digits, and nothing that counts gets there.
  if (error != std::errc() || p != end || value > 9007199254740992.0) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

}  // namespace imap
