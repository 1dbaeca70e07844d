// Decodes commands, strictly: what our clients send.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/imap/commands.h"
#include "protocol/imap/frame.h"

namespace imap {

struct CommandLimits {
  std::size_t set_ranges = 65'536;
  std::size_t fetch_items = 256;
  std::size_t list_patterns = 100;
  std::size_t append_messages = 100;
  std::size_t flags = 1'000;
  std::size_t names = 100;  // of ENABLE, ID and CREATE (USE)
  SearchLimits search = {};
};

struct CommandOptions {
  bool utf8 = false;  // UTF8=ACCEPT is enabled (RFC 6855 3)
  CommandLimits limits = {};
};

/// Why a frame is no command.
struct CommandError {
  std::string tag;               // empty: none could be read, so the answer is "* BAD"
  std::string_view name;         // of the command, if it is known: "UID FETCH"
  bool unknown_command = false;  // there is a tag, but no command of that name
  Error error;                   // kInvalid or kLimit; for the client to read, without its input
};

/// Decodes a whole frame.
///
/// Lifetime: the result owns all that it holds.
std::expected<TaggedCommand, CommandError> decode_command(const Frame& frame,
                                                          const CommandOptions& options = {});

/// Reads the tag of whatever a client sent, for the answer to a frame that the Framer rejected;
/// empty if there is none.
std::string_view find_tag(std::string_view text);

/// What a client has said of an APPEND when the literal with a message comes.
struct AppendStart {
  std::string tag;
  MailboxName mailbox;
  std::size_t message_index = 0;  // above 0 in a MULTIAPPEND (RFC 3502)
};

/// Looks at a frame up to and with the header of its last literal (Framer::partial_frame()): the
/// APPEND whose message the literal is, or nothing when it is another literal, of a mailbox name,
/// say.
std::optional<AppendStart> find_append_start(const Frame& partial,
                                             const CommandOptions& options = {});

}  // namespace imap
