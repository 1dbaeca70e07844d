#include "config/units.h"

#include <gtest/gtest.h>

#include <array>

namespace config {
namespace {

using namespace std::chrono_literals;

TEST(UnitsTest, DurationsHaveAUnit) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_EQ(parse_duration("30d"), 720h);
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("5 m"), 5min);
  for (const char* text : {"", "5", "s", "-5s", "5S", "5.5s", "5s ", " 5s", "5 months", "+5s",
                           "106751991168d", "99999999999999999999s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(UnitsTest, SizesCountIn1024s) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("100B"), 100U);
  EXPECT_EQ(parse_size("64KB"), 65'536U);
  EXPECT_EQ(parse_size("64 kib"), 65'536U);
  EXPECT_EQ(parse_size("5GB"), 5'368'709'120U);
  EXPECT_EQ(parse_size("1TiB"), std::uint64_t{1} << 40);
  for (const char* text :
       {"", "KB", "-1KB", "1.5GB", "1K", "1Kb/s", "1iB", "16777216TB", "18446744073709551616"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(UnitsTest, WhatIsFormattedParsesBack) {
  for (const Duration duration : {0ms, 1ms, 1500ms, 90'000ms, 3'600'000ms, 86'400'000ms}) {
    EXPECT_EQ(parse_duration(format_duration(duration)), duration);
  }
  for (const std::uint64_t bytes : {0UL, 1UL, 1023UL, 1024UL, 1536UL, 1UL << 30, 1UL << 40}) {
    EXPECT_EQ(parse_size(format_size(bytes)), bytes);
  }
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_size(kUnlimited), "unlimited");
}

TEST(UnitsTest, QuotedIsOnePrintableLine) {
  EXPECT_EQ(in_quotes("a\"b\\\n\x7f"), "\"a\\\"b\\\\\\x0a\\x7f\"");
  const std::string cut = in_quotes(std::string(59, 'x') + "äöü");
  EXPECT_EQ(cut, "\"" + std::string(59, 'x') + "…\"") << "never half a character";
}

TEST(NearestTest, FindsWhatWasMeantAndNothingElse) {
  constexpr std::array<std::string_view, 5> kKeys = {"tls", "port", "password", "user", "host"};
  EXPECT_EQ(nearest("tsl", kKeys), "tls");
  EXPECT_EQ(nearest("prot", kKeys), "port");
  EXPECT_EQ(nearest("Password", kKeys), "password");
  EXPECT_EQ(nearest("pasword", kKeys), "password");
  EXPECT_EQ(nearest("usr", kKeys), "user");
  EXPECT_EQ(nearest("x", kKeys), "");
  EXPECT_EQ(nearest("", kKeys), "");
  EXPECT_EQ(nearest("certificate", kKeys), "");
  EXPECT_EQ(nearest(std::string(1'000'000, 'x'), kKeys), "");
}

}  // namespace
}  // namespace config
