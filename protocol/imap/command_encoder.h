// Encodes commands: what we send to upstream.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/commands.h"
#include "protocol/imap/writer.h"

namespace imap {

/// A command ready to be sent. Holds the password of a LOGIN in clear: never log it.
struct EncodedCommand {
  std::string text;  // with the CRLF at its end; without the bytes of streamed messages
  /// Where to stop on the way, ascending: send text up to `offset`; wait for "+" if it says so (a
  /// NO or BAD instead ends the command: nothing more of it may be sent); send all bytes of
  /// AppendMessage number `streamed` if it names one; go on.
  std::vector<Writer::Break> breaks;
};

/// REQUIRES: `tag` is a tag; sets are not empty; in an APPEND, every message has a size.
EncodedCommand encode_command(std::string_view tag, const Command& command,
                              const WriterOptions& options = {
                                  .literals = LiteralStyle::kSynchronizing});

/// The same for a log: one line, secrets as "***", literals as quoted strings, messages as their
/// size.
std::string describe_command(std::string_view tag, const Command& command);

}  // namespace imap
