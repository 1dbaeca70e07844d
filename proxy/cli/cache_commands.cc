// waystation cache verify, stats, compact: in the program that serves the data directory, or on
// one that nobody serves.
#include <unistd.h>

#include <cstdio>

#include "base/log.h"
#include "cache/database.h"
#include "proxy/admin/cache_report.h"
#include "proxy/admin/control.h"
#include "proxy/admin/text_table.h"
#include "proxy/cli/commands.h"

namespace proxy {
namespace {

Result<CacheReport> look_here(const std::string& data_dir, const std::string& verb) {
  if (::access(data_dir.c_str(), F_OK) != 0) {
    return fail(Errc::kNotFound, fmt::format("there is no data directory {}", data_dir));
  }
  TRY(const std::unique_ptr<cache::Database> database, cache::Database::open(data_dir, {}));
  if (!database->rebuilt().empty()) {
    std::fprintf(stderr, "the cache was damaged and is rebuilt from upstream: %s\n",
                 database->rebuilt().c_str());
  }
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  int shown = -1;
  const auto progress = [terminal, &shown](double part) {
    const int percent = static_cast<int>(part * 100);
    if (!terminal || percent == shown) return;
    shown = percent;
    std::fprintf(stderr, "\r%s %3d %%",
                 progress_bar(static_cast<std::uint64_t>(percent), 100, 40).c_str(), percent);
  };
  Result<CacheReport> report = look_after_cache(*database, verb, progress, {});
  if (shown >= 0) std::fputc('\n', stderr);
  return report;
}

Result<CacheReport> look(const std::string& data_dir, const std::string& verb) {
  const Result<std::string> answer = ask_control(data_dir, {"cache", verb}, kNoDeadline);
  if (answer) return cache_report_from_json(*answer);
  // Nobody serves it.
  if (answer.error().code() == Errc::kUnavailable) return look_here(data_dir, verb);
  return fail(answer.error());
}

}  // namespace

int handle_cache(const std::string& data_dir, const std::string& verb, bool json) {
  const Result<CacheReport> report = look(data_dir, verb);
  if (!report) {
    std::fprintf(stderr, "%s\n", report.error().text().c_str());
    return 1;
  }
  const std::string text =
      json ? cache_report_to_json(*report) + '\n' : render_cache_report(*report, data_dir);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return report->is_sound() ? 0 : 1;
}

}  // namespace proxy
