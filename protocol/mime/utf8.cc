#include "protocol/mime/utf8.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace mime {
namespace {

// Windows-1252, 0x80 to 0x9f (WHATWG index: the five holes are the C1 controls).
constexpr std::array<char16_t, 32> kWindows1252 = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178};

char32_t from_windows_1252(unsigned char byte) {
  return byte >= 0x80 && byte < 0xa0 ? kWindows1252[byte - 0x80U] : byte;
}

}  // namespace

std::size_t ascii_prefix(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::size_t i = 0;
  // Four words at a time: the compiler makes vector code of it.
  for (; i + 32 <= text.size(); i += 32) {
    std::array<std::uint64_t, 4> words{};
    std::memcpy(words.data(), text.data() + i, sizeof words);
    if (((words[0] | words[1] | words[2] | words[3]) & kHighBits) != 0) break;
  }
  while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0x80U) == 0) ++i;
  return i;
}

void append_utf8(char32_t c, std::string* out) {
  const auto push = [out](char32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    push(c);
  } else if (c < 0x800) {
    push(0xc0 | (c >> 6));
    push(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    push(0xe0 | (c >> 12));
    push(0x80 | ((c >> 6) & 0x3f));
    push(0x80 | (c & 0x3f));
  } else {
    push(0xf0 | (c >> 18));
    push(0x80 | ((c >> 12) & 0x3f));
    push(0x80 | ((c >> 6) & 0x3f));
    push(0x80 | (c & 0x3f));
  }
}

Utf8Character read_utf8(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {.value = lead, .size = 1};
  // RFC 3629 section 4: the second byte's range excludes overlong forms and surrogates.
  std::size_t size = 0;
  unsigned low = 0x80;
  unsigned high = 0xbf;
  char32_t value = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    size = 2;
    value = lead & 0x1fU;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    size = 3;
    value = lead & 0x0fU;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    size = 4;
    value = lead & 0x07U;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return {};
  }
  for (std::size_t i = 1; i < size; ++i) {
    if (i == text.size()) return {.cut = true};
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < low || byte > high) return {};
    value = (value << 6) | (byte & 0x3fU);
    low = 0x80;
    high = 0xbf;
  }
  return {.value = value, .size = size};
}

std::size_t repair_utf8(std::string_view bytes, bool final, std::string* out) {
  std::size_t done = 0;   // given out, or about to be with the run
  std::size_t start = 0;  // of the well-formed run that is not given out yet
  const auto give_run = [&] { out->append(bytes.substr(start, done - start)); };
  while (done < bytes.size()) {
    done += ascii_prefix(bytes.substr(done));
    if (done == bytes.size()) break;
    const Utf8Character c = read_utf8(bytes.substr(done));
    if (c.size != 0) {
      done += c.size;
      continue;
    }
    give_run();
    if (c.cut && !final) return done;
    append_utf8(from_windows_1252(static_cast<unsigned char>(bytes[done])), out);
    start = ++done;
  }
  give_run();
  return done;
}

}  // namespace mime
