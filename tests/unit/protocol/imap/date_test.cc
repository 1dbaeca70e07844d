#include "protocol/imap/date.h"

#include <gtest/gtest.h>

#include <string>

namespace imap {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_seconds;

std::string format(const std::optional<DateTime>& time) {
  std::string out;
  if (time) append_date_time(out, *time);
  return out;
}

std::string format(const std::optional<Date>& date) {
  std::string out;
  if (date) append_date(out, *date);
  return out;
}

struct Case {
  const char* name;
  std::string_view input;
  std::string_view output;  // empty: no date
};

constexpr Case kDates[] = {
    {"TwoDigits", "17-Jul-1996", "17-Jul-1996"},
    {"OneDigit", "1-Feb-1994", "1-Feb-1994"},
    {"LeadingZero", "01-feb-1994", "1-Feb-1994"},
    {"LeapDay", "29-Feb-2000", "29-Feb-2000"},
    {"NoLeapDay", "29-Feb-1900", ""},
    {"NoSuchDay", "31-Apr-2020", ""},
    {"DayZero", "0-Jan-2020", ""},
    {"TwoDigitYear", "1-Jan-20", ""},
    {"FiveDigitYear", "1-Jan-20200", ""},
    {"NoSuchMonth", "1-Foo-2020", ""},
    {"Spaces", "1 Jan 2020", ""},
    {"Sign", "+1-Jan-2020", ""},
    {"Empty", "", ""},
};

class DateTest : public testing::TestWithParam<Case> {};

TEST_P(DateTest, Parses) { EXPECT_EQ(format(parse_date(GetParam().input)), GetParam().output); }

INSTANTIATE_TEST_SUITE_P(Rfc3501, DateTest, testing::ValuesIn(kDates),
                         [](const auto& info) { return info.param.name; });

constexpr Case kDateTimes[] = {
    {"Plain", "17-Jul-1996 02:44:25 -0700", "17-Jul-1996 02:44:25 -0700"},
    {"SpaceForTheDay", " 1-Jan-2024 00:00:00 +0000", " 1-Jan-2024 00:00:00 +0000"},
    {"ZeroForTheDay", "01-Jan-2024 00:00:00 +0530", " 1-Jan-2024 00:00:00 +0530"},
    {"LeapSecond", "31-Dec-2016 23:59:60 +0000", " 1-Jan-2017 00:00:00 +0000"},
    {"Before1970", "31-Dec-1969 23:59:59 -1200", "31-Dec-1969 23:59:59 -1200"},
    {"NegativeHalfHour", "17-Jul-1996 02:44:25 -0030", "17-Jul-1996 02:44:25 -0030"},
    {"NoZone", "17-Jul-1996 02:44:25", ""},
    {"OneDigitDay", "7-Jul-1996 02:44:25 -0700", ""},
    {"BadHour", "17-Jul-1996 24:00:00 -0700", ""},
    {"BadZone", "17-Jul-1996 02:44:25 -2400", ""},
    {"NamedZone", "17-Jul-1996 02:44:25 EST  ", ""},
    {"BadDay", "32-Jul-1996 02:44:25 -0700", ""},
};

class DateTimeTest : public testing::TestWithParam<Case> {};

TEST_P(DateTimeTest, Parses) {
  EXPECT_EQ(format(parse_date_time(GetParam().input)), GetParam().output);
}

INSTANTIATE_TEST_SUITE_P(Rfc3501, DateTimeTest, testing::ValuesIn(kDateTimes),
                         [](const auto& info) { return info.param.name; });

constexpr Case kTolerant[] = {
    {"Exact", "17-Jul-1996 02:44:25 -0700", "17-Jul-1996 02:44:25 -0700"},
    {"OneDigitDay", "7-Jul-1996 02:44:25 -0700", " 7-Jul-1996 02:44:25 -0700"},
    {"NoZone", "17-Jul-1996 02:44:25", "17-Jul-1996 02:44:25 +0000"},
    {"NoSeconds", "17-Jul-1996 02:44 +0100", "17-Jul-1996 02:44:00 +0100"},
    {"DateOnly", "17-Jul-1996", "17-Jul-1996 00:00:00 +0000"},
    {"Rfc822", "Wed, 17 Jul 1996 02:44:25 EST", "17-Jul-1996 02:44:25 -0500"},
    {"TwoDigitYear", "17-Jul-96 02:44:25 +0000", "17-Jul-1996 02:44:25 +0000"},
    {"TwoDigitYearInThisCentury", "17-Jul-24 02:44:25 +0000", "17-Jul-2024 02:44:25 +0000"},
    {"LongMonth", "17-July-1996 02:44:25 +0000", "17-Jul-1996 02:44:25 +0000"},
    {"Domino", "00-Jan-0000 00:00:00 +0000", ""},
    {"Garbage", "yesterday", ""},
    {"BadClock", "17-Jul-1996 aa:bb:cc +0000", ""},
    {"Empty", "", ""},
};

class TolerantDateTimeTest : public testing::TestWithParam<Case> {};

TEST_P(TolerantDateTimeTest, Parses) {
  EXPECT_EQ(format(parse_date_time_tolerant(GetParam().input)), GetParam().output);
}

INSTANTIATE_TEST_SUITE_P(Servers, TolerantDateTimeTest, testing::ValuesIn(kTolerant),
                         [](const auto& info) { return info.param.name; });

TEST(DateTimeTest, KnowsTheInstantAndTheLocalDay) {
  const auto time = parse_date_time("17-Jul-1996 22:44:25 -0700");
  ASSERT_TRUE(time);
  EXPECT_EQ(time->utc, sys_seconds(837'668'665s));
  EXPECT_EQ(time->zone, -7h);
  EXPECT_EQ(time->local_date(),
            Date(std::chrono::year(1996), std::chrono::July, std::chrono::day(17)));
}

TEST(DateTest, StandsWithAndWithoutQuotes) {
  for (const std::string_view input : {"1-Feb-1994 x", "\"1-Feb-1994\" x"}) {
    Lexer lexer(input);
    const auto date = decode_date(lexer);
    ASSERT_TRUE(date);
    EXPECT_EQ(lexer.rest(), " x");
  }
  Lexer literal("{10}\r\n1-Feb-1994");
  EXPECT_FALSE(decode_date(literal));
}

TEST(DateTimeTest, StandsInQuotes) {
  Lexer lexer("\" 1-Feb-1994 00:00:00 +0000\"");
  const auto time = decode_date_time(lexer);
  ASSERT_TRUE(time);
  std::string out;
  Writer writer(out);
  encode_date_time(writer, *time);
  EXPECT_EQ(out, "\" 1-Feb-1994 00:00:00 +0000\"");
  Lexer nil("NIL", {.dialect = Dialect::kTolerant});
  EXPECT_EQ(decode_date_time_tolerant(nil).value(), std::nullopt);
}

}  // namespace
}  // namespace imap
