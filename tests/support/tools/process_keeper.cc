// process_keeper CHANNEL UID GID PROGRAM ARGUMENTS...: runs PROGRAM and answers for all it starts.
//
// CHANNEL is a socket whose other end the test holds. When that end closes, however the test came
// to its end, or when PROGRAM exits, every descendant is killed. As a "subreaper" the keeper
// inherits daemons that detach themselves, so none escapes. UID and GID are -1 to stay as we are.
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "tests/support/tools/keeper_message.h"

namespace {

using support::KeeperMessage;

void tell(int channel, KeeperMessage::Kind kind, int value) {
  const KeeperMessage message{kind, value};
  // Nobody may be listening any more.
  [[maybe_unused]] const auto sent = ::send(channel, &message, sizeof(message), MSG_NOSIGNAL);
}

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return found;
  while (const dirent* entry = ::readdir(proc)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0) continue;
    char path[64];
    std::snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    std::FILE* stat = std::fopen(path, "r");
    if (stat == nullptr) continue;
    char line[512] = {};
    const std::size_t length = std::fread(line, 1, sizeof(line) - 1, stat);
    std::fclose(stat);
    line[length] = 0;
    // The command's name stands in parentheses and may hold anything: look behind the last one.
    const char* after = std::strrchr(line, ')');
    char state = 0;
    int parent = 0;
    if (after && std::sscanf(after + 1, " %c %d", &state, &parent) == 2 && parent == ::getpid()) {
      found.push_back(pid);
    }
  }
  ::closedir(proc);
  return found;
}

void kill_everything() {
  // Grandchildren become our children when their parent dies, so a few rounds reach them all.
  for (;;) {
    for (const pid_t pid : children()) ::kill(pid, SIGKILL);
    if (::waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) return;
  }
}

[[noreturn]] void become(char** command, long uid, long gid, int report) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (gid >= 0 && (::setgroups(0, nullptr) != 0 || ::setgid(static_cast<gid_t>(gid)) != 0 ||
                   ::setuid(static_cast<uid_t>(uid)) != 0)) {
    std::perror("process_keeper: setuid");
  } else {
    ::execvp(command[0], command);
  }
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(report, &error, sizeof(error));
  ::_exit(127);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fputs("usage: process_keeper CHANNEL UID GID PROGRAM ARGUMENTS...\n", stderr);
    return 2;
  }
  const int channel = std::atoi(argv[1]);
  ::fcntl(channel, F_SETFD, FD_CLOEXEC);
  ::setsid();  // a Ctrl-C at the test is the test's affair
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t child_signals;
  sigemptyset(&child_signals);
  sigaddset(&child_signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_signals, nullptr);
  const int signals = ::signalfd(-1, &child_signals, SFD_CLOEXEC | SFD_NONBLOCK);
  int report[2];
  if (signals < 0 || ::pipe2(report, O_CLOEXEC) != 0) return 2;

  const pid_t program = ::fork();
  if (program == 0) become(argv + 4, std::atol(argv[2]), std::atol(argv[3]), report[1]);
  ::close(report[1]);
  int error = 0;
  if (program < 0) error = errno;
  // The pipe closes without a word when the exec has succeeded.
  if (program > 0 && ::read(report[0], &error, sizeof(error)) <= 0) error = 0;
  ::close(report[0]);
  if (error != 0) {
    tell(channel, KeeperMessage::kError, error);
    return 1;
  }
  tell(channel, KeeperMessage::kStarted, program);

  pollfd waits[2] = {{channel, POLLIN, 0}, {signals, POLLIN, 0}};
  for (;;) {
    if (::poll(waits, 2, -1) < 0 && errno != EINTR) break;
    if (waits[0].revents != 0) break;  // the test has gone, or asks for the end
    signalfd_siginfo ignored{};
    while (::read(signals, &ignored, sizeof(ignored)) > 0) continue;
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(-1, &status, WNOHANG)) > 0) {
      if (ended != program) continue;
      kill_everything();
      tell(channel, KeeperMessage::kEnded, status);
      return 0;
    }
  }
  kill_everything();
  tell(channel, KeeperMessage::kEnded, SIGKILL);
  return 0;
}
