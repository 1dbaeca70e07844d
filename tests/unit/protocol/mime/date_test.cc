#include "protocol/mime/date.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace mime {
namespace {

// "2024-01-31" in days since 1970.
std::int32_t day(int year, unsigned month, unsigned day_of_month) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day_of_month)};
  return static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
}

struct Case {
  std::string_view input;
  std::int32_t day;
  int seconds_of_day_utc;  // may lie outside the day as written
};
const Case kGood[] = {
    {"Fri, 21 Nov 1997 09:55:06 -0600", day(1997, 11, 21), 15 * 3600 + 55 * 60 + 6},
    {" Tue, 1 Jul 2003 10:52:37 +0200", day(2003, 7, 1), 8 * 3600 + 52 * 60 + 37},
    {"Thu,\r\n\t13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland Time)", day(1969, 2, 13),
     23 * 3600 + 32 * 60 + 12'600},
    {"21 Nov 97 09:55:06 GMT", day(1997, 11, 21), 9 * 3600 + 55 * 60 + 6},
    {"21 Nov 49 00:00:00 UT", day(2049, 11, 21), 0},
    {"21 Nov 50 00:00:00 Z", day(1950, 11, 21), 0},
    {"1 Jan 100 00:00:00 +0000", day(2000, 1, 1), 0},
    {"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", day(1997, 11, 21), 57'306},
    {"Mon, 1 Jan 2024 23:30:00 -0800", day(2024, 1, 1), 23 * 3600 + 1800 + 8 * 3600},
    {"Mon, 1 Jan 2024 00:30:00 +1400", day(2024, 1, 1), 1800 - 14 * 3600},
    {"Mon, 1 Jan 2024 10:00:00 EST", day(2024, 1, 1), 15 * 3600},
    {"Mon, 1 Jan 2024 10:00:00 PDT", day(2024, 1, 1), 17 * 3600},
    {"Mon, 1 Jan 2024 10:00:00 CET", day(2024, 1, 1), 10 * 3600},
    {"Mon, 1 Jan 2024 10:00:00", day(2024, 1, 1), 10 * 3600},
    {"Mon, 1 Jan 2024", day(2024, 1, 1), 0},
    {"Mon, 1 Jan 2024 99:99:99 +0000", day(2024, 1, 1), 0},
    {"MONDAY, 01 JANUARY 2024 10:00 +0000", day(2024, 1, 1), 36'000},
    {"Mon 1 Jan 2024 10:00:00 +0000", day(2024, 1, 1), 36'000},
    {"1-Jan-2024 10:00:00 +0000", day(2024, 1, 1), 36'000},
    {"Mon Jan  1 10:00:00 2024", day(2024, 1, 1), 36'000},
    {"29 Feb 2024 00:00:00 +0000", day(2024, 2, 29), 0},
    {"31 Jun 2024 00:00:00 +0000", day(2024, 7, 1), 0},
    {"Sat, 31 Dec 9999 23:59:60 +0000", day(9999, 12, 31), 86'400},
    {"(a) Fri (b), (c) 21 (d) Nov (e) 1997 (f) 01:02:03 (g) +0000 (h)", day(1997, 11, 21), 3723},
};

TEST(DateTest, ReadsGoodAndUsualDates) {
  for (const Case& c : kGood) {
    const auto date = parse_date(c.input);
    ASSERT_TRUE(date.has_value()) << c.input;
    EXPECT_EQ(date->day, c.day) << c.input;
    EXPECT_EQ(date->utc_seconds, std::int64_t{c.day} * 86'400 + c.seconds_of_day_utc) << c.input;
  }
}

TEST(DateTest, RefusesWhatIsNone) {
  for (const std::string_view input :
       {"", " ", "Fri", "Fri,", "21", "21 Nov", "21 Foo 1997", "0 Nov 1997", "32 Nov 1997",
        "Nov 1997", "21 Nov 1", "21 Nov 99999", "yesterday", "2024-01-01T00:00:00Z", "(",
        "123456789012345678901234567890 Nov 1997", "Mon Jan 1", "\xff\xff", "=?utf-8?q?x?="}) {
    EXPECT_EQ(parse_date(input), std::nullopt) << input;
  }
}

TEST(DateTest, SurvivesEveryTruncation) {
  for (const Case& c : kGood) {
    for (std::size_t size = 0; size < c.input.size(); ++size) {
      static_cast<void>(parse_date(c.input.substr(0, size)));
    }
  }
}

}  // namespace
}  // namespace mime
