// Names: from what a client calls a mailbox to the account and the record behind it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cache/account.h"
#include "proxy/users.h"

namespace proxy {

/// A client's name, split: which account, and the name in it.
struct Place {
  cache::Account* account = nullptr;
  std::string name;  // UTF-8, "/"; "INBOX" in capitals
};

/// Where `name` lies: below the prefix of a further account, or in the first one. The bare prefix
/// of an account is no mailbox: its place has an empty name.
Place place_of(const User& user, std::string_view name);
/// The client's name of `name` in the account that is mounted there.
std::string client_name(const Mount& mount, std::string_view name);
/// The mount of `account`.
const Mount& mount_of(const User& user, const cache::Account* account);

/// Whether the messages of a mailbox are known: not before its first sync has listed the UIDs.
bool is_selectable(const cache::Account& account, const cache::MailboxRecord& record);

/// MAILBOXID and EMAILID (RFC 8474): unique over the accounts that one user sees.
std::string mailbox_object_id(const cache::Account& account, cache::MailboxId id);
void append_email_object_id(cache::MessageId id, std::string* out);

}  // namespace proxy
