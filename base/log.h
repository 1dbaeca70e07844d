// Log: one line per event, with the account and the mailbox that it is about.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

enum class LogLevel { kTrace, kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

/// Sets where the lines of this process go (standard error) and what they look like.
/// Thread: before any other thread logs.
void init_log(LogLevel level, LogFormat format);
/// Thread: any.
void set_log_level(LogLevel level);
Result<LogLevel> parse_log_level(std::string_view name);

/// What a line is about; empty parts are left out.
struct LogContext {
  std::string account;
  std::string mailbox;
  std::string session;  // "imap#12": a client's or an upstream connection
};

/// Writes lines that carry a context. Cheap when the level is off. Never give it a Secret.
///
/// Thread: any; a Log itself is owned by one.
class Log {
 public:
  Log() = default;
  explicit Log(LogContext context) : context_(std::move(context)) {}

  const LogContext& context() const { return context_; }
  /// The same account with one part more.
  Log with_mailbox(std::string mailbox) const;
  Log with_session(std::string session) const;

  bool enabled(LogLevel level) const;
  void write(LogLevel level, std::string_view text) const;

  template <class... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) const {
    log(LogLevel::kTrace, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) const {
    log(LogLevel::kDebug, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const {
    log(LogLevel::kInfo, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) const {
    log(LogLevel::kWarning, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) const {
    log(LogLevel::kError, format, std::forward<Args>(args)...);
  }

 private:
  template <class... Args>
  void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const {
    if (enabled(level)) write(level, fmt::format(format, std::forward<Args>(args)...));
  }
  LogContext context_;
};
