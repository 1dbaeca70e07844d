#include "protocol/imap/lexer.h"

#include <algorithm>

#include "base/log.h"
#include "protocol/imap/utf7.h"

namespace imap {
namespace {

// Behind a closing quote stands one of these, or the end; anything else means that the quote is one
// that the server forgot to escape (iCloud does so in Message-IDs).
bool may_follow_string(char c) { return c == ' ' || c == ')' || c == ']' || c == '('; }

}  // namespace

std::string StringToken::str() const {
  if (!escaped) return std::string(raw);
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const bool escape =
        raw[i] == '\\' && i + 1 < raw.size() && (raw[i + 1] == '"' || raw[i + 1] == '\\');
    if (escape) ++i;
    out.push_back(raw[i]);
  }
  return out;
}

std::string_view StringToken::view(std::string& scratch) const {
  if (!escaped) return raw;
  scratch = str();
  return scratch;
}

std::unexpected<Error> Lexer::error(std::string_view what) const {
  return fail(is_tolerant() ? Errc::kProtocol : Errc::kInvalid,
              fmt::format("{} at byte {}", what, position_));
}

std::unexpected<Error> Lexer::expected(std::string_view what) const {
  return error(fmt::format("expected {}", what));
}

Result<> Lexer::expect(char c) {
  if (accept(c)) return {};
  return expected(fmt::format("\"{}\"", c));
}

Result<> Lexer::space() {
  if (!accept(' ')) return expected("a space");
  if (is_tolerant()) skip_spaces();
  return {};
}

Result<> Lexer::expect_end() {
  if (is_tolerant()) skip_spaces();
  if (!at_end()) return expected("the end of the line");
  return {};
}

Result<StringToken> Lexer::run(bool (*in_class)(char), std::string_view what) {
  std::size_t end = position_;
  while (end < text_.size() && (in_class(text_[end]) || (is_tolerant() && is_8bit(text_[end])))) {
    ++end;
  }
  if (end == position_) return expected(what);
  StringToken token{.form = StringToken::Form::kAtom,
                    .raw = text_.substr(position_, end - position_)};
  position_ = end;
  return token;
}

Result<std::string_view> Lexer::atom() {
  TRY(const StringToken token, run(is_atom_char, "an atom"));
  return token.raw;
}

Result<std::string_view> Lexer::tag() {
  TRY(const StringToken token, run(is_tag_char, "a tag"));
  return token.raw;
}

bool Lexer::accept_prefix(std::string_view prefix) {
  if (!equals_ignoring_case(text_.substr(position_, prefix.size()), prefix)) return false;
  position_ += prefix.size();
  return true;
}

bool Lexer::accept_word(std::string_view word) {
  const std::size_t begin = position_;
  if (!accept_prefix(word)) return false;
  if (at_end() || !is_atom_char(peek())) return true;
  position_ = begin;
  return false;
}

// "-1" (line counts, Zoho's MODSEQ) means "unknown"; mail.ru writes 9.3736e+06.
std::optional<std::uint64_t> Lexer::broken_number(std::uint64_t max) {
  const std::size_t begin = position_;
  const auto digits = [this] {
    const std::size_t from = position_;
    while (is_digit(peek())) ++position_;
    return slice(from);
  };
  if (accept('-')) {
    if (!digits().empty()) return 0;
    position_ = begin;
    return std::nullopt;
  }
  std::string mantissa(digits());
  std::size_t decimals = 0;
  if (accept('.')) {
    const std::string_view fraction = digits();
    decimals = fraction.size();
    mantissa += fraction;
  }
  std::size_t exponent = 0;
  if (accept('e') || accept('E')) {
    accept('+');
    exponent = parse_number(digits(), 30).value_or(31);
  }
  // Scaled by exponent - decimals; more digits than fit are caught by parse_number.
  if (exponent >= decimals) {
    mantissa.append(exponent - decimals, '0');
  } else {
    mantissa.resize(mantissa.size() - std::min(mantissa.size(), decimals - exponent));
  }
  const auto value = parse_number(mantissa, max);
  if (!value) position_ = begin;
  return value;
}

Result<std::uint64_t> Lexer::bounded_number(std::uint64_t max) {
  std::size_t end = position_;
  while (end < text_.size() && is_digit(text_[end])) ++end;
  const auto value = parse_number(text_.substr(position_, end - position_), max);
  const char next = end < text_.size() ? text_[end] : '\0';
  const bool plain = value && !(is_tolerant() && (next == '.' || next == 'e' || next == 'E'));
  if (plain) {
    position_ = end;
    return *value;
  }
  if (is_tolerant()) {
    if (const auto guess = broken_number(max)) return *guess;
  }
  return expected(end == position_ ? "a number" : "a smaller number");
}

Result<std::uint32_t> Lexer::number() {
  TRY(const std::uint64_t value, bounded_number(0xffff'ffff));
  return static_cast<std::uint32_t>(value);
}

Result<std::uint32_t> Lexer::nz_number() {
  const std::size_t begin = position_;
  TRY(const std::uint32_t value, number());
  if (value == 0 && !is_tolerant()) {
    seek(begin);
    return expected("a number above 0");
  }
  return value;
}

Result<std::uint64_t> Lexer::number64() { return bounded_number(kMaxNumber64); }

Result<StringToken> Lexer::quoted() {
  const std::size_t begin = position_ + 1;
  StringToken token{.form = StringToken::Form::kQuoted};
  bool has_8bit = false;
  std::size_t i = begin;
  for (; i < text_.size(); ++i) {
    const char c = text_[i];
    if (is_quoted_char(c)) continue;
    if (c == '"') {
      const bool closes =
          !is_tolerant() || i + 1 == text_.size() || may_follow_string(text_[i + 1]);
      if (closes) break;
    } else if (c == '\\') {
      const char next = i + 1 < text_.size() ? text_[i + 1] : '\0';
      if (next == '"' || next == '\\') {
        token.escaped = true;
        ++i;
      } else if (!is_tolerant()) {
        return expected("\\ or \" behind a backslash in a quoted string");
      }
    } else if (is_8bit(c)) {
      has_8bit = true;
    } else if (!is_tolerant()) {
      return expected("a quoted string without control characters");
    }
  }
  if (i >= text_.size()) return expected("a quoted string with an end");
  token.raw = text_.substr(begin, i - begin);
  if (has_8bit && !is_tolerant()) {
    if (!options_.utf8) return expected("a quoted string without 8-bit characters");
    if (!is_valid_utf8(token.raw)) return expected("UTF-8 in a quoted string");
  }
  position_ = i + 1;
  return token;
}

Result<StringToken> Lexer::literal(bool allow_binary) {
  const std::size_t begin = position_;
  // Every way out with an error puts the position back.
  const auto refuse = [&](std::string_view what) {
    seek(begin);
    return expected(what);
  };
  StringToken token{.form = StringToken::Form::kLiteral};
  token.binary = accept('~');
  if (!accept('{')) return refuse("a literal");
  if (token.binary && !allow_binary && !is_tolerant()) return refuse("a literal without \"~\"");
  std::size_t end = position_;
  while (end < text_.size() && is_digit(text_[end])) ++end;
  const auto size = parse_number(text_.substr(position_, end - position_), kMaxNumber64);
  if (!size) return refuse("the size of a literal");
  position_ = end;
  accept('+');
  if (!accept('}')) return refuse("the end of a literal's header");
  const bool has_cr = accept('\r');
  if (!accept('\n') || !(has_cr || is_tolerant())) return refuse("a literal behind its header");

  token.size_bytes = *size;
  for (std::size_t k = 0; k < streamed_.size(); ++k) {
    if (streamed_[k].offset != position_) continue;
    token.form = StringToken::Form::kStreamed;
    token.streamed_index = k;
    return token;
  }
  if (*size > text_.size() - position_) return refuse("all of a literal");
  token.raw = text_.substr(position_, static_cast<std::size_t>(*size));
  // RFC 3501 section 9: CHAR8 excludes NUL; a literal8 may hold it.
  if (!token.binary && !is_tolerant() && token.raw.find('\0') != std::string_view::npos) {
    return refuse("a literal without NUL");
  }
  position_ += token.raw.size();
  return token;
}

Result<StringToken> Lexer::string(bool allow_binary) {
  if (peek() == '"') return quoted();
  if (peek() == '{' || peek() == '~') return literal(allow_binary);
  return expected("a string");
}

Result<StringToken> Lexer::nstring(bool allow_binary) {
  if (accept_word("NIL")) return StringToken{};
  if (is_tolerant() && is_astring_char(peek()) && peek() != '~') {
    return run(is_astring_char, "a string");
  }
  return string(allow_binary);
}

Result<StringToken> Lexer::astring() {
  if (is_astring_char(peek()) && rest().substr(0, 2) != "~{") {
    return run(is_astring_char, "a string");
  }
  if (is_tolerant() && is_8bit(peek())) return run(is_astring_char, "a string");
  return string();
}

Result<StringToken> Lexer::list_mailbox() {
  if (is_list_char(peek()) && rest().substr(0, 2) != "~{") return run(is_list_char, "a pattern");
  return string();
}

Result<std::string> Lexer::string_value() {
  const std::size_t begin = position_;
  TRY(const StringToken token, string());
  if (token.form != StringToken::Form::kStreamed) return token.str();
  seek(begin);
  return expected("a shorter literal");
}

Result<std::string> Lexer::astring_value() {
  const std::size_t begin = position_;
  TRY(const StringToken token, astring());
  if (token.form != StringToken::Form::kStreamed) return token.str();
  seek(begin);
  return expected("a shorter literal");
}

Result<std::optional<std::string>> Lexer::nstring_value() {
  const std::size_t begin = position_;
  TRY(const StringToken token, nstring());
  if (token.is_nil()) return std::nullopt;
  if (token.form != StringToken::Form::kStreamed) return token.str();
  seek(begin);
  return expected("a shorter literal");
}

// Iterative, so that nesting costs no stack.
Result<std::string_view> Lexer::skip_value(std::size_t max_depth) {
  const std::size_t begin = position_;
  std::size_t depth = 0;
  const auto refuse = [&](std::string_view what) {
    const auto problem = error(what);
    seek(begin);
    return problem;
  };
  do {
    const char c = peek();
    if (at_end()) return refuse("unexpected end of the line");
    if (c == '(') {
      if (++depth > max_depth) return refuse("lists nested too deeply");
      ++position_;
    } else if (c == ')') {
      if (depth == 0) return refuse("unexpected \")\"");
      --depth;
      ++position_;
    } else if (c == '"') {
      if (auto token = quoted(); !token) return refuse("bad quoted string");
    } else if (c == '{' || rest().substr(0, 2) == "~{") {
      if (auto token = literal(true); !token) return refuse("bad literal");
    } else if (c == ' ') {
      if (depth == 0) return refuse("unexpected space");
      ++position_;
    } else {
      // An atom with what may be glued to it: BODY[HEADER.FIELDS (DATE)]<0>, \Seen, 1:*.
      bool in_brackets = false;
      while (!at_end()) {
        const char a = peek();
        if (a == '[') in_brackets = true;
        if (a == ']') in_brackets = false;
        if (!in_brackets && (a == ' ' || a == '(' || a == ')' || a == '"')) break;
        ++position_;
      }
    }
  } while (depth > 0);
  return slice(begin);
}

}  // namespace imap
