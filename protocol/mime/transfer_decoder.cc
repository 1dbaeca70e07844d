#include "protocol/mime/transfer_decoder.h"

#include <array>

#include "protocol/mime/ascii.h"

namespace mime {
namespace {

constexpr std::uint8_t kNotBase64 = 0xff;
constexpr std::array<std::uint8_t, 256> kBase64 = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(kNotBase64);
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    table[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return table;
}();

// What may stand between "=" and the line end, and before a line end: RFC 2045 6.7 rule 3 has
// blanks there deleted. What is longer than any line of mail is passed on, so that memory is
// bounded.
constexpr std::size_t kMaxHeld = 1024;

}  // namespace

TransferEncoding transfer_encoding_of(std::string_view name) {
  name = trim(name);
  if (equals_ignoring_case(name, "base64")) return TransferEncoding::kBase64;
  if (equals_ignoring_case(name, "quoted-printable")) return TransferEncoding::kQuotedPrintable;
  return TransferEncoding::kIdentity;
}

void TransferDecoder::feed(std::string_view bytes, std::string* out) {
  switch (encoding_) {
    case TransferEncoding::kIdentity:
      out->append(bytes);
      break;
    case TransferEncoding::kBase64:
      feed_base64(bytes, out);
      break;
    case TransferEncoding::kQuotedPrintable:
      feed_quoted_printable(bytes, out);
      break;
  }
}

void TransferDecoder::feed_base64(std::string_view bytes, std::string* out) {
  const std::size_t before = out->size();
  // Three bytes of each group of four, and those of a group begun before.
  out->resize_and_overwrite(before + bytes.size() / 4 * 3 + 6, [&](char* data, std::size_t) {
    char* to = data + before;
    std::size_t i = 0;
    while (i < bytes.size()) {
      if (bit_count_ == 0 && i + 4 <= bytes.size()) {
        const auto at = [&](std::size_t k) {
          return std::uint32_t{kBase64[static_cast<unsigned char>(bytes[i + k])]};
        };
        const std::uint32_t a = at(0);
        const std::uint32_t b = at(1);
        const std::uint32_t c = at(2);
        const std::uint32_t d = at(3);
        if ((a | b | c | d) < 64) {
          const std::uint32_t group = a << 18 | b << 12 | c << 6 | d;
          *to++ = static_cast<char>(group >> 16);
          *to++ = static_cast<char>(group >> 8);
          *to++ = static_cast<char>(group);
          i += 4;
          continue;
        }
      }
      const char c = bytes[i++];
      const std::uint8_t value = kBase64[static_cast<unsigned char>(c)];
      if (c == '=') {
        // The end of a text; what follows is another one (mailers that join encoded pieces).
        bits_ = 0;
        bit_count_ = 0;
      } else if (value != kNotBase64) {
        bits_ = bits_ << 6 | value;
        bit_count_ += 6;
        if (bit_count_ >= 8) {
          bit_count_ -= 8;
          *to++ = static_cast<char>(bits_ >> bit_count_);
          bits_ &= (1U << bit_count_) - 1;
        }
      }
    }
    return static_cast<std::size_t>(to - data);
  });
}

void TransferDecoder::feed_quoted_printable(std::string_view bytes, std::string* out) {
  // Joined to what was held, so that one loop sees every case.
  std::string joined;
  if (!held_.empty()) {
    joined = std::move(held_);
    held_.clear();
    joined.append(bytes);
    bytes = joined;
  }
  std::size_t i = 0;
  while (i < bytes.size()) {
    const std::size_t special = bytes.find_first_of("= \t", i);
    if (special == std::string_view::npos) {
      out->append(bytes.substr(i));
      return;
    }
    out->append(bytes.substr(i, special - i));
    i = special;
    const bool escape = bytes[i] == '=';
    std::size_t end = bytes.find_first_not_of(" \t", escape ? i + 1 : i);
    if (end == std::string_view::npos) end = bytes.size();
    if (end - i >= kMaxHeld) {
      out->append(bytes.substr(i, kMaxHeld));
      i += kMaxHeld;
      continue;
    }
    const std::size_t rest = bytes.size() - i;
    const bool undecided = end == bytes.size() || (bytes[end] == '\r' && end + 1 == bytes.size()) ||
                           (escape && end == i + 1 && rest < 3 && bytes[end] != '\n');
    if (undecided) {
      held_.assign(bytes.substr(i));
      return;
    }
    const std::string_view behind = bytes.substr(end);
    const std::size_t eol = behind.starts_with("\r\n") ? 2 : behind.starts_with('\n') ? 1 : 0;
    if (eol != 0) {
      // A soft line break goes with its line end; blanks before a hard one go, the line end stays.
      i = escape ? end + eol : end;
      continue;
    }
    const bool hex = escape && i + 2 < bytes.size() && hex_value(bytes[i + 1]) >= 0 &&
                     hex_value(bytes[i + 2]) >= 0;
    if (hex) {
      out->push_back(static_cast<char>(hex_value(bytes[i + 1]) * 16 + hex_value(bytes[i + 2])));
      i += 3;
    } else {
      const std::size_t keep = escape ? 1 : end - i;
      out->append(bytes.substr(i, keep));
      i += keep;
    }
  }
}

void TransferDecoder::finish(std::string* out) {
  if (encoding_ == TransferEncoding::kQuotedPrintable) {
    // "=" and blanks at the very end are a soft break without its line end.
    if (held_.find_first_not_of("= \t\r") != std::string::npos) out->append(held_);
    held_.clear();
  }
  bits_ = 0;
  bit_count_ = 0;
}

}  // namespace mime
