// Writer: appends the tokens of the protocol to a string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/number.h"

namespace imap {

/// How a literal's header is written.
enum class LiteralStyle : std::uint8_t {
  kResponse,       // "{n}": a server sends, nobody waits
  kSynchronizing,  // "{n}": a client sends and waits for "+" (RFC 3501 7.5)
  kPlus,           // "{n+}": LITERAL+, nobody waits (RFC 7888 section 4)
  kMinus,          // LITERAL-: "{n+}" up to 4096 bytes, "{n}" above (RFC 7888 section 5)
  kTrace,          // for a log: all on one line, what should be a literal is quoted or left out
};

struct WriterOptions {
  LiteralStyle literals = LiteralStyle::kResponse;
  /// UTF8=ACCEPT is enabled: UTF-8 may stand in quoted strings (RFC 6855 3).
  bool utf8 = false;
};

/// Appends to a string that it does not own; puts no spaces on its own. Encoders of both sides use
/// it.
///
/// Thread:   one.
/// Lifetime: borrows the string.
class Writer {
 public:
  /// A place in the text where a client must stop until it has done something.
  struct Break {
    std::size_t offset = 0;               // the first byte that must not be sent yet
    bool wait_for_continuation = false;   // until the server said "+"
    std::optional<std::size_t> streamed;  // until the bytes of this streamed literal were sent
    friend bool operator==(const Break&, const Break&) = default;
  };

  explicit Writer(std::string& out, WriterOptions options = {}) : out_(out), options_(options) {}

  const WriterOptions& options() const { return options_; }
  std::string& out() { return out_; }

  void raw(std::string_view text) { out_.append(text); }
  void raw(char c) { out_.push_back(c); }
  void space() { out_.push_back(' '); }
  void crlf() { out_.append("\r\n"); }
  void nil() { out_.append("NIL"); }
  void open() { out_.push_back('('); }
  void close() { out_.push_back(')'); }
  /// A space between the items of a list: none for the first, which it remembers in `first`.
  void separate(bool& first) {
    if (!first) space();
    first = false;
  }

  void number(std::uint64_t value) { append_number(out_, value); }
  /// REQUIRES: is_atom(text), or a flag, or another word that needs no quotes.
  void atom(std::string_view text) { out_.append(text); }
  /// Quoted, with backslashes where needed. REQUIRES: can_quote(text).
  void quoted(std::string_view text);
  /// Quoted where that is allowed and short, else a literal.
  void string(std::string_view text);
  /// An atom where that is allowed, else as string().
  void astring(std::string_view text);
  /// NIL for nothing, else as string().
  void nstring(const std::optional<std::string>& text) { text ? string(*text) : nil(); }
  void nstring(const std::optional<std::string_view>& text) { text ? string(*text) : nil(); }
  /// "{n}" CRLF and the bytes; "~{n}" when `binary`.
  void literal(std::string_view bytes, bool binary = false);
  /// "{n}" CRLF (or "~{n}" CRLF) alone: the caller sends the bytes. `streamed` goes into the Break.
  void literal_header(std::uint64_t size_bytes, bool binary = false,
                      std::optional<std::size_t> streamed = std::nullopt);

  /// Whether `text` can be a quoted string: RFC 3501 section 9, QUOTED-CHAR.
  bool can_quote(std::string_view text) const;
  /// Where to stop, ascending; always empty for LiteralStyle::kResponse without streamed literals.
  const std::vector<Break>& breaks() const { return breaks_; }
  std::vector<Break> take_breaks() { return std::move(breaks_); }

 private:
  std::string& out_;
  WriterOptions options_;
  std::vector<Break> breaks_;
};

}  // namespace imap
