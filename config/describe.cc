#include <algorithm>
#include <vector>

#include "base/log.h"
#include "config/load.h"

namespace config {
namespace {

// Columns are counted in characters, not in bytes.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

void pad(std::string* text, std::size_t from, std::size_t columns) {
  const std::size_t used = width(std::string_view(*text).substr(from));
  if (used < columns) text->append(columns - used, ' ');
}

std::string place(const Mistake& mistake, std::string_view origin) {
  std::string text(origin);
  if (mistake.line > 0) text += fmt::format(":{}", mistake.line);
  if (mistake.column > 0) text += fmt::format(":{}", mistake.column);
  return text + ':';
}

std::string subject(const Mistake& mistake) {
  return mistake.path.empty() ? std::string() : mistake.path + ':';
}

}  // namespace

std::string describe(std::span<const Mistake> mistakes, std::string_view origin) {
  constexpr std::size_t kWidestPath = 50;  // one very long name does not push all others away
  std::size_t places = 0;
  std::size_t paths = 0;
  for (const Mistake& mistake : mistakes) {
    places = std::max(places, width(place(mistake, origin)));
    paths = std::max(paths, std::min(kWidestPath, width(subject(mistake))));
  }
  std::string out;
  for (const Mistake& mistake : mistakes) {
    const std::size_t start = out.size();
    out += place(mistake, origin);
    pad(&out, start, places + 1);
    out += mistake.severity == Mistake::Severity::kError ? "error:   " : "warning: ";
    const std::size_t path_start = out.size();
    out += subject(mistake);
    if (paths > 0) pad(&out, path_start, paths + 1);
    if (paths > 0 && !out.ends_with(' ')) out += ' ';
    out += "found " + mistake.found;
    if (!mistake.expected.empty()) out += "; expected " + mistake.expected;
    if (!mistake.hint.empty()) out += "; " + mistake.hint;
    out += '\n';
  }
  return out;
}

}  // namespace config
