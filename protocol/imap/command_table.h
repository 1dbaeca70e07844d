// The table of all commands, by name.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "protocol/imap/commands.h"

namespace imap {

/// Every command; "UID FETCH" and the like are rows of their own.
std::span<const CommandInfo> command_table();
/// The row of `name`, in any case, or nullptr.
const CommandInfo* find_command(std::string_view name);

std::optional<StatusItem> parse_status_item(std::string_view name);

}  // namespace imap
