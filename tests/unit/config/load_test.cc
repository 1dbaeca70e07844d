#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace config {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

// A temporary directory that goes with the test.
class FilesTest : public testing::Test {
 protected:
  FilesTest() {
    std::string pattern = testing::TempDir() + "config_test.XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
  }
  ~FilesTest() override { std::filesystem::remove_all(dir_); }

  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    const std::string path = dir_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  static SecretSource file(std::string path) {
    return {.kind = SecretSource::Kind::kFile, .location = std::move(path)};
  }
  static SecretSource command(std::string text) {
    return {.kind = SecretSource::Kind::kCommand, .location = std::move(text)};
  }
  static SecretSource environment(std::string name) {
    return {.kind = SecretSource::Kind::kEnvironment, .location = std::move(name)};
  }

  std::string dir_;
};

using LoadTest = FilesTest;
using ResolveTest = FilesTest;

std::string config_with_password(const std::string& password) {
  return R"({"data_dir": "/d", "listeners": [{"port": 1143}], "accounts": {"a": {}},
"users": {"me": {"password": )" +
         password + R"(, "accounts": ["a"]}}})";
}

TEST_F(LoadTest, AMissingFileIsAMistake) {
  const auto loaded = load(dir_ + "/none.json");
  ASSERT_FALSE(loaded);
  EXPECT_EQ(describe(loaded.error(), "none.json"),
            "none.json: error:   found No such file or directory; expected a file that can be "
            "read\n");
  EXPECT_FALSE(load(dir_)) << "a directory";
}

TEST_F(LoadTest, AnEndlessFileIsRefused) {
  const auto loaded = load("/dev/zero");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(describe(loaded.error(), "f"), HasSubstr("at most 16MB"));
}

TEST_F(LoadTest, SecretsThatOthersCanReadDrawAWarning) {
  const std::string open = write("open", "x", 0644);
  const auto loaded =
      load(write("c.json", config_with_password("{\"file\": \"" + open + "\"}"), 0644));
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->warnings.size(), 1U);
  EXPECT_EQ(loaded->warnings[0].path, "users.me.password");
  EXPECT_EQ(loaded->warnings[0].line, 2U);
  EXPECT_THAT(loaded->warnings[0].found, HasSubstr("mode 0644"));

  const std::string closed = write("closed", "x", 0600);
  const auto quiet = load(write("d.json", config_with_password("{\"file\": \"" + closed + "\"}")));
  ASSERT_TRUE(quiet);
  EXPECT_EQ(quiet->warnings.size(), 0U);
}

TEST_F(LoadTest, AMissingSecretFileDrawsAWarning) {
  const auto loaded = load(write("c.json", config_with_password(R"({"file": "/none/such"})")));
  ASSERT_TRUE(loaded);
  EXPECT_THAT(describe(loaded->warnings, "c"), HasSubstr("No such file or directory"));
}

TEST_F(LoadTest, APlainSecretInAReadableFileDrawsTwoWarnings) {
  const auto loaded = load(write("c.json", config_with_password("\"hunter2\""), 0644));
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->warnings.size(), 2U);
  EXPECT_EQ(loaded->config.users.at("me").password.plain.reveal(), "hunter2");
  EXPECT_THAT(describe(loaded->warnings, "c"), Not(HasSubstr("hunter2")));
  EXPECT_EQ(load(write("c.json", config_with_password("\"hunter2\""), 0600))->warnings.size(), 1U);
}

TEST_F(ResolveTest, ReadsEachKindOfSource) {
  ::setenv("WAYSTATION_TEST_SECRET", "from env", 1);
  EXPECT_EQ(resolve(environment("WAYSTATION_TEST_SECRET"))->reveal(), "from env");
  EXPECT_EQ(resolve(file(write("f", "from file\n")))->reveal(), "from file");
  EXPECT_EQ(resolve(command("echo from command; echo noise >/dev/null"))->reveal(), "from command");
  SecretSource plain{.kind = SecretSource::Kind::kPlain, .plain = Secret("p\n")};
  EXPECT_EQ(resolve(plain)->reveal(), "p\n");
}

TEST_F(ResolveTest, OneLineEndIsTakenOff) {
  EXPECT_EQ(resolve(file(write("a", "x\r\n")))->reveal(), "x");
  EXPECT_EQ(resolve(file(write("b", "x\n\n")))->reveal(), "x\n");
  EXPECT_EQ(resolve(file(write("c", " x ")))->reveal(), " x ");
}

TEST_F(ResolveTest, WhatIsNotThereIsNamed) {
  const auto variable = resolve(environment("WAYSTATION_TEST_UNSET"));
  ASSERT_FALSE(variable);
  EXPECT_EQ(variable.error().code(), Errc::kNotFound);
  EXPECT_EQ(variable.error().text(), "environment variable \"WAYSTATION_TEST_UNSET\": not set");
  EXPECT_EQ(resolve(file(dir_ + "/none")).error().code(), Errc::kNotFound);
  EXPECT_EQ(resolve(file(dir_)).error().code(), Errc::kIo);
  EXPECT_EQ(resolve(SecretSource{}).error().code(), Errc::kNotFound);
}

TEST_F(ResolveTest, AnUnusableSecretIsRefused) {
  EXPECT_EQ(resolve(file(write("a", "\n"))).error().code(), Errc::kInvalid);
  EXPECT_EQ(resolve(file(write("b", std::string("a\0b", 3)))).error().code(), Errc::kInvalid);
  EXPECT_EQ(resolve(file(write("c", std::string(100, 'x'))), {.max_bytes = 99}).error().code(),
            Errc::kLimit);
}

TEST_F(ResolveTest, AFailedCommandTellsNothing) {
  const auto failed = resolve(command("echo hunter2; exit 3"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Errc::kInvalid);
  EXPECT_EQ(failed.error().text(), "the secret's command: ended with status 3");
  EXPECT_EQ(resolve(command("kill -TERM $$")).error().text(),
            "the secret's command: ended by signal 15");
}

TEST_F(ResolveTest, ACommandIsBounded) {
  const auto start = std::chrono::steady_clock::now();
  const auto endless = resolve(command("yes hunter2"), {.max_bytes = 10'000});
  EXPECT_EQ(endless.error().code(), Errc::kLimit);
  // The shell starts a child that holds the output open; the group is killed as a whole.
  const auto slow = resolve(command("sleep 60 & sleep 60"), {.timeout = 50ms});
  EXPECT_EQ(slow.error().code(), Errc::kTimeout);
  const auto closed = resolve(command("exec >&-; sleep 60"), {.timeout = 50ms});
  EXPECT_EQ(closed.error().code(), Errc::kTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 30s);
}

TEST_F(ResolveTest, ACommandHasNoInputAndDefaultSignals) {
  EXPECT_EQ(resolve(command("cat; echo end"))->reveal(), "end");
  EXPECT_EQ(resolve(command("yes | head -n 1"))->reveal(), "y");
}

TEST_F(ResolveTest, APipeThatNobodyWritesToDoesNotHang) {
  const std::string path = dir_ + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(resolve(file(path), {.timeout = 50ms}));
}

TEST_F(ResolveTest, DescriptionsHoldNoSecret) {
  SecretSource plain{.kind = SecretSource::Kind::kPlain, .plain = Secret("hunter2")};
  EXPECT_THAT(plain.describe(), Not(HasSubstr("hunter2")));
  EXPECT_THAT(command("echo hunter2").describe(), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace config
