#include "proxy/demo/messages.h"

#include <array>
#include <chrono>
#include <random>
#include <string_view>

#include "base/log.h"
#include "protocol/sasl/base64.h"

namespace proxy {
namespace {

constexpr std::array<std::string_view, 8> kPeople = {
    "Ada Byron",     "Grace Hopper",   "=?utf-8?Q?J=C3=BCrgen_Gro=C3=9F?=", "Mary Jackson",
    "Radia Perlman", "Katherine Park", "=?utf-8?Q?Zo=C3=A9_Dubois?=",       "Alan Reed"};
constexpr std::array<std::string_view, 24> kWords = {
    "train",  "station", "schedule", "parcel",  "letter",  "window", "garden", "coffee",
    "report", "meeting", "invoice",  "harbour", "weather", "travel", "ticket", "photo",
    "budget", "draft",   "question", "answer",  "signal",  "bridge", "winter", "music"};

std::string words(std::mt19937_64* random, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += i % 12 == 0 ? "\r\n" : " ";
    text += kWords[(*random)() % kWords.size()];
  }
  return text;
}

}  // namespace

std::int64_t demo_date(std::size_t n) {
  constexpr std::int64_t kFirst = 1'700'000'000;
  return kFirst + static_cast<std::int64_t>(n) * 3'600;
}

std::string demo_message(std::size_t n) {
  std::mt19937_64 random(n * 7919 + 17);
  const std::size_t from = random() % kPeople.size();
  const std::size_t length = 40 + (random() % 10 == 0 ? random() % 20'000 : random() % 400);
  const std::chrono::sys_seconds when{std::chrono::seconds(demo_date(n))};
  const auto day = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(when - day);
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::string message = fmt::format(
      "From: {} <person{}@example.org>\r\nTo: You <you@example.org>\r\nSubject: {}\r\n"
      "Date: {} {} {} {:02}:{:02}:{:02} +0000\r\nMessage-ID: <{}.demo@example.org>\r\n"
      "MIME-Version: 1.0\r\n",
      kPeople[from], from, words(&random, 3 + random() % 4), static_cast<unsigned>(date.day()),
      kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
      time.hours().count(), time.minutes().count(), time.seconds().count(), n);
  const std::string text = words(&random, length);
  switch (random() % 3) {
    case 0:
      return message + "Content-Type: text/plain; charset=utf-8\r\n\r\n" + text + "\r\n";
    case 1:
      return message +
             fmt::format(
                 "Content-Type: multipart/alternative; boundary=\"alt{0}\"\r\n\r\n"
                 "--alt{0}\r\nContent-Type: text/plain\r\n\r\n{1}\r\n"
                 "--alt{0}\r\nContent-Type: text/html\r\n\r\n<p>{1}</p>\r\n--alt{0}--\r\n",
                 n, text);
    default:
      break;
  }
  std::string bytes(600 + random() % 9'000, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  std::string encoded;
  const std::string line = sasl::base64_encode(bytes);
  for (std::size_t at = 0; at < line.size(); at += 76) encoded += line.substr(at, 76) + "\r\n";
  return message + fmt::format(
                       "Content-Type: multipart/mixed; boundary=\"mix{0}\"\r\n\r\n--mix{0}\r\n"
                       "Content-Type: text/plain\r\n\r\n{1}\r\n--mix{0}\r\n"
                       "Content-Type: image/png; name=\"photo{0}.png\"\r\n"
                       "Content-Disposition: attachment; filename=\"photo{0}.png\"\r\n"
                       "Content-Transfer-Encoding: base64\r\n\r\n{2}--mix{0}--\r\n",
                       n, text, encoded);
}

}  // namespace proxy
