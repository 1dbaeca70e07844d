#include "upstream/profiles.h"

#include <algorithm>
#include <cctype>

namespace upstream {
namespace {

using namespace std::chrono_literals;
using imap::Capability;

// QRESYNC is announced, ENABLE not confirmed, VANISHED malformed.
constexpr Capability kNoQresync[] = {Capability::kQresync};
// LIST with RETURN yields nothing, or is refused.
constexpr Capability kPlainList[] = {Capability::kListExtended, Capability::kListStatus};

/// How a server is known: each word that is not empty is looked for, in small letters, and one
/// found is enough.
struct Row {
  std::string_view host;        // the end of the host's name
  std::string_view text;        // in the greeting or ID
  std::string_view capability;  // exactly
  Profile profile;
};

// The first row that fits counts: services before the software that they run.
constexpr Row kRows[] = {
    {".gmail.com", "gimap", "X-GM-EXT-1", {.name = "Gmail", .set_bytes = 8'000}},
    {".mail.me.com",
     "icloud",
     "XAPPLEPUSHSERVICE",
     {.name = "iCloud", .idle_renewal = 5min, .faulty = kNoQresync}},
    {".mail.yahoo.com",
     "yahoo",
     "",
     {.name = "Yahoo", .idle_renewal = 3min, .set_bytes = 800, .shown_messages = 10'000}},
    {".mail.aol.com",
     "aol imap",
     "",
     {.name = "AOL", .idle_renewal = 3min, .set_bytes = 800, .shown_messages = 10'000}},
    {".163.com",
     "coremail",
     "",
     {.name = "Coremail", .keepalive = 50s, .keepalive_by_status = true, .set_bytes = 2'000}},
    {".126.com", "", "", {.name = "Coremail", .keepalive = 50s, .keepalive_by_status = true}},
    {".qq.com", "qqmail", "", {.name = "QQ", .set_bytes = 2'000}},
    {".yandex.ru", "yandex", "", {.name = "Yandex", .idle_renewal = 3min}},
    {".yandex.com", "", "", {.name = "Yandex", .idle_renewal = 3min}},
    {".mail.ru", "mail.ru", "", {.name = "mail.ru"}},
    {".rambler.ru", "", "", {.name = "Rambler", .idle_renewal = 50s}},
    {".zoho.com", "zoho", "", {.name = "Zoho", .set_bytes = 2'000}},
    {".gmx.net", "gmx", "", {.name = "GMX"}},
    {".web.de", "", "", {.name = "GMX"}},
    {".strato.de", "", "", {.name = "Strato", .faulty = kPlainList}},
    {".fastmail.com", "", "", {.name = "Fastmail"}},
    {"", "protonmail bridge", "", {.name = "Proton Bridge", .faulty = kPlainList}},
    {"", "proton mail bridge", "", {.name = "Proton Bridge", .faulty = kPlainList}},
    {".office365.com",
     "microsoft exchange",
     "",
     {.name = "Exchange", .idle_renewal = 4min, .set_bytes = 8'000}},
    {".outlook.com", "", "", {.name = "Exchange", .idle_renewal = 4min, .set_bytes = 8'000}},
    {"", "davmail", "", {.name = "DavMail"}},
    {"", "domino", "", {.name = "Domino", .set_bytes = 2'000}},
    {"", "hmailserver", "", {.name = "hMailServer", .set_bytes = 2'000}},
    {"", "zimbra", "", {.name = "Zimbra"}},
    {"", "courier", "", {.name = "Courier", .set_bytes = 4'000}},
    {"", "cyrus", "", {.name = "Cyrus"}},
    {"", "dovecot", "", {.name = "Dovecot"}},
};

constexpr Profile kUnknown;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

const Profile& recognize(const ServerFacts& facts) {
  const std::string host = "." + lower(facts.host);
  const std::string text = lower(facts.greeting) + "\n" + lower(facts.id);
  for (const Row& row : kRows) {
    const bool by_host = !row.host.empty() && host.ends_with(row.host);
    const bool by_text = !row.text.empty() && text.find(row.text) != std::string::npos;
    const bool by_capability = !row.capability.empty() && facts.capabilities != nullptr &&
                               facts.capabilities->has(row.capability);
    if (by_host || by_text || by_capability) return row.profile;
  }
  return kUnknown;
}

}  // namespace upstream
