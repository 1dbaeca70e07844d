// LIST and LSUB: RFC 3501 6.3.8, 6.3.9; LIST-EXTENDED: RFC 5258; SPECIAL-USE: RFC 6154;
// LIST-STATUS: RFC 5819.
//
// C: A1 LIST "" "%"
// S: * LIST (\HasChildren) "/" INBOX
// S: * LIST (\HasNoChildren \Sent) "/" Sent
// S: A1 OK LIST completed
#include <algorithm>
#include <map>

#include "proxy/imap/handlers.h"
#include "proxy/imap/status_items.h"

namespace proxy {
namespace {

using imap::ListAttribute;

struct SpecialUse {
  std::uint32_t stored;
  ListAttribute shown;
};
constexpr SpecialUse kSpecialUses[] = {
    {cache::kSpecialAll, ListAttribute::kAll},
    {cache::kSpecialArchive, ListAttribute::kArchive},
    {cache::kSpecialDrafts, ListAttribute::kDrafts},
    {cache::kSpecialFlagged, ListAttribute::kFlagged},
    {cache::kSpecialJunk, ListAttribute::kJunk},
    {cache::kSpecialSent, ListAttribute::kSent},
    {cache::kSpecialTrash, ListAttribute::kTrash},
    {cache::kSpecialImportant, ListAttribute::kImportant},
};

// A name that may be listed.
struct Listed {
  cache::Account* account = nullptr;
  cache::MailboxId id;  // none: a name without a mailbox
  std::uint32_t stored = 0;
  bool exists = false;
  bool subscribed = false;
};

// RFC 3501 6.3.8: levels of the hierarchy are listed too, also those that are no mailboxes.
void add_parents(std::map<std::string, Listed>* names) {
  std::vector<std::pair<std::string, cache::Account*>> missing;
  for (const auto& [name, listed] : *names) {
    for (std::size_t at = name.rfind('/'); at != std::string::npos && at > 0;
         at = name.rfind('/', at - 1)) {
      if (!names->contains(name.substr(0, at))) {
        missing.emplace_back(name.substr(0, at), listed.account);
      }
    }
  }
  for (auto& [name, account] : missing) (*names)[name].account = account;
}

// All names of a user, parents that are no mailboxes among them, in byte order.
std::map<std::string, Listed> all_names(const User& user) {
  std::map<std::string, Listed> names;
  for (const Mount& mount : user.mounts) {
    if (!mount.prefix.empty()) {
      Listed& root = names[mount.prefix];
      root.account = mount.account;
      root.exists = true;
      root.stored = cache::kNoSelect;
    }
    for (const auto& [name, record] : mount.account->mailboxes()) {
      Listed& listed = names[client_name(mount, name)];
      listed.account = mount.account;
      listed.id = record->id;
      listed.stored = record->attributes;
      listed.exists = (record->attributes & cache::kNonExistent) == 0;
    }
    for (const auto& [name, subscribed] : mount.account->subscriptions()) {
      if (!subscribed) continue;
      Listed& listed = names[client_name(mount, name)];
      listed.account = mount.account;
      listed.subscribed = true;
    }
  }
  add_parents(&names);
  return names;
}

bool has_children(const std::map<std::string, Listed>& names, const std::string& name) {
  const std::string prefix = name + '/';
  for (auto it = names.lower_bound(prefix); it != names.end() && it->first.starts_with(prefix);
       ++it) {
    if (it->second.exists) return true;
  }
  return false;
}

// Whether there is a subscribed mailbox below `name` that the answer does not list itself.
template <class Matches>
bool has_unlisted_subscriptions(const std::map<std::string, Listed>& names, const std::string& name,
                                const Matches& matches) {
  const std::string prefix = name + '/';
  for (auto it = names.lower_bound(prefix); it != names.end() && it->first.starts_with(prefix);
       ++it) {
    if (it->second.subscribed && !matches(it->first)) return true;
  }
  return false;
}

imap::ListResponse response_for(const std::map<std::string, Listed>& names, const std::string& name,
                                const Listed& listed) {
  imap::ListResponse response;
  response.delimiter = '/';
  response.mailbox = imap::MailboxName::make(name).value_or(imap::MailboxName());
  if (!listed.exists) {
    // RFC 5258 3.4: the second is for clients that do not know the first.
    response.attributes.add(ListAttribute::kNonExistent);
    response.attributes.add(ListAttribute::kNoSelect);
  } else if ((listed.stored & cache::kNoSelect) != 0) {
    response.attributes.add(ListAttribute::kNoSelect);
  }
  if ((listed.stored & cache::kNoInferiors) != 0) {
    response.attributes.add(ListAttribute::kNoInferiors);
  } else {
    // RFC 3348: no extra work for us, so always told.
    response.attributes.add(has_children(names, name) ? ListAttribute::kHasChildren
                                                      : ListAttribute::kHasNoChildren);
  }
  for (const SpecialUse& use : kSpecialUses) {
    if ((listed.stored & use.stored) != 0) response.attributes.add(use.shown);
  }
  return response;
}

bool is_special(std::uint32_t stored) {
  return std::ranges::any_of(
      kSpecialUses, [stored](const SpecialUse& use) { return (stored & use.stored) != 0; });
}

// RFC 3501 6.3.8: the reference is put in front of the pattern, unless that is a whole name itself.
std::string full_pattern(const std::string& reference, const std::string& pattern) {
  if (reference.empty()) return pattern;
  return reference.ends_with('/') ? reference + pattern : reference + '/' + pattern;
}

Task<Result<>> wait_until_listed(Session* session) {
  for (const Mount& mount : session->user().mounts) {
    if (mount.account->is_listed()) continue;
    const Result<> listed = co_await mount.account->remote().ensure_listed(session->stop());
    // One account out of reach must not hide the others; the first one alone is all there is.
    if (!listed && session->user().mounts.size() == 1) co_return listed;
  }
  co_return Result<>();
}

}  // namespace

Handled handle(Session* session, imap::ListCommand command) {
  if (command.patterns.size() == 1 && command.patterns.front().empty() && !command.extended) {
    // RFC 3501 6.3.8: an empty name asks for the delimiter.
    imap::ListResponse response;
    response.attributes.add(ListAttribute::kNoSelect);
    response.delimiter = '/';
    session->write(response);
    co_return Reply::ok("LIST completed");
  }
  CO_TRY_VOID(co_await wait_until_listed(session));
  const std::map<std::string, Listed> names = all_names(session->user());
  const auto matches = [&command](const std::string& name) {
    return std::ranges::any_of(command.patterns, [&](const std::string& pattern) {
      return imap::matches_list_pattern(full_pattern(command.reference, pattern), name);
    });
  };
  for (const auto& [name, listed] : names) {
    if (!matches(name)) continue;
    imap::ListResponse response = response_for(names, name, listed);
    if (listed.subscribed && (command.return_subscribed || command.select_subscribed)) {
      response.attributes.add(ListAttribute::kSubscribed);
    }
    if (command.select_subscribed) {
      // RFC 5258 3.5: nothing of children that are listed anyway.
      const bool below =
          command.select_recursive_match && has_unlisted_subscriptions(names, name, matches);
      if (!listed.subscribed && !below) continue;
      if (below) response.child_info.emplace_back("SUBSCRIBED");
    } else if (!listed.exists && !has_children(names, name)) {
      continue;
    }
    if (command.select_special_use && !is_special(listed.stored)) continue;
    session->write(response);
    const bool selectable = listed.exists && (listed.stored & cache::kNoSelect) == 0;
    if (command.return_status && selectable) {
      // RFC 5819 2: one that cannot be answered is left out, the others go on.
      Result<imap::StatusItems> items =
          co_await status_items(session, listed.account, listed.id, *command.return_status);
      if (items) session->write(imap::StatusResponse{response.mailbox, std::move(*items)});
    }
  }
  co_return Reply::ok("LIST completed");
}

Handled handle(Session* session, imap::LsubCommand command) {
  CO_TRY_VOID(co_await wait_until_listed(session));
  const std::map<std::string, Listed> names = all_names(session->user());
  const std::string pattern = full_pattern(command.reference, command.pattern);
  std::map<std::string, imap::ListResponse> found;
  for (const auto& [name, listed] : names) {
    if (!listed.subscribed) continue;
    if (imap::matches_list_pattern(pattern, name)) {
      found[name] = response_for(names, name, listed);
      continue;
    }
    // RFC 3501 6.3.9: a parent that matches is shown for a subscribed child that "%" stops short
    // of.
    for (std::size_t at = name.rfind('/'); at != std::string::npos && at > 0;
         at = name.rfind('/', at - 1)) {
      const std::string parent = name.substr(0, at);
      if (!imap::matches_list_pattern(pattern, parent) || found.contains(parent)) continue;
      imap::ListResponse response;
      response.delimiter = '/';
      response.attributes.add(ListAttribute::kNoSelect);
      response.mailbox = imap::MailboxName::make(parent).value_or(imap::MailboxName());
      found[parent] = std::move(response);
    }
  }
  for (auto& [name, response] : found) {
    response.lsub = true;
    session->write(response);
  }
  co_return Reply::ok("LSUB completed");
}

}  // namespace proxy
