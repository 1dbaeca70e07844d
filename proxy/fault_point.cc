#include "proxy/fault_point.h"

#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>

namespace proxy {

#ifdef NDEBUG

cache::StepHook kill_at_commit() { return {}; }

#else

cache::StepHook kill_at_commit() {
  const char* wanted = std::getenv("WAYSTATION_KILL_AT_COMMIT");
  if (wanted == nullptr) return {};
  const std::string text = wanted;
  const std::size_t space = text.find(' ');
  if (space == std::string::npos) return {};
  // The steps are those of the writer thread alone.
  const auto left = std::make_shared<long>(std::strtol(text.c_str() + space, nullptr, 10));
  return [at = text.substr(0, space), left](std::string_view step) {
    if (step == at && --*left == 0) std::raise(SIGKILL);
  };
}

#endif

}  // namespace proxy
