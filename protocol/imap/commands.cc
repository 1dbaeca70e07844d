#include "protocol/imap/commands.h"

#include <array>

#include "base/check.h"
#include "protocol/imap/characters.h"
#include "protocol/imap/command_table.h"

namespace imap {
namespace {

constexpr auto kNew = static_cast<std::uint8_t>(SessionState::kNotAuthenticated);
constexpr auto kAuth = static_cast<std::uint8_t>(SessionState::kAuthenticated);
constexpr auto kSelected = static_cast<std::uint8_t>(SessionState::kSelected);
constexpr std::uint8_t kAny = kNew | kAuth | kSelected;
constexpr std::uint8_t kLoggedIn = kAuth | kSelected;

// RFC 3501 5.5 says which commands may not overlap: those whose sequence numbers an EXPUNGE of
// another could shift (7.4.1), and those that change what the next one means (runs_alone).
constexpr std::array kTable = {
    // clang-format off
    //          name            states     sequence  expunge  selection  alone
    CommandInfo{"CAPABILITY",   kAny,      false,    true,    false,     false},
    CommandInfo{"NOOP",         kAny,      false,    true,    false,     false},
    CommandInfo{"LOGOUT",       kAny,      false,    false,   true,      true},
    CommandInfo{"ID",           kAny,      false,    true,    false,     false},
    CommandInfo{"STARTTLS",     kNew,      false,    false,   false,     true},
    CommandInfo{"AUTHENTICATE", kNew,      false,    false,   false,     true},
    CommandInfo{"LOGIN",        kNew,      false,    false,   false,     true},
    CommandInfo{"ENABLE",       kLoggedIn, false,    true,    false,     true},
    CommandInfo{"NAMESPACE",    kLoggedIn, false,    true,    false,     false},
    CommandInfo{"COMPRESS",     kLoggedIn, false,    false,   false,     true},
    CommandInfo{"SELECT",       kLoggedIn, false,    false,   true,      true},
    CommandInfo{"EXAMINE",      kLoggedIn, false,    false,   true,      true},
    CommandInfo{"CREATE",       kLoggedIn, false,    true,    false,     false},
    CommandInfo{"DELETE",       kLoggedIn, false,    true,    false,     false},
    CommandInfo{"RENAME",       kLoggedIn, false,    true,    false,     false},
    CommandInfo{"SUBSCRIBE",    kLoggedIn, false,    true,    false,     false},
    CommandInfo{"UNSUBSCRIBE",  kLoggedIn, false,    true,    false,     false},
    CommandInfo{"LIST",         kLoggedIn, false,    true,    false,     false},
    CommandInfo{"LSUB",         kLoggedIn, false,    true,    false,     false},
    CommandInfo{"STATUS",       kLoggedIn, false,    true,    false,     false},
    CommandInfo{"APPEND",       kLoggedIn, false,    true,    false,     false},
    CommandInfo{"IDLE",         kLoggedIn, false,    true,    false,     true},
    CommandInfo{"CHECK",        kSelected, false,    true,    false,     false},
    CommandInfo{"CLOSE",        kSelected, false,    false,   true,      true},
    CommandInfo{"UNSELECT",     kSelected, false,    false,   true,      true},
    CommandInfo{"EXPUNGE",      kSelected, false,    true,    false,     false},
    CommandInfo{"UID EXPUNGE",  kSelected, false,    true,    false,     false},
    CommandInfo{"SEARCH",       kSelected, true,     false,   false,     false},
    CommandInfo{"UID SEARCH",   kSelected, false,    true,    false,     false},
    CommandInfo{"FETCH",        kSelected, true,     false,   false,     false},
    CommandInfo{"UID FETCH",    kSelected, false,    true,    false,     false},
    CommandInfo{"STORE",        kSelected, true,     false,   false,     false},
    CommandInfo{"UID STORE",    kSelected, false,    true,    false,     false},
    CommandInfo{"COPY",         kSelected, true,     true,    false,     false},
    CommandInfo{"UID COPY",     kSelected, false,    true,    false,     false},
    CommandInfo{"MOVE",         kSelected, true,     true,    false,     false},
    CommandInfo{"UID MOVE",     kSelected, false,    true,    false,     false},
    // clang-format on
};

struct Namer {
  std::string_view operator()(const CapabilityCommand&) const { return "CAPABILITY"; }
  std::string_view operator()(const NoopCommand&) const { return "NOOP"; }
  std::string_view operator()(const LogoutCommand&) const { return "LOGOUT"; }
  std::string_view operator()(const IdCommand&) const { return "ID"; }
  std::string_view operator()(const StartTlsCommand&) const { return "STARTTLS"; }
  std::string_view operator()(const AuthenticateCommand&) const { return "AUTHENTICATE"; }
  std::string_view operator()(const LoginCommand&) const { return "LOGIN"; }
  std::string_view operator()(const EnableCommand&) const { return "ENABLE"; }
  std::string_view operator()(const NamespaceCommand&) const { return "NAMESPACE"; }
  std::string_view operator()(const CompressCommand&) const { return "COMPRESS"; }
  std::string_view operator()(const SelectCommand& select) const {
    return select.read_only ? "EXAMINE" : "SELECT";
  }
  std::string_view operator()(const CreateCommand&) const { return "CREATE"; }
  std::string_view operator()(const DeleteCommand&) const { return "DELETE"; }
  std::string_view operator()(const RenameCommand&) const { return "RENAME"; }
  std::string_view operator()(const SubscribeCommand&) const { return "SUBSCRIBE"; }
  std::string_view operator()(const UnsubscribeCommand&) const { return "UNSUBSCRIBE"; }
  std::string_view operator()(const ListCommand&) const { return "LIST"; }
  std::string_view operator()(const LsubCommand&) const { return "LSUB"; }
  std::string_view operator()(const StatusCommand&) const { return "STATUS"; }
  std::string_view operator()(const AppendCommand&) const { return "APPEND"; }
  std::string_view operator()(const IdleCommand&) const { return "IDLE"; }
  std::string_view operator()(const CheckCommand&) const { return "CHECK"; }
  std::string_view operator()(const CloseCommand&) const { return "CLOSE"; }
  std::string_view operator()(const UnselectCommand&) const { return "UNSELECT"; }
  std::string_view operator()(const ExpungeCommand& expunge) const {
    return expunge.uids ? "UID EXPUNGE" : "EXPUNGE";
  }
  std::string_view operator()(const SearchCommand& search) const {
    return search.uid ? "UID SEARCH" : "SEARCH";
  }
  std::string_view operator()(const FetchCommand& fetch) const {
    return fetch.uid ? "UID FETCH" : "FETCH";
  }
  std::string_view operator()(const StoreCommand& store) const {
    return store.uid ? "UID STORE" : "STORE";
  }
  std::string_view operator()(const CopyCommand& copy) const {
    return copy.uid ? "UID COPY" : "COPY";
  }
  std::string_view operator()(const MoveCommand& move) const {
    return move.uid ? "UID MOVE" : "MOVE";
  }
};

struct StatusRow {
  std::string_view name;
  StatusItem item;
};

constexpr std::array kStatusItems = {
    StatusRow{"MESSAGES", StatusItem::kMessages},
    StatusRow{"RECENT", StatusItem::kRecent},
    StatusRow{"UIDNEXT", StatusItem::kUidNext},
    StatusRow{"UIDVALIDITY", StatusItem::kUidValidity},
    StatusRow{"UNSEEN", StatusItem::kUnseen},
    StatusRow{"DELETED", StatusItem::kDeleted},
    StatusRow{"SIZE", StatusItem::kSize},
    StatusRow{"HIGHESTMODSEQ", StatusItem::kHighestModSeq},
    StatusRow{"MAILBOXID", StatusItem::kMailboxId},
    StatusRow{"APPENDLIMIT", StatusItem::kAppendLimit},
};

}  // namespace

std::span<const CommandInfo> command_table() { return kTable; }

const CommandInfo* find_command(std::string_view name) {
  for (const CommandInfo& info : kTable) {
    if (equals_ignoring_case(info.name, name)) return &info;
  }
  return nullptr;
}

const CommandInfo& info_of(const Command& command) {
  const CommandInfo* info = find_command(std::visit(Namer{}, command));
  CHECK(info != nullptr);
  return *info;
}

bool uses_sequence_numbers(const Command& command) {
  const auto* search = std::get_if<SearchCommand>(&command);
  if (search && search->key.mentions(SearchKind::kSequence)) return true;
  return info_of(command).uses_sequence_numbers;
}

std::string_view name_of(StatusItem item) {
  for (const StatusRow& row : kStatusItems) {
    if (row.item == item) return row.name;
  }
  return "";
}

std::optional<StatusItem> parse_status_item(std::string_view name) {
  for (const StatusRow& row : kStatusItems) {
    if (equals_ignoring_case(row.name, name)) return row.item;
  }
  return std::nullopt;
}

}  // namespace imap
