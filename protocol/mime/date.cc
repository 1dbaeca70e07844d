#include "protocol/mime/date.h"

#include <array>
#include <chrono>
#include <string>

#include "protocol/mime/ascii.h"
#include "protocol/mime/value_reader.h"

namespace mime {
namespace {

// Reads digits: up to `max_digits` of them; nothing when there is none, or more.
std::optional<int> read_number(ValueReader* reader, int max_digits, int* digits = nullptr) {
  int value = 0;
  int count = 0;
  for (; is_digit(reader->peek()); ++count) {
    if (count == max_digits) return std::nullopt;
    value = value * 10 + (reader->peek() - '0');
    reader->skip();
  }
  if (digits) *digits = count;
  return count == 0 ? std::nullopt : std::optional(value);
}

std::string read_letters(ValueReader* reader) {
  std::string word;
  for (; is_alpha(reader->peek()); reader->skip()) word += to_lower(reader->peek());
  return word;
}

// By its first three letters, so that "Sept" and "September" are fine.
std::optional<unsigned> month_of(std::string_view word) {
  constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                        "jul", "aug", "sep", "oct", "nov", "dec"};
  for (unsigned i = 0; i < kMonths.size(); ++i) {
    if (word.starts_with(kMonths[i])) return i + 1;
  }
  return std::nullopt;
}

std::optional<int> read_year(ValueReader* reader) {
  int digits = 0;
  const auto year = read_number(reader, 4, &digits);
  if (!year || digits == 1) return std::nullopt;
  if (digits == 2) return *year + (*year < 50 ? 2000 : 1900);  // RFC 5322 4.3
  return digits == 3 ? *year + 1900 : *year;
}

// hour ":" minute [":" second], in seconds.
std::optional<int> read_time(ValueReader* reader) {
  const auto hour = read_number(reader, 2);
  reader->skip_cfws();
  if (!hour || !reader->take(':')) return std::nullopt;
  const auto minute = read_number(reader, 2);
  reader->skip_cfws();
  int second = 0;
  if (reader->take(':')) {
    second = read_number(reader, 2).value_or(0);
    reader->skip_cfws();
  }
  if (*hour > 23 || !minute || *minute > 59 || second > 60) return std::nullopt;
  return *hour * 3600 + *minute * 60 + second;
}

// Seconds east of UTC. Names other than these, and single letters, are as good as unknown: UTC.
int read_zone(ValueReader* reader) {
  const char sign = reader->peek();
  if (sign == '+' || sign == '-') {
    reader->skip();
    const int hhmm = read_number(reader, 4).value_or(0);
    const int seconds = hhmm / 100 * 3600 + hhmm % 100 * 60;
    return sign == '-' ? -seconds : seconds;
  }
  struct Zone {
    std::string_view name;
    int hours;
  };
  constexpr std::array<Zone, 8> kZones = {{{"edt", -4},
                                           {"est", -5},
                                           {"cdt", -5},
                                           {"cst", -6},
                                           {"mdt", -6},
                                           {"mst", -7},
                                           {"pdt", -7},
                                           {"pst", -8}}};
  const std::string name = read_letters(reader);
  for (const Zone& zone : kZones) {
    if (zone.name == name) return zone.hours * 3600;
  }
  return 0;
}

}  // namespace

std::optional<SentDate> parse_date(std::string_view value) {
  ValueReader reader(value);
  reader.skip_cfws();
  // [day-name ","] day month year time zone; or asctime's: day-name month day time year.
  std::string word = read_letters(&reader);
  std::optional<unsigned> month = month_of(word);
  if (!month && !word.empty()) {
    reader.skip_cfws();
    while (reader.take(',') || reader.take('.')) {
    }
    month = month_of(word = read_letters(&reader));
  }
  const bool is_asctime = month.has_value();
  const auto separate = [&reader] {
    reader.skip_cfws();
    while (reader.take('-') || reader.take(',') || reader.take('.')) {
    }
  };
  separate();
  const auto day = read_number(&reader, 2);
  separate();
  std::optional<int> year;
  std::optional<int> time;
  if (is_asctime) {
    time = read_time(&reader);
    reader.skip_cfws();
    year = read_year(&reader);
  } else {
    month = month_of(read_letters(&reader));
    separate();
    year = read_year(&reader);
    reader.skip_cfws();
    time = read_time(&reader);
  }
  if (!day || *day < 1 || *day > 31 || !month || !year) return std::nullopt;
  reader.skip_cfws();
  const int zone = read_zone(&reader);

  using std::chrono::sys_days;
  const std::chrono::year_month_day first(std::chrono::year(*year), std::chrono::month(*month),
                                          std::chrono::day(1));
  // A 31st of June is the 1st of July, as mktime() has it.
  const auto days = sys_days(first).time_since_epoch() + std::chrono::days(*day - 1);
  SentDate out;
  out.day = static_cast<std::int32_t>(days.count());
  out.utc_seconds = std::int64_t{out.day} * 86'400 + time.value_or(0) - zone;
  return out;
}

}  // namespace mime
