// ValueReader: the words of a structured header value (RFC 5322 3.2, RFC 2045 5.1), tolerantly.
#pragma once

#include <string>
#include <string_view>

namespace mime {

/// Reads a header value from left to right. Every method takes what is there and stops; what is
/// broken (a quote or a comment without its end) reaches to the end of the value.
///
/// Lifetime: borrows the value.
class ValueReader {
 public:
  explicit ValueReader(std::string_view value) : rest_(value) {}

  bool at_end() const { return rest_.empty(); }
  /// The next character; '\0' at the end (and for a NUL, which is part of nothing).
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  std::string_view rest() const { return rest_; }
  /// Drops one character. REQUIRES: not at_end().
  void skip() { rest_.remove_prefix(1); }
  /// Drops `c` and the white space and comments behind it, if it is next.
  bool take(char c);

  /// Skips white space, line ends and (nested) comments; remembers the last comment.
  void skip_cfws();
  /// The text of the last comment skipped, quoting removed; empty when there was none.
  const std::string& last_comment() const { return last_comment_; }
  void forget_comment() { last_comment_.clear(); }

  /// Appends a run of atext (with dots, when asked), without skipping what follows.
  bool append_atom(std::string* out, bool with_dots);
  /// Appends a token of RFC 2045, without skipping what follows.
  bool append_token(std::string* out);
  /// Appends the text of a quoted string, folding and quoting removed. REQUIRES: peek() == '"'.
  /// Returns false when its end is missing.
  bool append_quoted(std::string* out);
  /// Appends a domain: a dot-atom (white space and comments around the dots are dropped), or a
  /// literal in its brackets.
  bool append_domain(std::string* out);

 private:
  void skip_comment();

  std::string_view rest_;
  std::string last_comment_;
};

}  // namespace mime
