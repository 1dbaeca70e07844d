// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE: RFC 3501 6.3.3 to 6.3.7; USE: RFC 6154 3.
//
// C: A1 CREATE owatagusiam/
// S: A1 OK CREATE completed
#include <algorithm>
#include <cctype>

#include "proxy/imap/handlers.h"

namespace proxy {
namespace {

struct UseName {
  std::string_view name;  // in lower case
  std::uint32_t bit;
};
constexpr UseName kUses[] = {
    {"\\all", cache::kSpecialAll},       {"\\archive", cache::kSpecialArchive},
    {"\\drafts", cache::kSpecialDrafts}, {"\\flagged", cache::kSpecialFlagged},
    {"\\junk", cache::kSpecialJunk},     {"\\sent", cache::kSpecialSent},
    {"\\trash", cache::kSpecialTrash},   {"\\important", cache::kSpecialImportant},
};

std::optional<std::uint32_t> special_use(std::string name) {
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const UseName& use : kUses) {
    if (use.name == name) return use.bit;
  }
  return std::nullopt;
}

// What the names rule out is no mistake of syntax: NO, not BAD. RFC 5530 3: CANNOT.
Result<Reply> refused(Error error) {
  if (error.code() == Errc::kInvalid || error.code() == Errc::kPermission) {
    return Reply::no(imap::Code::kCannot, error.text());
  }
  return fail(std::move(error));
}

}  // namespace

Handled handle(Session* session, imap::CreateCommand command) {
  std::string name = command.mailbox.utf8();
  // RFC 3501 6.3.3: a separator at the end says that children will follow.
  if (name.size() > 1 && name.ends_with('/')) name.pop_back();
  std::uint32_t uses = 0;
  for (const std::string& use : command.special_use) {
    const std::optional<std::uint32_t> bit = special_use(use);
    if (!bit) co_return Reply::no(imap::UnknownCode{"USEATTR"}, "This special use is not known");
    uses |= *bit;
  }
  const Place place = place_of(session->user(), name);
  if (place.name.empty())
    co_return Reply::no(imap::Code::kCannot, "This is the name of an account");
  Result<cache::MailboxId> made = co_await place.account->create_mailbox(place.name, uses);
  if (!made) co_return refused(std::move(made).error());
  co_return Reply::ok(imap::MailboxIdCode{mailbox_object_id(*place.account, *made)},
                      "CREATE completed");
}

Handled handle(Session* session, imap::DeleteCommand command) {
  const Place place = place_of(session->user(), command.mailbox.utf8());
  if (place.name.empty()) {
    co_return Reply::no(imap::Code::kCannot, "This is the name of an account");
  }
  const bool is_selected = session->selected() && session->selected()->account == place.account &&
                           session->selected()->mailbox->record().name == place.name;
  Result<> deleted = co_await place.account->delete_mailbox(place.name);
  if (!deleted) co_return refused(std::move(deleted).error());
  if (is_selected) session->unselect();
  co_return Reply::ok("DELETE completed");
}

Handled handle(Session* session, imap::RenameCommand command) {
  const Place from = place_of(session->user(), command.from.utf8());
  const Place to = place_of(session->user(), command.to.utf8());
  if (from.account != to.account) {
    co_return Reply::no(imap::Code::kCannot, "A mailbox cannot move to another account");
  }
  if (from.name.empty() || to.name.empty()) {
    co_return Reply::no(imap::Code::kCannot, "This is the name of an account");
  }
  Result<> renamed = co_await from.account->rename_mailbox(from.name, to.name);
  if (!renamed) co_return refused(std::move(renamed).error());
  co_return Reply::ok("RENAME completed");
}

Handled handle(Session* session, imap::SubscribeCommand command) {
  const Place place = place_of(session->user(), command.mailbox.utf8());
  if (place.name.empty()) {
    co_return Reply::no(imap::Code::kCannot, "This is the name of an account");
  }
  Result<> done = co_await place.account->subscribe(place.name, true);
  if (!done) co_return refused(std::move(done).error());
  co_return Reply::ok("SUBSCRIBE completed");
}

Handled handle(Session* session, imap::UnsubscribeCommand command) {
  const Place place = place_of(session->user(), command.mailbox.utf8());
  Result<> done = co_await place.account->subscribe(place.name, false);
  if (!done) co_return refused(std::move(done).error());
  co_return Reply::ok("UNSUBSCRIBE completed");
}

}  // namespace proxy
