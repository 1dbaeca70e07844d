// The program's name and version, as ID, status and --version say them.
#pragma once

#include <string_view>

namespace proxy {
inline constexpr std::string_view kProgram = "Waystation";
inline constexpr std::string_view kVersion = WAYSTATION_VERSION;
}  // namespace proxy
