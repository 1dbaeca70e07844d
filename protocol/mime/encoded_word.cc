#include "protocol/mime/encoded_word.h"

#include <optional>

#include "protocol/mime/ascii.h"
#include "protocol/mime/charset.h"
#include "protocol/mime/header.h"
#include "protocol/mime/transfer_decoder.h"

namespace mime {
namespace {

struct EncodedWord {
  std::string_view charset;
  char encoding = 'b';  // or 'q'
  std::string_view text;
  std::size_t size = 0;  // of all of it, "=?" to "?="
};

// The encoded word at the beginning of `text`, if there is one.
// encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="
std::optional<EncodedWord> read_word(std::string_view text) {
  // RFC 2047 2 allows 75 characters, and mailers write whole subjects into one. The limit is for
  // those that have no end: each would be searched for to the end of the header.
  constexpr std::size_t kMaxWord = 4096;
  text = text.substr(0, kMaxWord);
  if (!text.starts_with("=?")) return std::nullopt;
  const std::size_t charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end + 2 >= text.size()) return std::nullopt;
  EncodedWord word;
  word.charset = text.substr(2, charset_end - 2);
  if (word.charset.empty() || word.charset.size() > 60 || word.charset.contains(' ')) {
    return std::nullopt;
  }
  word.charset = word.charset.substr(0, word.charset.find('*'));  // RFC 2231 5
  word.encoding = to_lower(text[charset_end + 1]);
  if (word.encoding != 'b' && word.encoding != 'q') return std::nullopt;
  if (text[charset_end + 2] != '?') return std::nullopt;
  const std::size_t begin = charset_end + 3;
  const std::size_t end = text.find("?=", begin);
  if (end == std::string_view::npos) return std::nullopt;
  word.text = text.substr(begin, end - begin);
  // "=?utf-8?q?=41?=": the "?=" that is found first can be "?" and the "=" of an escape only right
  // at the beginning of the text.
  if (word.encoding == 'q' && end == begin) {
    const std::size_t later = text.find("?=", begin + 2);
    const bool escape =
        end + 3 < text.size() && hex_value(text[end + 2]) >= 0 && hex_value(text[end + 3]) >= 0;
    if (escape && later != std::string_view::npos) {
      word.text = text.substr(begin, later - begin);
    }
  }
  word.size = static_cast<std::size_t>(word.text.data() - text.data()) + word.text.size() + 2;
  return word;
}

// The bytes of a word, in its charset.
void append_bytes(const EncodedWord& word, std::string* out) {
  if (word.encoding == 'b') {
    TransferDecoder decoder(TransferEncoding::kBase64);
    decoder.feed(word.text, out);
    decoder.finish(out);
    return;
  }
  for (std::size_t i = 0; i < word.text.size(); ++i) {
    const char c = word.text[i];
    const bool escape = c == '=' && i + 2 < word.text.size() && hex_value(word.text[i + 1]) >= 0 &&
                        hex_value(word.text[i + 2]) >= 0;
    if (escape) {
      out->push_back(
          static_cast<char>(hex_value(word.text[i + 1]) * 16 + hex_value(word.text[i + 2])));
      i += 2;
    } else {
      out->push_back(c == '_' ? ' ' : c);  // RFC 2047 4.2 (2)
    }
  }
}

}  // namespace

std::string decode_header(std::string_view value) {
  const std::string line = unfold(value);
  if (line.find("=?") == std::string::npos) return to_utf8({}, line);

  std::string out;
  std::string bytes;    // of adjacent words in one charset: a character may be split among them
  std::string charset;  // of these
  const auto flush = [&] {
    out += to_utf8(charset, bytes);
    bytes.clear();
  };
  std::string_view rest = line;
  while (!rest.empty()) {
    if (const auto word = read_word(rest)) {
      if (!equals_ignoring_case(word->charset, charset)) flush();
      charset = word->charset;
      append_bytes(*word, &bytes);
      rest.remove_prefix(word->size);
      // Blanks between two words are not part of the text (RFC 2047 6.2).
      const std::size_t next = rest.find_first_not_of(" \t\r\n");
      if (next != std::string_view::npos && read_word(rest.substr(next))) rest.remove_prefix(next);
      continue;
    }
    flush();
    charset.clear();
    std::size_t next = rest.find("=?", 1);
    if (next == std::string_view::npos) next = rest.size();
    out += to_utf8({}, rest.substr(0, next));
    rest.remove_prefix(next);
  }
  flush();
  return out;
}

}  // namespace mime
