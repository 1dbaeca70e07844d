#include "config/units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <vector>

#include "base/log.h"

namespace config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 5> kDurations = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Unit, 5> kSizes = {{{"tb", std::uint64_t{1} << 40},
                                         {"gb", std::uint64_t{1} << 30},
                                         {"mb", std::uint64_t{1} << 20},
                                         {"kb", std::uint64_t{1} << 10},
                                         {"b", 1}}};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Splits "12unit"; nothing without digits or when the number does not fit.
std::optional<std::pair<std::uint64_t, std::string_view>> split(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest == text.data()) return std::nullopt;
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  return std::pair(number, unit);
}

std::optional<std::uint64_t> scale(std::uint64_t number, std::uint64_t factor, std::uint64_t max) {
  if (number > max / factor) return std::nullopt;
  return number * factor;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return std::nullopt;
  const auto* unit = std::ranges::find(kDurations, parts->second, &Unit::name);
  if (unit == kDurations.end()) return std::nullopt;
  const auto count = scale(parts->first, unit->factor, INT64_MAX);
  if (!count) return std::nullopt;
  return Duration(static_cast<Duration::rep>(*count));
}

std::string format_duration(Duration duration) {
  const auto count = static_cast<std::uint64_t>(duration.count());
  for (const Unit& unit : kDurations) {
    if (count >= unit.factor && count % unit.factor == 0) {
      return fmt::format("{}{}", count / unit.factor, unit.name);
    }
  }
  return "0s";
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return std::nullopt;
  std::string name;
  std::ranges::transform(parts->second, std::back_inserter(name), lower);
  if (name.empty()) return parts->first;
  if (name.size() == 3 && name[1] == 'i') name.erase(1, 1);  // KiB
  const auto* unit = std::ranges::find(kSizes, std::string_view(name), &Unit::name);
  if (unit == kSizes.end()) return std::nullopt;
  return scale(parts->first, unit->factor, kUnlimited - 1);
}

std::string format_size(std::uint64_t bytes) {
  if (bytes == kUnlimited) return "unlimited";
  for (const Unit& unit : kSizes) {
    if (bytes < unit.factor || bytes % unit.factor != 0) continue;
    std::string name(unit.name);
    for (char& c : name) c = static_cast<char>(c - 'a' + 'A');
    return fmt::format("{}{}", bytes / unit.factor, name);
  }
  return "0B";
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string_view shown = text;
  if (text.size() > kShown) {
    std::size_t end = kShown;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80)
      --end;  // whole UTF-8
    shown = text.substr(0, end);
  }
  std::string out = "\"";
  for (const char c : shown) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  out += shown.size() < text.size() ? "…\"" : "\"";
  return out;
}

bool is_nearer(std::string_view word, std::string_view candidate, std::size_t* best) {
  constexpr std::size_t kLongest = 64;  // bounds the work on a hostile key
  if (word.empty() || word.size() > kLongest || candidate.size() > kLongest) return false;
  // Optimal string alignment distance, without case: a swap of neighbours is one edit.
  std::vector<std::size_t> before;
  std::vector<std::size_t> last(candidate.size() + 1);
  std::vector<std::size_t> now(candidate.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= word.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= candidate.size(); ++j) {
      const bool same = lower(word[i - 1]) == lower(candidate[j - 1]);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && lower(word[i - 1]) == lower(candidate[j - 2]) &&
                           lower(word[i - 2]) == lower(candidate[j - 1]);
      if (swapped) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = std::move(last);
    last = std::move(now);
    now.assign(candidate.size() + 1, 0);
  }
  const std::size_t distance = last.back();
  // "tsl" is "tls" and "prot" is "port", but "x" is nothing at all.
  const std::size_t tolerated =
      std::max<std::size_t>(1, std::min(word.size(), candidate.size()) / 3);
  if (distance > tolerated || distance >= std::min(word.size(), candidate.size())) return false;
  if (distance >= *best) return false;
  *best = distance;
  return true;
}

}  // namespace config
