#include "protocol/imap/writer.h"

#include "base/check.h"
#include "protocol/imap/characters.h"
#include "protocol/imap/utf7.h"

namespace imap {
namespace {

// A longer quoted string is legal, but servers with small line buffers choke on it.
constexpr std::size_t kMaxQuoted = 4096;
// RFC 7888 section 5.
constexpr std::size_t kMaxLiteralMinus = 4096;

// For a log: one line, not long, nothing that moves a cursor.
std::string printable(std::string_view bytes) {
  constexpr std::size_t kMaxBytes = 200;
  std::string out(bytes.substr(0, kMaxBytes));
  const bool utf8 = is_valid_utf8(out);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) c = '?';
  }
  if (bytes.size() > kMaxBytes) out += "...";
  return out;
}

// "NIL" as an astring would be read as nothing by a careless peer.
bool is_plain_astring(std::string_view text) {
  if (text.empty() || equals_ignoring_case(text, "NIL")) return false;
  for (const char c : text) {
    // "~" and "+" are legal and have confused parsers that look for "~{" and literals.
    if (!is_atom_char(c) || c == '~') return false;
  }
  return true;
}

}  // namespace

bool Writer::can_quote(std::string_view text) const {
  bool has_8bit = false;
  for (const char c : text) {
    if (is_quoted_char(c) || c == '"' || c == '\\') continue;
    if (!is_8bit(c)) return false;
    has_8bit = true;
  }
  return !has_8bit || (options_.utf8 && is_valid_utf8(text));
}

void Writer::quoted(std::string_view text) {
  out_.push_back('"');
  std::size_t from = 0;
  while (true) {
    const std::size_t special = text.find_first_of("\"\\", from);
    out_.append(text.substr(from, special - from));
    if (special == std::string_view::npos) break;
    out_.push_back('\\');
    out_.push_back(text[special]);
    from = special + 1;
  }
  out_.push_back('"');
}

void Writer::string(std::string_view text) {
  const bool for_log = options_.literals == LiteralStyle::kTrace;
  if (!for_log && text.size() <= kMaxQuoted && can_quote(text)) {
    quoted(text);
  } else {
    literal(text);
  }
}

void Writer::astring(std::string_view text) {
  if (text.size() <= kMaxQuoted && is_plain_astring(text)) {
    out_.append(text);
  } else {
    string(text);
  }
}

void Writer::literal_header(std::uint64_t size_bytes, bool binary,
                            std::optional<std::size_t> streamed) {
  const LiteralStyle style = options_.literals;
  if (style == LiteralStyle::kTrace) {
    out_.append(binary ? "~{" : "{");
    number(size_bytes);
    out_.push_back('}');
    return;
  }
  const bool plus = style == LiteralStyle::kPlus ||
                    (style == LiteralStyle::kMinus && size_bytes <= kMaxLiteralMinus);
  const bool waits = style != LiteralStyle::kResponse && !plus;
  out_.append(binary ? "~{" : "{");
  number(size_bytes);
  out_.append(plus ? "+}\r\n" : "}\r\n");
  if (waits || streamed) breaks_.push_back({out_.size(), waits, streamed});
}

void Writer::literal(std::string_view bytes, bool binary) {
  if (options_.literals == LiteralStyle::kTrace) return quoted(printable(bytes));
  literal_header(bytes.size(), binary);
  out_.append(bytes);
}

}  // namespace imap
