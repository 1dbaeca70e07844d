// Commands that look at a program that runs: status and queue.
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/log.h"
#include "proxy/admin/control.h"
#include "proxy/admin/queue.h"
#include "proxy/admin/status.h"
#include "proxy/cli/commands.h"

namespace proxy {
namespace {

std::size_t terminal_columns() {
  struct winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 100;
}

std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int report(const Error& error) {
  std::fprintf(stderr, "%s\n", error.text().c_str());
  return 1;
}

}  // namespace

int show_status(const std::string& data_dir, bool json, bool watch) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  do {
    const Result<std::string> text = ask_control(data_dir, {"status"});
    // Who watches on a terminal sees the program stop and come back.
    const bool stay = watch && terminal && !json;
    if (!text && !stay) return report(text.error());
    if (stay) std::fputs("\x1b[H\x1b[J", stdout);
    if (!text) {
      std::printf("%s\n", text.error().text().c_str());
    } else if (json) {
      std::printf("%s\n", text->c_str());
    } else {
      const Result<StatusReport> status = status_from_json(*text);
      if (!status) return report(status.error());
      std::fputs(render_status(*status, terminal_columns(), terminal).c_str(), stdout);
    }
    std::fflush(stdout);
    if (watch) std::this_thread::sleep_for(std::chrono::seconds(1));
  } while (watch);
  return 0;
}

int handle_queue(const std::string& data_dir, const std::vector<std::string>& words, bool json) {
  std::vector<std::string> request = {"queue"};
  request.insert(request.end(), words.begin(), words.end());
  const Result<std::string> text = ask_control(data_dir, request);
  if (!text) return report(text.error());
  if (json) {
    std::printf("%s\n", text->c_str());
    return 0;
  }
  const Result<std::vector<QueueRow>> rows = queue_from_json(*text);
  if (!rows) return report(rows.error());
  if (words.front() == "list") {
    std::fputs(render_queue(*rows, now_seconds(), terminal_columns()).c_str(), stdout);
  } else {
    std::fputs(render_queue_row(rows->front(), now_seconds()).c_str(), stdout);
  }
  return 0;
}

int export_entry(const std::string& data_dir, const std::string& account, const std::string& entry,
                 const std::string& directory) {
  if (directory.empty()) {
    const Result<std::string> bytes =
        ask_control(data_dir, {"queue", "export", account, entry}, kNoDeadline);
    if (!bytes) return report(bytes.error());
    std::fwrite(bytes->data(), 1, bytes->size(), stdout);
    return 0;
  }
  const Result<std::string> list = ask_control(data_dir, {"queue", "messages", account, entry});
  if (!list) return report(list.error());
  const Result<std::vector<std::uint32_t>> uids = uids_from_json(*list);
  if (!uids) return report(uids.error());
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  for (const std::uint32_t uid : *uids) {
    const Result<std::string> bytes = ask_control(
        data_dir, {"queue", "export", account, entry, std::to_string(uid)}, kNoDeadline);
    if (!bytes) return report(bytes.error());
    const std::string path = fmt::format("{}/{}-{}-{}.eml", directory, account, entry, uid);
    std::ofstream file(path, std::ios::binary);
    file << *bytes;
    file.close();
    if (!file) return report({Errc::kIo, fmt::format("cannot write {}", path)});
    std::printf("%s\n", path.c_str());
  }
  if (uids->empty()) return report({Errc::kNotFound, "no message of this entry is cached here"});
  return 0;
}

int set_trace(const std::string& data_dir, const std::string& what, const std::string& which,
              bool on) {
  const Result<std::string> done = ask_control(data_dir, {"trace", what, which, on ? "on" : "off"});
  return done ? 0 : report(done.error());
}

}  // namespace proxy
