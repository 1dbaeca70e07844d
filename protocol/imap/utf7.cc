#include "protocol/imap/utf7.h"

#include <array>
#include <cstdint>
#include <optional>

namespace imap {
namespace {

// RFC 3501 5.1.3: base64 with "," for "/" and without padding.
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr std::array<std::int8_t, 256> kValues = make_values();

bool is_printable(char c) { return c >= 0x20 && c <= 0x7e; }

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6));
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3f));
    put(0x80 | ((c >> 6) & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

struct Decoded {
  char32_t character = 0;
  std::size_t bytes = 0;  // 0: not UTF-8
};

Decoded next_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  std::size_t length = 0;
  char32_t smallest = 0;
  if ((lead & 0xe0) == 0xc0) {
    length = 2;
    smallest = 0x80;
  } else if ((lead & 0xf0) == 0xe0) {
    length = 3;
    smallest = 0x800;
  } else if ((lead & 0xf8) == 0xf0) {
    length = 4;
    smallest = 0x10000;
  }
  if (length == 0 || length > text.size()) return {};
  char32_t c = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    c = (c << 6) | (byte(i) & 0x3fU);
  }
  const bool surrogate = c >= 0xd800 && c <= 0xdfff;
  if (c < smallest || c > 0x10ffff || surrogate) return {};
  return {c, length};
}

void append_base64(std::string& out, std::string_view utf8_run) {
  std::uint32_t bits = 0;
  unsigned count = 0;
  const auto put_unit = [&](char32_t unit) {
    bits = (bits << 16) | static_cast<std::uint32_t>(unit);
    count += 16;
    while (count >= 6) {
      count -= 6;
      out.push_back(kAlphabet[(bits >> count) & 0x3f]);
    }
    bits &= (1U << count) - 1;
  };
  while (!utf8_run.empty()) {
    const Decoded next = next_utf8(utf8_run);
    const std::size_t bytes = next.bytes == 0 ? 1 : next.bytes;
    const char32_t c = next.bytes == 0 ? static_cast<unsigned char>(utf8_run[0]) : next.character;
    if (c >= 0x10000) {
      put_unit(0xd800 + ((c - 0x10000) >> 10));
      put_unit(0xdc00 + ((c - 0x10000) & 0x3ff));
    } else {
      put_unit(c);
    }
    utf8_run.remove_prefix(bytes);
  }
  if (count > 0) out.push_back(kAlphabet[(bits << (6 - count)) & 0x3f]);
}

// Decodes the base64 between "&" and "-"; nothing when it is not whole UTF-16.
std::optional<std::string> decode_base64(std::string_view base64) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  char32_t high = 0;  // a high surrogate that waits for its other half
  for (const char c : base64) {
    const std::int8_t value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 16) continue;
    count -= 16;
    const char32_t unit = (bits >> count) & 0xffff;
    bits &= (1U << count) - 1;
    if (high != 0) {
      if (unit < 0xdc00 || unit > 0xdfff) return std::nullopt;
      append_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
      high = 0;
    } else if (unit >= 0xd800 && unit <= 0xdbff) {
      high = unit;
    } else if (unit >= 0xdc00 && unit <= 0xdfff) {
      return std::nullopt;
    } else {
      append_utf8(out, unit);
    }
  }
  if (high != 0 || count >= 6 || bits != 0) return std::nullopt;
  return out;
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const Decoded next = next_utf8(text);
    if (next.bytes == 0) return false;
    text.remove_prefix(next.bytes);
  }
  return true;
}

std::string encode_utf7(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size() + 8);
  for (std::size_t i = 0; i < utf8.size();) {
    if (is_printable(utf8[i])) {
      out.push_back(utf8[i]);
      if (utf8[i] == '&') out.push_back('-');
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < utf8.size() && !is_printable(utf8[end])) ++end;
    out.push_back('&');
    append_base64(out, utf8.substr(i, end - i));
    out.push_back('-');
    i = end;
  }
  return out;
}

Result<std::string> decode_utf7(std::string_view utf7) {
  std::string out = decode_utf7_tolerant(utf7);
  // The encoding of a name is unique (RFC 3501 5.1.3), so all other forms are told by this.
  if (encode_utf7(out) != utf7) return fail(Errc::kInvalid, "not modified UTF-7");
  return out;
}

std::string decode_utf7_tolerant(std::string_view utf7) {
  std::string out;
  out.reserve(utf7.size());
  for (std::size_t i = 0; i < utf7.size();) {
    if (utf7[i] == '&') {
      const std::size_t end = utf7.find('-', i);
      if (end == i + 1) {
        out.push_back('&');
        i = end + 1;
        continue;
      }
      if (end != std::string_view::npos) {
        if (auto text = decode_base64(utf7.substr(i + 1, end - i - 1))) {
          out += *text;
          i = end + 1;
          continue;
        }
      }
    }
    const Decoded next = next_utf8(utf7.substr(i));
    if (next.bytes == 0) {
      append_utf8(out, static_cast<unsigned char>(utf7[i]));
      ++i;
    } else {
      out += utf7.substr(i, next.bytes);
      i += next.bytes;
    }
  }
  return out;
}

}  // namespace imap
