// waystation cache verify, stats, compact: on a data directory that nobody serves.
#include <unistd.h>

#include <cstdio>

#include "base/log.h"
#include "cache/database.h"
#include "proxy/admin/text_table.h"
#include "proxy/cli/commands.h"

namespace proxy {
namespace {

Result<std::unique_ptr<cache::Database>> open(const std::string& data_dir) {
  if (::access(data_dir.c_str(), F_OK) != 0) {
    return fail(Errc::kNotFound, fmt::format("there is no data directory {}", data_dir));
  }
  return cache::Database::open(data_dir, {});
}

}  // namespace

int handle_cache(const std::string& data_dir, const std::string& verb) {
  Result<std::unique_ptr<cache::Database>> database = open(data_dir);
  if (!database) {
    std::fprintf(stderr, "%s\n", database.error().text().c_str());
    return 1;
  }
  if (!(*database)->rebuilt().empty()) {
    std::fprintf(stderr, "the cache was damaged and is rebuilt from upstream: %s\n",
                 (*database)->rebuilt().c_str());
  }
  cache::Store* store = (*database)->store();
  Result<> done;
  if (verb == "verify") {
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    int shown = -1;
    done = store->verify([terminal, &shown](double part) {
      const int percent = static_cast<int>(part * 100);
      if (!terminal || percent == shown) return;
      shown = percent;
      std::fprintf(stderr, "\r%s %3d %%",
                   progress_bar(static_cast<std::uint64_t>(percent), 100, 40).c_str(), percent);
    });
    if (terminal) std::fputc('\n', stderr);
    if (done) std::printf("%s: every block and every body is sound\n", data_dir.c_str());
  } else if (verb == "compact") {
    const std::uint64_t before = store->stats().disk_bytes;
    done = store->compact();
    if (done) {
      std::printf("%s before, %s now\n", human_bytes(before).c_str(),
                  human_bytes(store->stats().disk_bytes).c_str());
    }
  } else {
    const cache::Store::Stats stats = store->stats();
    using enum TextTable::Align;
    TextTable table({{"family", kLeft}, {"on disk", kRight}});
    for (const auto& [name, bytes] : stats.family_bytes) table.add({name, human_bytes(bytes)});
    table.add({"all", human_bytes(stats.disk_bytes)});
    std::fputs(table.render(80).c_str(), stdout);
  }
  if (!done) {
    std::fprintf(stderr, "%s\n", done.error().text().c_str());
    return 1;
  }
  return 0;
}

}  // namespace proxy
