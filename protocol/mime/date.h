// The Date field (RFC 5322 3.3, obsolete forms of 4.3 included).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mime {

/// When a message says it was sent.
struct SentDate {
  std::int64_t utc_seconds = 0;  // since 1970
  /// The calendar day as written, in days since 1970: SENTBEFORE, SENTON and SENTSINCE disregard
  /// time and zone (RFC 3501 6.4.4).
  std::int32_t day = 0;

  bool operator==(const SentDate&) const = default;
};

/// Reads the value of a Date field: comments, missing weekday, seconds or zone, two-digit years and
/// named zones are fine. Nothing when there is no date in it.
std::optional<SentDate> parse_date(std::string_view value);

}  // namespace mime
