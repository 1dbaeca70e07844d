#include "tests/support/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "tests/support/temp_dir.h"

namespace support {
namespace {

using namespace std::chrono_literals;

bool alive(pid_t pid) { return ::kill(pid, 0) == 0; }

bool gone_within(pid_t pid, std::chrono::milliseconds limit) {
  for (const auto end = std::chrono::steady_clock::now() + limit;
       std::chrono::steady_clock::now() < end;) {
    if (!alive(pid)) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

pid_t read_pid(const std::filesystem::path& path) {
  pid_t pid = 0;
  for (int i = 0; i < 1000 && pid == 0; ++i) {
    std::ifstream(path) >> pid;
    std::this_thread::sleep_for(5ms);
  }
  return pid;
}

TEST(ProcessTest, RunGivesOutputAndCode) {
  const auto ended = run({.argv = {"sh", "-c", "echo out; echo err >&2; echo $WORD; exit 3"},
                          .env = {{"WORD", "here"}}});
  ASSERT_TRUE(ended) << ended.error().text();
  EXPECT_EQ(ended->status.code, 3);
  EXPECT_EQ(ended->output, "out\nerr\nhere\n");
}

TEST(ProcessTest, UnknownProgramIsNotFound) {
  const auto started = Process::start({.argv = {"/nonexistent/program"}});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), Errc::kNotFound);
}

TEST(ProcessTest, ASignalIsSeenAsOne) {
  auto started = Process::start({.argv = {"sleep", "60"}});
  ASSERT_TRUE(started) << started.error().text();
  EXPECT_TRUE((*started)->running());
  (*started)->send_signal(SIGINT);
  const auto ended = (*started)->wait(5s);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->signal, SIGINT);
}

TEST(ProcessTest, DetachedGrandchildrenDieWithTheProgram) {
  const TempDir dir;
  const std::string pid_file = dir / "pid";
  auto started = Process::start(
      {.argv = {"sh", "-c", "setsid sleep 60 & echo $! > " + pid_file + "; sleep 60"}});
  ASSERT_TRUE(started) << started.error().text();
  const pid_t grandchild = read_pid(pid_file);
  ASSERT_TRUE(alive(grandchild));
  started->reset();
  EXPECT_TRUE(gone_within(grandchild, 5s));
}

TEST(ProcessTest, EverythingDiesWhenTheTestIsKilled) {
  const TempDir dir;
  const std::string pid_file = dir / "pid";
  const pid_t test = ::fork();
  if (test == 0) {
    auto started = Process::start({.argv = {"sh", "-c", "echo $$ > " + pid_file + "; sleep 60"}});
    ::pause();
    ::_exit(started ? 0 : 1);
  }
  const pid_t child = read_pid(pid_file);
  ASSERT_TRUE(alive(child));
  ::kill(test, SIGKILL);
  ::waitpid(test, nullptr, 0);
  EXPECT_TRUE(gone_within(child, 5s));
}

TEST(ProcessTest, StopKillsWhatIgnoresIt) {
  const TempDir dir;
  const std::string pid_file = dir / "pid";
  auto started = Process::start(
      {.argv = {"sh", "-c",
                "trap '' TERM; echo $$ > " + pid_file + "; while :; do sleep 1; done"}});
  ASSERT_TRUE(started) << started.error().text();
  read_pid(pid_file);
  EXPECT_EQ((*started)->stop(200ms).signal, SIGKILL);
}

}  // namespace
}  // namespace support
