// Case folding, declared in charset.h: the bulk of all mail is ASCII and takes the short way.
#include <unicode/ucasemap.h>

#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "protocol/mime/ascii.h"
#include "protocol/mime/charset.h"
#include "protocol/mime/utf8.h"

namespace mime {
namespace {

// A call of ICU costs more than the few letters between two foreign words.
constexpr std::size_t kShortAscii = 32;
// Keeps ICU's 32-bit lengths and our room for its output small.
constexpr std::size_t kMaxRun = 4096;
// No folding is longer than three times its character (U+0390: 2 bytes become 6).
constexpr std::size_t kMaxGrowth = 3;

void append_lower_ascii(std::string_view ascii, std::string* out) {
  const std::size_t before = out->size();
  out->resize_and_overwrite(before + ascii.size(), [&](char* data, std::size_t) {
    for (std::size_t i = 0; i < ascii.size(); ++i) {
      const auto c = static_cast<unsigned char>(ascii[i]);
      const bool upper = static_cast<unsigned char>(c - 'A') < 26;
      data[before + i] = static_cast<char>(c | (upper ? 0x20 : 0));
    }
    // Not the size that is passed in: libstdc++ 12 gives the new capacity there.
    return before + ascii.size();
  });
}

// Where the text that is not plain ASCII ends: at a longer ASCII run, or between two characters.
std::size_t end_of_run(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && end < kMaxRun) {
    const std::size_t ascii = ascii_prefix(text.substr(end, kShortAscii));
    if (ascii == kShortAscii) break;
    end += ascii;
    while (end < text.size() && is_8bit(text[end]) && end < kMaxRun) {
      end += std::max<std::size_t>(1, read_utf8(text.substr(end)).size);
    }
  }
  return end;
}

const UCaseMap* case_map() {
  static const UCaseMap* const map = [] {
    UErrorCode status = U_ZERO_ERROR;
    const UCaseMap* opened = ucasemap_open("", U_FOLD_CASE_DEFAULT, &status);
    CHECK(U_SUCCESS(status));
    return opened;
  }();
  return map;
}

void append_folded_run(std::string_view run, std::string* out) {
  const std::size_t before = out->size();
  const std::size_t room = run.size() * kMaxGrowth;
  out->resize_and_overwrite(before + room, [&](char* data, std::size_t) {
    UErrorCode status = U_ZERO_ERROR;
    const std::int32_t size =
        ucasemap_utf8FoldCase(case_map(), data + before, static_cast<std::int32_t>(room),
                              run.data(), static_cast<std::int32_t>(run.size()), &status);
    CHECK(U_SUCCESS(status));
    return before + static_cast<std::size_t>(size);
  });
}

}  // namespace

void append_folded(std::string_view utf8, std::string* out) {
  while (!utf8.empty()) {
    const std::size_t ascii = ascii_prefix(utf8);
    append_lower_ascii(utf8.substr(0, ascii), out);
    utf8.remove_prefix(ascii);
    if (utf8.empty()) break;
    const std::size_t run = end_of_run(utf8);
    append_folded_run(utf8.substr(0, run), out);
    utf8.remove_prefix(run);
  }
}

std::string fold(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  append_folded(utf8, &out);
  return out;
}

}  // namespace mime
