// Lexer: reads the tokens of one complete frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/imap/characters.h"
#include "protocol/imap/frame.h"
#include "protocol/imap/number.h"

namespace imap {

/// kStrict reads what clients send: the grammar and nothing else.
/// kTolerant reads what servers send: what is known to be broken in the field and can still be
/// understood is accepted.
enum class Dialect : std::uint8_t { kStrict, kTolerant };

struct LexerOptions {
  Dialect dialect = Dialect::kStrict;
  /// UTF8=ACCEPT is enabled: quoted strings hold UTF-8, mailbox names are UTF-8 (RFC 6855 3).
  bool utf8 = false;
};

/// A string (or NIL, or an atom where an astring may stand) as it stands in the frame.
///
/// Lifetime: borrows from the frame.
struct StringToken {
  enum class Form : std::uint8_t { kNil, kAtom, kQuoted, kLiteral, kStreamed };
  Form form = Form::kNil;
  bool escaped = false;            // kQuoted with backslashes still in `raw`
  bool binary = false;             // literal8
  std::string_view raw = {};       // empty for kNil and kStreamed
  std::uint64_t size_bytes = 0;    // of the value for kLiteral and kStreamed
  std::size_t streamed_index = 0;  // kStreamed: which of Frame::streamed

  bool is_nil() const { return form == Form::kNil; }
  /// The value without quotes and backslashes; empty for kNil and kStreamed.
  std::string str() const;
  /// The same without a copy where there are no backslashes; `scratch` holds it otherwise.
  std::string_view view(std::string& scratch) const;
};

/// A pull tokenizer over a frame. Methods that read either succeed and move on, or fail and leave
/// the position where it was. An accept_… method answers whether it was there.
///
/// Thread:   one.
/// Lifetime: borrows the frame; so do the views that it returns.
/// Errors:   kInvalid (kStrict) or kProtocol (kTolerant), with what was expected and at which byte;
///           never with the input itself, which may hold a password.
class Lexer {
 public:
  explicit Lexer(const Frame& frame, LexerOptions options = {})
      : text_(frame.text), streamed_(frame.streamed), options_(options) {}
  explicit Lexer(std::string_view text, LexerOptions options = {})
      : text_(text), options_(options) {}

  const LexerOptions& options() const { return options_; }
  bool is_tolerant() const { return options_.dialect == Dialect::kTolerant; }

  // Position.
  bool at_end() const { return position_ == text_.size(); }
  /// The next byte, '\0' at the end.
  char peek() const { return at_end() ? '\0' : text_[position_]; }
  std::size_t position() const { return position_; }
  /// Back (or forward) to what position() said.
  void seek(std::size_t position) { position_ = position; }
  /// Everything not yet read.
  std::string_view rest() const { return text_.substr(position_); }
  /// The bytes from `begin` up to here, as they came.
  std::string_view slice(std::size_t begin) const { return text_.substr(begin, position_ - begin); }

  // Single characters.
  bool accept(char c) {
    if (peek() != c || at_end()) return false;
    ++position_;
    return true;
  }
  Result<> expect(char c);
  /// Exactly one space; one or more when tolerant.
  Result<> space();
  /// Spaces, any number, none is fine. Tolerant parsers only.
  void skip_spaces() {
    while (accept(' ')) {
    }
  }
  Result<> expect_end();

  // Words and numbers.
  /// 1*ATOM-CHAR. Tolerant: 8-bit bytes too.
  Result<std::string_view> atom();
  /// A tag.
  Result<std::string_view> tag();
  /// Reads `word` if it stands here, ignoring case, and no ATOM-CHAR follows.
  bool accept_word(std::string_view word);
  /// Reads `prefix` if it stands here, ignoring case, whatever follows.
  bool accept_prefix(std::string_view prefix);
  /// number: 32 bits. Tolerant: "-1" is 0, and "9.37e+06" is its integer.
  Result<std::uint32_t> number();
  /// nz-number. Tolerant: 0 is returned as 0.
  Result<std::uint32_t> nz_number();
  /// number64, at most 2^63-1.
  Result<std::uint64_t> number64();

  // Strings.
  /// string: quoted or literal; a literal8 too when `allow_binary` or tolerant.
  Result<StringToken> string(bool allow_binary = false);
  /// string or NIL. Tolerant: an atom is taken as a string.
  Result<StringToken> nstring(bool allow_binary = false);
  /// string or 1*ASTRING-CHAR.
  Result<StringToken> astring();
  /// astring whose unquoted form may hold "*" and "%": list-mailbox.
  Result<StringToken> list_mailbox();
  /// A literal only: as APPEND wants it.
  Result<StringToken> literal(bool allow_binary = false);

  // The same, as owned values. A streamed literal is an error here.
  Result<std::string> string_value();
  Result<std::string> astring_value();
  Result<std::optional<std::string>> nstring_value();

  /// Skips one value of any kind (atom, number, string, list with what is in it, brackets and
  /// partials behind an atom) and returns its bytes as they came.
  /// Errors: also when lists nest deeper than `max_depth`.
  Result<std::string_view> skip_value(std::size_t max_depth = 64);

  /// An error that says what was expected here: "expected a number at byte 12".
  std::unexpected<Error> expected(std::string_view what) const;
  /// An error in other words: "too many ranges at byte 12".
  std::unexpected<Error> error(std::string_view what) const;

 private:
  Result<StringToken> quoted();
  Result<StringToken> run(bool (*in_class)(char), std::string_view what);
  Result<std::uint64_t> bounded_number(std::uint64_t max);
  std::optional<std::uint64_t> broken_number(std::uint64_t max);

  std::string_view text_;
  std::span<const StreamedLiteral> streamed_ = {};
  LexerOptions options_;
  std::size_t position_ = 0;
};

}  // namespace imap
