// Durations and sizes as people write them: "30s", "5GB"; and texts shown to people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"

namespace config {

/// A whole number and one of ms, s, m, h, d; nothing when it is not one or does not fit.
std::optional<Duration> parse_duration(std::string_view text);
/// In the largest unit that is exact: "90s", "5m".
std::string format_duration(Duration duration);

/// A whole number of bytes, or with one of B, KB, MB, GB, TB (also KiB … TiB), any case. All count
/// in 1024s: 1KB is 1024 bytes.
std::optional<std::uint64_t> parse_size(std::string_view text);
/// In the largest unit that is exact: "64KB", "100B"; "unlimited" for kUnlimited.
std::string format_size(std::uint64_t bytes);

/// `text` in quotation marks on one line: control bytes as \xNN, cut when it is long.
std::string in_quotes(std::string_view text);

/// The candidate nearest to `word` by edit distance, when one is near enough to be what was meant;
/// else an empty string.
template <class Range>
std::string nearest(std::string_view word, const Range& candidates);
bool is_nearer(std::string_view word, std::string_view candidate, std::size_t* best);

template <class Range>
std::string nearest(std::string_view word, const Range& candidates) {
  std::size_t best = SIZE_MAX;
  std::string_view found;
  for (const auto& candidate : candidates) {
    if (is_nearer(word, candidate, &best)) found = candidate;
  }
  return std::string(found);
}

}  // namespace config
