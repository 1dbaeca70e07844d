// Arbitrary bytes as a config file: a Config or a list of mistakes, and both can be printed.
#include "config/load.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = config::parse(text);
  const config::Mistakes& mistakes = loaded ? loaded->warnings : loaded.error();
  const std::string printed = config::describe(mistakes, "fuzz");
  if (!loaded) {
    bool has_error = false;
    for (const config::Mistake& mistake : mistakes) {
      has_error = has_error || mistake.severity == config::Mistake::Severity::kError;
    }
    if (!has_error) std::abort();  // refused without a reason
  }
  // One line for each, whatever is in the names.
  std::size_t lines = 0;
  for (const char c : printed) lines += c == '\n' ? 1 : 0;
  if (lines != mistakes.size()) std::abort();
  return 0;
}
