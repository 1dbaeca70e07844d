// Command: everything that a client can ask for, as types. RFC 3501 section 6 and extensions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/secret.h"
#include "protocol/imap/date.h"
#include "protocol/imap/fetch_item.h"
#include "protocol/imap/flags.h"
#include "protocol/imap/ids.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/search_key.h"
#include "protocol/imap/sequence_set.h"

namespace imap {

// Any state.

struct CapabilityCommand {};  // RFC 3501 6.1.1
struct NoopCommand {};        // RFC 3501 6.1.2
struct LogoutCommand {};      // RFC 3501 6.1.3

/// RFC 2971 3.1: who the client is.
struct IdCommand {
  std::vector<std::pair<std::string, std::optional<std::string>>> fields;  // empty: "ID NIL"
};

// Not authenticated.

struct StartTlsCommand {};  // RFC 3501 6.2.1

/// RFC 3501 6.2.2, with the initial response of RFC 4959.
struct AuthenticateCommand {
  std::string mechanism;                   // upper case when it was decoded
  std::optional<Secret> initial_response;  // base64; empty for "=", an empty response
};

/// RFC 3501 6.2.3.
struct LoginCommand {
  std::string user;
  Secret password;
};

// Authenticated.

/// RFC 5161 3.1.
struct EnableCommand {
  std::vector<std::string> capabilities;  // as written
};

struct NamespaceCommand {};  // RFC 2342

/// RFC 4978: the mechanism is DEFLATE.
struct CompressCommand {
  std::string mechanism;
};

/// The QRESYNC parameter: RFC 7162 3.2.5.
struct QresyncParameter {
  UidValidity uid_validity;
  ModSeq mod_seq;
  std::optional<SequenceSet> known_uids;
  /// Sequence numbers and the UIDs that they had, for a client that kept some of them.
  std::optional<std::pair<SequenceSet, SequenceSet>> sequence_match;
};

/// SELECT and EXAMINE: RFC 3501 6.3.1, 6.3.2.
struct SelectCommand {
  MailboxName mailbox;
  bool read_only = false;  // EXAMINE
  bool condstore = false;  // RFC 7162 3.1.8
  std::optional<QresyncParameter> qresync = std::nullopt;
};

/// RFC 3501 6.3.3. The name may end with a separator.
struct CreateCommand {
  MailboxName mailbox;
  std::vector<std::string> special_use = {};  // "\Sent": RFC 6154 3
};

/// RFC 3501 6.3.4.
struct DeleteCommand {
  MailboxName mailbox;
};

/// RFC 3501 6.3.5.
struct RenameCommand {
  MailboxName from;
  MailboxName to;
};

/// RFC 3501 6.3.6.
struct SubscribeCommand {
  MailboxName mailbox;
};

/// RFC 3501 6.3.7.
struct UnsubscribeCommand {
  MailboxName mailbox;
};

/// What STATUS can be asked for.
enum class StatusItem : std::uint8_t {
  kMessages,
  kRecent,
  kUidNext,
  kUidValidity,
  kUnseen,
  kDeleted,        // RFC 9051 6.3.11
  kSize,           // RFC 8438
  kHighestModSeq,  // RFC 7162 3.1.7
  kMailboxId,      // RFC 8474 4.3
  kAppendLimit,    // RFC 7889 3.2
};
/// "MESSAGES" and so on.
std::string_view name_of(StatusItem item);

/// LIST, with the options of RFC 5258 3.
struct ListCommand {
  std::string reference;              // UTF-8; may be empty
  std::vector<std::string> patterns;  // UTF-8; one or more, each may be empty
  /// There were options or a list of patterns: the answer is that of RFC 5258, not of RFC 3501.
  bool extended = false;
  // Selection options.
  bool select_subscribed = false;
  bool select_remote = false;
  bool select_recursive_match = false;
  bool select_special_use = false;  // RFC 6154 2
  // Return options.
  bool return_subscribed = false;
  bool return_children = false;
  bool return_special_use = false;                                      // RFC 6154 2
  std::optional<std::vector<StatusItem>> return_status = std::nullopt;  // RFC 5819 2
};

/// RFC 3501 6.3.9.
struct LsubCommand {
  std::string reference;  // UTF-8
  std::string pattern;    // UTF-8
};

/// RFC 3501 6.3.10.
struct StatusCommand {
  MailboxName mailbox;
  std::vector<StatusItem> items;  // one or more, each once
};

/// One message of an APPEND; its bytes are in `bytes`, or went elsewhere as literal `streamed`.
struct AppendMessage {
  FlagList flags = {};
  std::optional<DateTime> internal_date = std::nullopt;
  bool binary = false;  // literal8: RFC 3516 4.4
  bool utf8 = false;    // UTF8 (~{n}): RFC 6855 4; implies binary
  std::uint64_t size_bytes = 0;
  std::optional<std::size_t> streamed = std::nullopt;
  std::string bytes = {};
};

/// RFC 3501 6.3.11; several messages at once: RFC 3502.
struct AppendCommand {
  MailboxName mailbox;
  std::vector<AppendMessage> messages;  // one or more
};

/// RFC 2177. What ends it, DONE, is not a command.
struct IdleCommand {};

// Selected.

struct CheckCommand {};     // RFC 3501 6.4.1
struct CloseCommand {};     // RFC 3501 6.4.2
struct UnselectCommand {};  // RFC 3691

/// RFC 3501 6.4.3; UID EXPUNGE: RFC 4315 2.1.
struct ExpungeCommand {
  std::optional<SequenceSet> uids = std::nullopt;  // UID EXPUNGE
};

/// What a SEARCH is to return: RFC 4731 3.1.
struct SearchReturn {
  bool min = false;
  bool max = false;
  bool all = false;
  bool count = false;
};

/// RFC 3501 6.4.4.
struct SearchCommand {
  bool uid = false;
  /// Set: answer with ESEARCH. RETURN () is RETURN (ALL).
  std::optional<SearchReturn> result = std::nullopt;
  std::string charset = {};  // as written; empty: none was named
  SearchKey key = {};
};

/// RFC 3501 6.4.5; modifiers: RFC 7162 3.1.4.1, 3.2.6.
struct FetchCommand {
  bool uid = false;
  SequenceSet set;
  std::vector<FetchItem> items;
  std::optional<ModSeq> changed_since = std::nullopt;
  bool vanished = false;  // only with uid and changed_since
};

/// RFC 3501 6.4.6; UNCHANGEDSINCE: RFC 7162 3.1.3.
struct StoreCommand {
  enum class Mode : std::uint8_t { kReplace, kAdd, kRemove };
  bool uid = false;
  SequenceSet set;
  std::optional<ModSeq> unchanged_since = std::nullopt;  // may be 0
  Mode mode = Mode::kReplace;
  bool silent = false;
  FlagList flags = {};
};

/// RFC 3501 6.4.7.
struct CopyCommand {
  bool uid = false;
  SequenceSet set;
  MailboxName mailbox;
};

/// RFC 6851 3.
struct MoveCommand {
  bool uid = false;
  SequenceSet set;
  MailboxName mailbox;
};

using Command = std::variant<
    CapabilityCommand, NoopCommand, LogoutCommand, IdCommand, StartTlsCommand, AuthenticateCommand,
    LoginCommand, EnableCommand, NamespaceCommand, CompressCommand, SelectCommand, CreateCommand,
    DeleteCommand, RenameCommand, SubscribeCommand, UnsubscribeCommand, ListCommand, LsubCommand,
    StatusCommand, AppendCommand, IdleCommand, CheckCommand, CloseCommand, UnselectCommand,
    ExpungeCommand, SearchCommand, FetchCommand, StoreCommand, CopyCommand, MoveCommand>;

struct TaggedCommand {
  std::string tag;
  Command command;
};

/// The states of a session: RFC 3501 section 3.
enum class SessionState : std::uint8_t {
  kNotAuthenticated = 1,
  kAuthenticated = 2,
  kSelected = 4,
};

/// What is known of a command from its name alone.
struct CommandInfo {
  std::string_view name;               // "UID FETCH"
  std::uint8_t states = 0;             // in which it is allowed: SessionState bits
  bool uses_sequence_numbers = false;  // in its arguments: none may shift while it waits its turn
  bool may_send_expunge = false;       // RFC 3501 7.4.1: while it runs, sequence numbers may shift
  bool changes_selection = false;      // another mailbox, or none, is selected afterwards
  bool runs_alone = false;  // nothing before it may still run, nothing after it may start

  bool allowed_in(SessionState state) const {
    return (states & static_cast<std::uint8_t>(state)) != 0;
  }
};

/// The row of the table for `command`.
const CommandInfo& info_of(const Command& command);
/// Whether this very command names messages by sequence number: as the table says, or a UID SEARCH
/// with such a key.
bool uses_sequence_numbers(const Command& command);

}  // namespace imap
