#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <memory>

namespace {

std::atomic<LogFormat> g_format = LogFormat::kText;

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// One line per event, whatever a server or a client put into the text: control bytes become \xNN.
void append_escaped(std::string* out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(*out), "\\x{:02x}", byte);
    } else {
      out->push_back(c);
    }
  }
}

// How many bytes the character at the front has; 0 when it is not UTF-8 (RFC 3629 4).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // No overlong forms, no surrogates, nothing above U+10FFFF.
  const unsigned lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < lowest || byte(1) > highest) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

void append_json_string(std::string* out, std::string_view text) {
  out->push_back('"');
  while (!text.empty()) {
    const char c = text.front();
    const auto byte = static_cast<unsigned char>(c);
    const std::size_t length = utf8_length(text);
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (byte < 0x20 || byte == 0x7f || length == 0) {
      // A byte that is no text is shown as the character of its number.
      fmt::format_to(std::back_inserter(*out), "\\u{:04x}", byte);
    } else {
      out->append(text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out->push_back('"');
}

}  // namespace

void init_log(LogLevel level, LogFormat format) {
  auto logger = std::make_shared<spdlog::logger>("waystation",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  g_format = format;
  logger->set_pattern(format == LogFormat::kText
                          ? "%Y-%m-%dT%H:%M:%S.%e%z %^%-7l%$ %v"
                          : R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})");
  logger->set_level(spdlog_level(level));
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

void set_log_level(LogLevel level) { spdlog::set_level(spdlog_level(level)); }

Result<LogLevel> parse_log_level(std::string_view name) {
  if (name == "trace") return LogLevel::kTrace;
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return fail(Errc::kInvalid, fmt::format("unknown log level \"{}\": expected trace, debug, info, "
                                          "warning or error",
                                          name));
}

Log Log::with_mailbox(std::string mailbox) const {
  Log log = *this;
  log.context_.mailbox = std::move(mailbox);
  return log;
}

Log Log::with_session(std::string session) const {
  Log log = *this;
  log.context_.session = std::move(session);
  return log;
}

bool Log::enabled(LogLevel level) const {
  return spdlog::default_logger_raw()->should_log(spdlog_level(level));
}

void Log::write(LogLevel level, std::string_view text) const {
  std::string line;
  if (g_format == LogFormat::kJson) {
    const auto field = [&line](std::string_view name, std::string_view value) {
      if (value.empty()) return;
      fmt::format_to(std::back_inserter(line), "\"{}\":", name);
      append_json_string(&line, value);
      line.push_back(',');
    };
    field("account", context_.account);
    field("mailbox", context_.mailbox);
    field("session", context_.session);
    line += "\"text\":";
    append_json_string(&line, text);
  } else {
    const auto part = [&line](std::string_view value, std::string_view end) {
      if (value.empty()) return;
      append_escaped(&line, value);
      line += end;
    };
    const bool bracketed = !context_.account.empty() || !context_.mailbox.empty();
    if (bracketed) line.push_back('[');
    part(context_.account, context_.mailbox.empty() ? "" : "/");
    part(context_.mailbox, "");
    if (bracketed) line += "] ";
    part(context_.session, ": ");
    append_escaped(&line, text);
  }
  spdlog::default_logger_raw()->log(spdlog_level(level), line);
}
