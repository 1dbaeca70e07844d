#include "tests/support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "tests/support/temp_dir.h"
#include "tests/support/tools/keeper_message.h"

extern char** environ;

namespace support {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int kChannelInKeeper = 3;

// The next message of a keeper; false when it does not come in time or the keeper has gone.
bool receive(int channel, KeeperMessage* message, milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    pollfd wait{channel, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(std::max<long>(0, left.count())));
    if (ready > 0) return ::recv(channel, message, sizeof(*message), 0) == sizeof(*message);
    if (ready == 0 || errno != EINTR) return false;
  }
}

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!added.contains(std::string(text.substr(0, text.find('='))))) merged.emplace_back(text);
  }
  for (const auto& [name, value] : added) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

ExitStatus decode(int status) {
  if (WIFSIGNALED(status)) return {.code = 0, .signal = WTERMSIG(status)};
  return {.code = WEXITSTATUS(status), .signal = 0};
}

}  // namespace

Result<std::unique_ptr<Process>> Process::start(ProcessOptions options) {
  std::vector<std::string> arguments = {WAYSTATION_PROCESS_KEEPER, std::to_string(kChannelInKeeper),
                                        "-1", "-1"};
  if (options.unprivileged && ::geteuid() == 0) {
    const passwd* nobody = ::getpwnam("nobody");
    if (nobody == nullptr) return fail(Errc::kNotFound, "no user \"nobody\"");
    arguments[2] = std::to_string(nobody->pw_uid);
    arguments[3] = std::to_string(nobody->pw_gid);
  }
  const std::string program = options.argv.front();
  arguments.insert(arguments.end(), options.argv.begin(), options.argv.end());
  std::vector<std::string> environment = merged_environment(options.env);

  int channel[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) != 0) {
    return fail(Errc::kIo, std::string("socketpair: ") + std::strerror(errno));
  }
  const std::string output = options.output.empty() ? "/dev/null" : options.output.string();
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, channel[1], kChannelInKeeper);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0644);
  ::posix_spawn_file_actions_adddup2(&actions, 1, 2);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, kChannelInKeeper + 1);
  if (!options.directory.empty()) {
    ::posix_spawn_file_actions_addchdir_np(&actions, options.directory.c_str());
  }
  pid_t keeper = -1;
  const int error = ::posix_spawn(&keeper, WAYSTATION_PROCESS_KEEPER, &actions, nullptr,
                                  pointers(arguments).data(), pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(channel[1]);
  if (error != 0) {
    ::close(channel[0]);
    return fail(Errc::kIo, "cannot start " + program + ": " + std::strerror(error));
  }

  std::unique_ptr<Process> process(new Process(keeper, channel[0]));
  KeeperMessage message{};
  if (!receive(channel[0], &message, std::chrono::seconds(20))) {
    return fail(Errc::kIo, "the keeper of " + program + " says nothing");
  }
  if (message.kind == KeeperMessage::kError) {
    return fail(Errc::kNotFound, "cannot execute " + program + ": " + std::strerror(message.value));
  }
  process->pid_ = message.value;
  return process;
}

Process::~Process() {
  ::close(channel_);
  reap_keeper();
}

void Process::reap_keeper() {
  if (keeper_ > 0) ::waitpid(keeper_, nullptr, 0);
  keeper_ = -1;
}

bool Process::running() { return !wait(milliseconds(0)).has_value(); }

void Process::send_signal(int signal) const {
  if (!status_) ::kill(pid_, signal);
}

Result<ExitStatus> Process::wait(milliseconds limit) {
  if (status_) return *status_;
  KeeperMessage message{};
  if (!receive(channel_, &message, limit)) {
    return fail(Errc::kTimeout, "process " + std::to_string(pid_) + " still runs");
  }
  reap_keeper();
  status_ = decode(message.value);
  return *status_;
}

ExitStatus Process::stop(milliseconds limit) {
  send_signal(SIGTERM);
  if (auto ended = wait(limit)) return *ended;
  kill_now();
  return *status_;
}

void Process::kill_now() {
  if (status_) return;
  // The program first, so that nothing it would do at its children's end can still happen.
  send_signal(SIGKILL);
  const auto ended = wait(std::chrono::seconds(20));
  if (!ended) status_ = ExitStatus{.code = 0, .signal = SIGKILL};
}

Result<Finished> run(ProcessOptions options, milliseconds limit) {
  const TempDir dir("waystation-run");
  options.output = dir / "output";
  const std::string program = options.argv.front();
  TRY(const auto process, Process::start(std::move(options)));
  const auto status = process->wait(limit);
  std::ifstream file(dir / "output", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!status) return fail(Errc::kTimeout, program + " did not end; it said: " + text.str());
  return Finished{.status = *status, .output = text.str()};
}

std::uint16_t free_port() {
  // Below the range that outgoing connections get their ports from, so that none of them sits on
  // the port of a server that is being restarted.
  static thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int> range(10'240, 32'700);
  for (;;) {
    const auto port = static_cast<std::uint16_t>(range(random));
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    const int bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    ::close(socket);
    if (bound == 0) return port;
  }
}

Result<> wait_for_port(std::uint16_t port, milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  do {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int connected =
        ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    ::close(socket);
    if (connected == 0) return {};
    std::this_thread::sleep_for(milliseconds(10));
  } while (Clock::now() < deadline);
  return fail(Errc::kTimeout, "nothing listens on port " + std::to_string(port));
}

}  // namespace support
