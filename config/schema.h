// The schema: the one table that the parser and docs/config.md come from.
#pragma once

#include "config/config.h"
#include "config/kinds.h"

namespace config {

const Schema<Config>& schema();

/// Checks what concerns more than one key; adds to what `reader` has found.
void check_whole(Reader& reader, const Config& config);

/// Names as keys of `accounts` and `users`; each returns what was expected, or nothing when fine.
std::string check_account_name(std::string_view name);
std::string check_user_name(std::string_view name);

}  // namespace config
