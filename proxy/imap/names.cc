#include "proxy/imap/names.h"

#include <strings.h>

#include "base/log.h"
#include "protocol/imap/number.h"

namespace proxy {

Place place_of(const User& user, std::string_view name) {
  for (const Mount& mount : user.mounts) {
    if (mount.prefix.empty()) continue;
    if (name == mount.prefix) return {mount.account, {}};
    if (name.starts_with(mount.prefix) && name.substr(mount.prefix.size()).starts_with('/')) {
      std::string_view inner = name.substr(mount.prefix.size() + 1);
      // INBOX of any case is one mailbox, in every account (RFC 3501 5.1).
      const bool inbox = inner.size() == 5 && ::strncasecmp(inner.data(), "INBOX", 5) == 0;
      return {mount.account, inbox ? std::string("INBOX") : std::string(inner)};
    }
  }
  return {user.mounts.front().account, std::string(name)};
}

std::string client_name(const Mount& mount, std::string_view name) {
  return mount.prefix.empty() ? std::string(name) : fmt::format("{}/{}", mount.prefix, name);
}

const Mount& mount_of(const User& user, const cache::Account* account) {
  for (const Mount& mount : user.mounts) {
    if (mount.account == account) return mount;
  }
  return user.mounts.front();
}

bool is_selectable(const cache::Account& account, const cache::MailboxRecord& record) {
  if (account.is_local() || record.upstream.uids_known) return true;
  // One that is not on upstream's list was made here and is not there yet.
  return account.is_listed() && record.upstream.name.empty();
}

std::string mailbox_object_id(const cache::Account& account, cache::MailboxId id) {
  return fmt::format("A{}B{}", account.id().value(), id.value());
}

void append_email_object_id(cache::MessageId id, std::string* out) {
  out->push_back('M');
  imap::append_number(*out, id.value());
}

}  // namespace proxy
