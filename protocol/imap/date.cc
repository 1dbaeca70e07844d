#include "protocol/imap/date.h"

#include <array>

#include "base/check.h"

namespace imap {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::optional<unsigned> parse_month(std::string_view text) {
  for (unsigned i = 0; i < kMonths.size(); ++i) {
    if (equals_ignoring_case(text, kMonths[i])) return i + 1;
  }
  return std::nullopt;
}

std::optional<unsigned> parse_digits(std::string_view text) {
  const auto value = parse_number(text);
  if (!value) return std::nullopt;
  return static_cast<unsigned>(*value);
}

std::optional<Date> make_date(unsigned year, unsigned month, unsigned day) {
  const Date date{std::chrono::year(static_cast<int>(year)), std::chrono::month(month),
                  std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return date;
}

// "+hhmm" or "-hhmm".
std::optional<std::chrono::minutes> parse_zone(std::string_view text) {
  if (text.size() != 5 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const auto hours = parse_digits(text.substr(1, 2));
  const auto minutes = parse_digits(text.substr(3, 2));
  if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::chrono::minutes east(*hours * 60 + *minutes);
  return text[0] == '-' ? -east : east;
}

std::optional<DateTime> make_date_time(Date date, unsigned h, unsigned m, unsigned s,
                                       std::chrono::minutes zone) {
  // 60 is a leap second, which the clock of a computer does not have.
  if (h > 23 || m > 59 || s > 60) return std::nullopt;
  const std::chrono::sys_seconds local = std::chrono::sys_days(date) + std::chrono::hours(h) +
                                         std::chrono::minutes(m) + std::chrono::seconds(s);
  return DateTime{local - zone, zone};
}

void append_padded(std::string& out, unsigned value, unsigned width, char fill = '0') {
  std::string digits;
  append_number(digits, value);
  if (digits.size() < width) out.append(width - digits.size(), fill);
  out += digits;
}

void append_month_and_year(std::string& out, Date date) {
  out.push_back('-');
  out += kMonths[static_cast<unsigned>(date.month()) - 1];
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
}

// Cuts the next run of characters that are not in `separators`.
std::string_view next_word(std::string_view& text, std::string_view separators) {
  const std::size_t begin = text.find_first_not_of(separators);
  if (begin == std::string_view::npos) {
    text = {};
    return {};
  }
  const std::size_t end = text.find_first_of(separators, begin);
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  return word;
}

// RFC 2822 4.3: the zones that have a name.
std::chrono::minutes named_zone(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, int>, 8> kZones = {{{"EDT", -4},
                                                                       {"EST", -5},
                                                                       {"CDT", -5},
                                                                       {"CST", -6},
                                                                       {"MDT", -6},
                                                                       {"MST", -7},
                                                                       {"PDT", -7},
                                                                       {"PST", -8}}};
  for (const auto& [zone, hours] : kZones) {
    if (equals_ignoring_case(zone, name)) return std::chrono::hours(hours);
  }
  return 0min;
}

}  // namespace

Date DateTime::local_date() const {
  return Date(std::chrono::floor<std::chrono::days>(utc + zone));
}

std::optional<Date> parse_date(std::string_view text) {
  const std::size_t dash = text.find('-');
  // d-Mmm-yyyy or dd-Mmm-yyyy
  if ((dash != 1 && dash != 2) || text.size() != dash + 9 || text[dash + 4] != '-') {
    return std::nullopt;
  }
  const auto day = parse_digits(text.substr(0, dash));
  const auto month = parse_month(text.substr(dash + 1, 3));
  const auto year = parse_digits(text.substr(dash + 5));
  if (!day || !month || !year) return std::nullopt;
  return make_date(*year, *month, *day);
}

std::optional<DateTime> parse_date_time(std::string_view text) {
  // dd-Mmm-yyyy hh:mm:ss +zzzz; RFC 3501 section 9: date-day-fixed = (SP DIGIT) / 2DIGIT.
  if (text.size() != 26 || text[11] != ' ' || text[14] != ':' || text[17] != ':' ||
      text[20] != ' ' || text[2] != '-') {
    return std::nullopt;
  }
  const auto date = parse_date(text[0] == ' ' ? text.substr(1, 10) : text.substr(0, 11));
  const auto hours = parse_digits(text.substr(12, 2));
  const auto minutes = parse_digits(text.substr(15, 2));
  const auto seconds = parse_digits(text.substr(18, 2));
  const auto zone = parse_zone(text.substr(21));
  if (!date || !hours || !minutes || !seconds || !zone) return std::nullopt;
  return make_date_time(*date, *hours, *minutes, *seconds, *zone);
}

std::optional<DateTime> parse_date_time_tolerant(std::string_view text) {
  if (auto exact = parse_date_time(text)) return exact;
  std::string_view rest = text;
  std::string_view word = next_word(rest, " -,");
  if (!word.empty() && !is_digit(word[0])) word = next_word(rest, " -,");  // a weekday
  const auto day = parse_digits(word);
  const auto month = parse_month(next_word(rest, " -,").substr(0, 3));
  const std::string_view year_digits = next_word(rest, " -,");
  auto year = parse_digits(year_digits);
  if (!day || !month || !year) return std::nullopt;
  if (year_digits.size() <= 2) *year += *year < 50 ? 2000 : 1900;  // RFC 2822 4.3
  const auto date = make_date(*year, *month, *day);
  if (!date) return std::nullopt;

  std::string_view clock = next_word(rest, " ");
  unsigned parts[3] = {0, 0, 0};
  for (unsigned& part : parts) {
    const std::string_view digits = next_word(clock, ":.");
    if (!digits.empty()) part = parse_digits(digits).value_or(99);
  }
  const std::string_view zone_text = next_word(rest, " ");
  const auto zone = parse_zone(zone_text);
  return make_date_time(*date, parts[0], parts[1], parts[2], zone ? *zone : named_zone(zone_text));
}

void append_date(std::string& out, Date date) {
  append_number(out, static_cast<unsigned>(date.day()));
  append_month_and_year(out, date);
}

void append_date_time(std::string& out, const DateTime& time) {
  const std::chrono::sys_seconds local = time.utc + time.zone;
  const auto midnight = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::hh_mm_ss clock(local - midnight);
  const Date date(midnight);
  append_padded(out, static_cast<unsigned>(date.day()), 2, ' ');
  append_month_and_year(out, date);
  out.push_back(' ');
  append_padded(out, static_cast<unsigned>(clock.hours().count()), 2);
  out.push_back(':');
  append_padded(out, static_cast<unsigned>(clock.minutes().count()), 2);
  out.push_back(':');
  append_padded(out, static_cast<unsigned>(clock.seconds().count()), 2);
  out.append(time.zone < 0min ? " -" : " +");
  const auto zone = static_cast<unsigned>(std::chrono::abs(time.zone).count());
  append_padded(out, zone / 60, 2);
  append_padded(out, zone % 60, 2);
}

Result<Date> decode_date(Lexer& lexer) {
  const std::size_t begin = lexer.position();
  TRY(const StringToken token, lexer.astring());
  std::string scratch;
  const bool is_date_form =
      token.form == StringToken::Form::kAtom || token.form == StringToken::Form::kQuoted;
  if (is_date_form) {
    if (const auto date = parse_date(token.view(scratch))) return *date;
  }
  lexer.seek(begin);
  return lexer.expected("a date");
}

Result<DateTime> decode_date_time(Lexer& lexer) {
  const std::size_t begin = lexer.position();
  TRY(const StringToken token, lexer.string());
  if (token.form == StringToken::Form::kQuoted && !token.escaped) {
    if (const auto time = parse_date_time(token.raw)) return *time;
  }
  lexer.seek(begin);
  return lexer.expected("a date and time");
}

Result<std::optional<DateTime>> decode_date_time_tolerant(Lexer& lexer) {
  TRY(const auto text, lexer.nstring_value());
  if (!text) return std::nullopt;
  return parse_date_time_tolerant(*text);
}

void encode_date(Writer& writer, Date date) { append_date(writer.out(), date); }

void encode_date_time(Writer& writer, const DateTime& time) {
  writer.raw('"');
  append_date_time(writer.out(), time);
  writer.raw('"');
}

}  // namespace imap
