// Dates of SEARCH, date-times of APPEND and INTERNALDATE: RFC 3501 section 9.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/imap/lexer.h"
#include "protocol/imap/writer.h"

namespace imap {

/// A day as in SEARCH BEFORE: no time, no zone.
using Date = std::chrono::year_month_day;

/// An instant and the zone in which it was written.
struct DateTime {
  std::chrono::sys_seconds utc{};
  std::chrono::minutes zone{};  // east of Greenwich; within a day either way

  /// The day that a calendar showed there: what SEARCH compares (RFC 3501 6.4.4 disregards time and
  /// timezone).
  Date local_date() const;
  friend bool operator==(const DateTime&, const DateTime&) = default;
};

/// "17-Jul-1996"; the day may be one digit. Nothing for a day that the calendar does not have.
std::optional<Date> parse_date(std::string_view text);
/// "17-Jul-1996 02:44:25 -0700"; the first digit of the day may be a space.
std::optional<DateTime> parse_date_time(std::string_view text);
/// Whatever a server may mean by an INTERNALDATE: also with a weekday, a one-digit day, two-digit
/// years, a missing zone (UTC) or seconds, a named zone, and spaces for hyphens.
std::optional<DateTime> parse_date_time_tolerant(std::string_view text);

/// Appends `1-Jul-1996`.
void append_date(std::string& out, Date date);
/// Appends `17-Jul-1996 02:44:25 -0700`, always 26 bytes for the years 0 to 9999.
void append_date_time(std::string& out, const DateTime& time);

/// date = date-text / DQUOTE date-text DQUOTE.
Result<Date> decode_date(Lexer& lexer);
/// date-time with its quotes.
Result<DateTime> decode_date_time(Lexer& lexer);
/// The same by parse_date_time_tolerant(): NIL and strings that are no date give nothing.
Result<std::optional<DateTime>> decode_date_time_tolerant(Lexer& lexer);
void encode_date(Writer& writer, Date date);
void encode_date_time(Writer& writer, const DateTime& time);

}  // namespace imap
