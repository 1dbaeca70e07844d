// Transcripts as text, read into scripts.
#include <charconv>
#include <sstream>

#include "tests/support/script_pattern.h"
#include "tests/support/scripted_server.h"

namespace support {
namespace {

template <class T>
bool parse_number(std::string_view text, T* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

// `silence 500ms`, `fill 1000 x`, `drain`, `close`, `reset`
std::optional<Step> parse_action(const std::string& text) {
  std::istringstream words(text);
  std::string name;
  std::string first;
  std::string second;
  words >> name >> first >> second;
  if (name == "drain") return Drain{};
  if (name == "close") return Close{};
  if (name == "reset") return Reset{};
  if (name == "silence" && first.ends_with("ms")) {
    long count = 0;
    if (!parse_number(std::string_view(first).substr(0, first.size() - 2), &count)) return {};
    return Silence{std::chrono::milliseconds(count)};
  }
  if (name == "fill" && second.size() == 1) {
    SendFill fill{0, second[0]};
    if (!parse_number(first, &fill.count)) return {};
    return fill;
  }
  return {};
}

}  // namespace

Result<std::vector<Script>> parse_upstream_script(std::string_view transcript) {
  std::vector<Script> scripts;
  std::istringstream lines{std::string(transcript)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto wrong = [&](const char* what) {
      return fail(Errc::kInvalid, "line " + std::to_string(number) + ": " + what + ": " + line);
    };
    if (line.size() < 3 || line[0] != 'U') continue;
    const std::string mark = line.substr(0, 3);
    if (mark != "UC:" && mark != "US:" && mark != "US-" && mark != "US!") continue;
    const std::string text = line.size() > 4 ? line.substr(4) : "";
    if (mark == "US!" && text == "accept") {
      scripts.emplace_back();
      continue;
    }
    if (scripts.empty()) scripts.emplace_back();
    if (mark == "US!") {
      const auto action = parse_action(text);
      if (!action) return wrong("no such action");
      scripts.back().push_back(*action);
      continue;
    }
    auto plain = unescape(text);
    if (!plain) return wrong("unknown escape");
    if (mark == "UC:") {
      scripts.back().push_back(Expect{std::move(*plain)});
    } else {
      scripts.back().push_back(Send{*plain + (mark == "US:" ? "\r\n" : "")});
    }
  }
  return scripts;
}

}  // namespace support
