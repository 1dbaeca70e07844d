#include "upstream/answers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string>

#include "base/log.h"

namespace upstream {
namespace {

using imap::Code;

// How servers without response codes say that it will pass.
constexpr std::array<std::string_view, 14> kPassingWords = {
    "throttl",        "rate limit",   "too many",         "try again",      "temporar",
    "unavailable",    "overload",     "backoff",          "bandwidth",      "not connected",
    "internal error", "server error", "connection limit", "no longer exist"};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool sounds_passing(std::string_view text) {
  const std::string words = lower(text);
  return std::ranges::any_of(kPassingWords, [&words](std::string_view word) {
    return words.find(word) != std::string::npos;
  });
}

Errc meaning(const Answer& answer) {
  const imap::ResponseText& text = answer.text;
  // EXPUNGEISSUED: some of the messages are gone, which the next look at the mailbox finds.
  for (const Code code : {Code::kUnavailable, Code::kInUse, Code::kThrottled, Code::kServerBug,
                          Code::kContactAdmin, Code::kExpungeIssued}) {
    if (text.has(code)) return Errc::kUnavailable;
  }
  if (text.has(Code::kTryCreate) || text.has(Code::kNonExistent)) return Errc::kNotFound;
  if (text.has(Code::kAlreadyExists)) return Errc::kAlreadyExists;
  if (text.has(Code::kOverQuota) || text.has(Code::kTooBig)) return Errc::kLimit;
  if (text.has(Code::kLimit)) return Errc::kUnavailable;
  if (text.has(Code::kNoPerm) || text.has(Code::kCannot) || text.has(Code::kAuthorizationFailed)) {
    return Errc::kPermission;
  }
  if (sounds_passing(text.text)) return Errc::kUnavailable;
  const std::string words = lower(text.text);
  if (words.find("quota") != std::string::npos || words.find("too large") != std::string::npos ||
      words.find("too big") != std::string::npos) {
    return Errc::kLimit;
  }
  if (words.find("exist") != std::string::npos) {
    return words.find("n't exist") != std::string::npos ||
                   words.find("not exist") != std::string::npos ||
                   words.find("nonexist") != std::string::npos ||
                   words.find("no such") != std::string::npos
               ? Errc::kNotFound
               : Errc::kAlreadyExists;
  }
  // imap4d's "NO UID COPY [TRYCREATE] failed".
  for (const std::string_view missing :
       {"[trycreate]", "no such", "unknown mailbox", "unknown folder", "mailbox not found",
        "folder not found"}) {
    if (words.find(missing) != std::string::npos) return Errc::kNotFound;
  }
  if (words.find("permission") != std::string::npos || words.find("denied") != std::string::npos) {
    return Errc::kPermission;
  }
  return Errc::kInvalid;
}

}  // namespace

Error error_of(const Answer& answer, std::string_view what) {
  std::string code;
  for (const Code one : {Code::kThrottled, Code::kLimit, Code::kOverQuota, Code::kUnavailable}) {
    if (answer.text.has(one)) code = fmt::format("[{}] ", imap::name_of(one));
  }
  return {meaning(answer), fmt::format("{}: {} {}{}", what, imap::name_of(answer.condition), code,
                                       answer.text.text)};
}

std::optional<std::chrono::milliseconds> throttle_of(const Error& error) {
  using std::chrono::milliseconds;
  constexpr milliseconds kUntold = std::chrono::minutes(1);
  constexpr milliseconds kMost = std::chrono::hours(1);
  const std::string words = lower(error.text());
  constexpr std::string_view kSuggested = "suggested backoff time: ";
  if (const std::size_t at = words.find(kSuggested); at != std::string::npos) {
    std::int64_t told = 0;
    const char* begin = words.data() + at + kSuggested.size();
    const auto [end, bad] = std::from_chars(begin, words.data() + words.size(), told);
    if (bad == std::errc() && told > 0) return std::min(kMost, milliseconds(told));
    // Larger than any number is larger than an hour.
    return bad == std::errc::result_out_of_range ? kMost : kUntold;
  }
  for (const std::string_view word : {"throttl", "rate limit", "[limit]", "bandwidth"}) {
    if (words.find(word) != std::string::npos) return kUntold;
  }
  return std::nullopt;
}

Error login_error(const Answer& answer) {
  const bool passing =
      answer.text.has(Code::kUnavailable) || answer.text.has(Code::kLimit) ||
      answer.text.has(Code::kThrottled) || answer.text.has(Code::kInUse) ||
      (!answer.text.has(Code::kAuthenticationFailed) && sounds_passing(answer.text.text));
  return {passing ? Errc::kUnavailable : Errc::kPermission,
          fmt::format("the server refuses the login: {}", answer.text.text)};
}

bool is_passing(const Error& error) {
  switch (error.code()) {
    case Errc::kUnavailable:
    case Errc::kTimeout:
    case Errc::kClosed:
    case Errc::kIo:
    case Errc::kProtocol:
    case Errc::kStale:
    case Errc::kCancelled:
      return true;
    default:
      return false;
  }
}

}  // namespace upstream
