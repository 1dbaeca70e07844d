#include "protocol/mime/charset.h"

#include <unicode/ucnv.h>
#include <unicode/ucnv_cb.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "protocol/mime/ascii.h"
#include "protocol/mime/utf8.h"

namespace mime {
namespace {

// Longer than any name that ICU knows.
constexpr std::size_t kMaxName = 60;

// A name without quotes and blanks; empty when it cannot be one. ICU takes options in names
// ("UTF-7,version=1"), which a message has no business to set.
std::string clean_name(std::string_view charset) {
  std::string name;
  for (const char c : trim(charset)) {
    if (c == '"' || c == '\'') continue;
    const bool usual = is_alpha(c) || is_digit(c) || std::string_view("-_.:+()").contains(c);
    if (!usual || name.size() == kMaxName) return {};
    name += to_lower(c);
  }
  return name;
}

// Charsets that are read as UTF-8 with windows-1252 for what is not UTF-8: the names of UTF-8 and
// of ASCII, and names that say nothing.
bool is_utf8_name(std::string_view name) {
  constexpr std::array<std::string_view, 13> kNames = {"",
                                                       "utf-8",
                                                       "utf8",
                                                       "us-ascii",
                                                       "ascii",
                                                       "ansi_x3.4-1968",
                                                       "unknown-8bit",
                                                       "unknown",
                                                       "x-unknown",
                                                       "default",
                                                       "default_charset",
                                                       "none",
                                                       "binary"};
  return std::ranges::find(kNames, name) != kNames.end();
}

// What mail says and what it means (as browsers do, WHATWG Encoding 4.2): the wider charset has all
// that the named one has, and the rest would be lost.
std::string_view icu_name_of(std::string_view name) {
  constexpr std::array<std::array<std::string_view, 2>, 14> kAliases = {{
      {"iso-8859-1", "windows-1252"},
      {"iso8859-1", "windows-1252"},
      {"iso_8859-1", "windows-1252"},
      {"latin1", "windows-1252"},
      {"iso-8859-9", "windows-1254"},
      {"iso-8859-11", "windows-874"},
      {"tis-620", "windows-874"},
      {"gb2312", "gb18030"},
      {"gb_2312-80", "gb18030"},
      {"gbk", "gb18030"},
      {"ks_c_5601-1987", "windows-949"},
      {"euc-kr", "windows-949"},
      {"shift_jis", "ibm-943_P15A-2003"},
      {"iso-8859-8-i", "iso-8859-8"},
  }};
  for (const auto& [alias, icu] : kAliases) {
    if (alias == name) return icu;
  }
  return name;
}

// Writes U+FFFD for what cannot be converted: ICU's own choice is a control character for some.
void substitute(const void*, UConverterToUnicodeArgs* args, const char*, std::int32_t,
                UConverterCallbackReason reason, UErrorCode* status) {
  if (reason > UCNV_IRREGULAR) return;  // reset, close, clone
  *status = U_ZERO_ERROR;
  // An escape sequence of ISO-2022 with nothing behind it: joined encoded words are full of them.
  if (reason == UCNV_IRREGULAR) return;
  constexpr UChar kUnit = static_cast<UChar>(kReplacement);
  ucnv_cbToUWriteUChars(args, &kUnit, 1, 0, status);
}

struct CloseConverter {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};
using Converter = std::unique_ptr<UConverter, CloseConverter>;

Converter open_converter(const std::string& name) {
  UErrorCode status = U_ZERO_ERROR;
  Converter converter(ucnv_open(std::string(icu_name_of(name)).c_str(), &status));
  if (U_FAILURE(status)) return nullptr;
  ucnv_setToUCallBack(converter.get(), substitute, nullptr, nullptr, nullptr, &status);
  if (U_FAILURE(status)) return nullptr;
  return converter;
}

}  // namespace

// Converts through UTF-16, because that is what ICU streams to.
class CharsetDecoder::Icu {
 public:
  explicit Icu(Converter converter) : converter_(std::move(converter)) {}

  void convert(std::string_view bytes, bool flush, std::string* out) {
    const char* source = bytes.data();
    const char* const end = source + bytes.size();
    for (;;) {
      UErrorCode status = U_ZERO_ERROR;
      UChar* target = units_.data();
      ucnv_toUnicode(converter_.get(), &target, units_.data() + units_.size(), &source, end,
                     nullptr, flush ? 1 : 0, &status);
      append(std::u16string_view(units_.data(), static_cast<std::size_t>(target - units_.data())),
             out);
      if (status != U_BUFFER_OVERFLOW_ERROR) break;
    }
    if (flush && high_ != 0) {
      append_utf8(kReplacement, out);
      high_ = 0;
    }
  }

 private:
  void append(std::u16string_view units, std::string* out) {
    for (const char16_t unit : units) {
      if (unit < 0x80 && high_ == 0) {
        out->push_back(static_cast<char>(unit));
        continue;
      }
      if (high_ != 0) {
        const char16_t high = std::exchange(high_, u'\0');
        if (U16_IS_TRAIL(unit)) {
          append_utf8(static_cast<char32_t>(U16_GET_SUPPLEMENTARY(high, unit)), out);
          continue;
        }
        append_utf8(kReplacement, out);
      }
      if (U16_IS_LEAD(unit)) {
        high_ = unit;
      } else {
        append_utf8(U16_IS_TRAIL(unit) ? kReplacement : char32_t{unit}, out);
      }
    }
  }

  Converter converter_;
  char16_t high_ = 0;  // the first half of a character outside the BMP
  std::array<UChar, 2048> units_{};
};

CharsetDecoder::CharsetDecoder(std::string_view charset) {
  const std::string name = clean_name(charset);
  if (is_utf8_name(name)) return;
  if (Converter converter = open_converter(name))
    icu_ = std::make_unique<Icu>(std::move(converter));
}
CharsetDecoder::~CharsetDecoder() = default;
CharsetDecoder::CharsetDecoder(CharsetDecoder&&) noexcept = default;
CharsetDecoder& CharsetDecoder::operator=(CharsetDecoder&&) noexcept = default;

void CharsetDecoder::feed(std::string_view bytes, std::string* out) {
  if (icu_) {
    icu_->convert(bytes, /*flush=*/false, out);
    return;
  }
  while (!held_.empty() && !bytes.empty()) {
    // At most the first three bytes of a character are held: one more byte at a time decides it.
    held_ += bytes.front();
    bytes.remove_prefix(1);
    held_.erase(0, repair_utf8(held_, /*final=*/false, out));
  }
  held_.append(bytes.substr(repair_utf8(bytes, /*final=*/false, out)));
}

void CharsetDecoder::finish(std::string* out) {
  if (icu_) {
    icu_->convert({}, /*flush=*/true, out);
  } else {
    repair_utf8(held_, /*final=*/true, out);
    held_.clear();
  }
}

bool is_known_charset(std::string_view charset) {
  const std::string name = clean_name(charset);
  constexpr std::array<std::string_view, 5> kReal = {"utf-8", "utf8", "us-ascii", "ascii",
                                                     "ansi_x3.4-1968"};
  if (is_utf8_name(name)) return std::ranges::find(kReal, name) != kReal.end();
  return open_converter(name) != nullptr;
}

std::string to_utf8(std::string_view charset, std::string_view bytes) {
  std::string out;
  CharsetDecoder decoder(charset);
  decoder.feed(bytes, &out);
  decoder.finish(&out);
  return out;
}

std::string fold_query(std::string_view charset, std::string_view bytes) {
  return fold(to_utf8(charset, bytes));
}

}  // namespace mime
