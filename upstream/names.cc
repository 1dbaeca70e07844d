#include "upstream/names.h"

#include <algorithm>

#include "base/log.h"

namespace upstream {
namespace {

constexpr std::string_view kDivisionSlash = "\xe2\x88\x95";  // U+2215

void replace_all(std::string* text, std::string_view from, std::string_view to) {
  for (std::size_t at = text->find(from); at != std::string::npos;
       at = text->find(from, at + to.size())) {
    text->replace(at, from.size(), to);
  }
}

}  // namespace

std::string our_name(const Namespace& space, const imap::MailboxName& theirs, char delimiter) {
  if (theirs.is_inbox()) return "INBOX";
  std::string name = theirs.utf8();
  if (!space.prefix.empty() && name.size() > space.prefix.size() &&
      name.starts_with(space.prefix)) {
    name.erase(0, space.prefix.size());
  }
  if (delimiter != '/') {
    replace_all(&name, "/", kDivisionSlash);
    if (delimiter != 0) std::ranges::replace(name, delimiter, '/');
  }
  // Courier and others let a trailing delimiter stand for "may have children".
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  return name;
}

Result<imap::MailboxName> their_name(const Namespace& space, std::string_view ours) {
  if (ours == "INBOX") return imap::MailboxName::inbox();
  std::string name(ours);
  if (space.delimiter != '/') {
    if (space.delimiter == 0 && name.find('/') != std::string::npos) {
      return fail(Errc::kInvalid, "upstream has no mailboxes below others");
    }
    if (space.delimiter != 0 && name.find(space.delimiter) != std::string::npos) {
      return fail(Errc::kInvalid,
                  fmt::format("upstream separates levels with \"{}\", so no name may hold one",
                              space.delimiter));
    }
    if (space.delimiter != 0) std::ranges::replace(name, '/', space.delimiter);
    replace_all(&name, kDivisionSlash, "/");
  }
  // What lies below INBOX lies there with the prefix as well as without it.
  if (!space.prefix.empty() && !name.starts_with(space.prefix)) name.insert(0, space.prefix);
  return imap::MailboxName::make(name);
}

}  // namespace upstream
