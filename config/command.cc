#include "config/command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/log.h"

extern char** environ;

namespace config {
namespace {

class Pipe {
 public:
  Pipe() {
    // Only our end may not block: a command does not expect that of its standard output.
    if (::pipe2(ends_.data(), O_CLOEXEC) == 0) ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~Pipe() {
    close_write();
    if (ends_[0] >= 0) ::close(ends_[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_write() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  std::array<int, 2> ends_ = {-1, -1};
};

int spawn_shell(const std::string& command, int output, pid_t* pid) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);

  // The signals that this process blocks or ignores (SIGPIPE) are ordinary ones there.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::string shell = "sh";
  std::string option = "-c";
  std::string script = command;
  std::array<char*, 4> arguments = {shell.data(), option.data(), script.data(), nullptr};
  const int error = posix_spawn(pid, "/bin/sh", &files, &attributes, arguments.data(), ::environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

// Waits for the end of the process until the deadline; false when it still runs then.
bool wait_until(pid_t pid, Deadline deadline, int* status) {
  auto pause = std::chrono::milliseconds(1);
  while (true) {
    const pid_t done = ::waitpid(pid, status, WNOHANG);
    if (done == pid) return true;
    if (done < 0 && errno != EINTR) {
      *status = -1;
      return true;
    }
    if (std::chrono::steady_clock::now() >= deadline) return false;
    // It has closed its output, so it is about to end; a pidfd would be waited for in poll, but is
    // not there in every container.
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(50));
  }
}

void kill_group(pid_t pid) {
  ::kill(-pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<std::string> run_command(const std::string& command, std::size_t max_bytes,
                                Deadline deadline) {
  Pipe pipe;
  if (pipe.read_end() < 0) return fail(Errc::kIo, errno_text(errno));
  pid_t pid = 0;
  if (const int error = spawn_shell(command, pipe.write_end(), &pid); error != 0) {
    return fail(Errc::kIo, "cannot start /bin/sh: " + errno_text(error));
  }
  pipe.close_write();
  Result<std::string> output = read_all(pipe.read_end(), max_bytes, deadline);
  int status = 0;
  if (!output || !wait_until(pid, deadline, &status)) {
    kill_group(pid);
    if (!output) return output;
    return fail(Errc::kTimeout, "no end in time");
  }
  if (status == -1) return fail(Errc::kIo, "its status is not known");
  if (WIFSIGNALED(status)) {
    return fail(Errc::kInvalid, fmt::format("ended by signal {}", WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    return fail(Errc::kInvalid, fmt::format("ended with status {}", WEXITSTATUS(status)));
  }
  return output;
}

}  // namespace config
