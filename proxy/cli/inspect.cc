// Commands that look at a program that runs: status and queue.
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
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
  if (words.front() == "list" && !json) {
    const Result<std::vector<QueueRow>> rows = queue_from_json(*text);
    if (!rows) return report(rows.error());
    std::fputs(render_queue(*rows, now_seconds(), terminal_columns()).c_str(), stdout);
    return 0;
  }
  std::fwrite(text->data(), 1, text->size(), stdout);
  return 0;
}

int set_trace(const std::string& data_dir, const std::string& what, const std::string& which,
              bool on) {
  const Result<std::string> done = ask_control(data_dir, {"trace", what, which, on ? "on" : "off"});
  return done ? 0 : report(done.error());
}

}  // namespace proxy
