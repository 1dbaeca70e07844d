// The program as its operator meets it: mistakes, signals, logs, traces, the demo. No server is
// needed: the account is local, or its upstream is a port where nobody listens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/certificate.h"
#include "tests/support/waystation_process.h"

namespace support {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  ASSERT_TRUE(file.flush()) << path;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " is not in " << text;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

class ProgramTest : public testing::Test {
 protected:
  void start(WaystationOptions options = {}) {
    options.program = WAYSTATION_PROGRAM;
    options.upstream_port = free_port();
    options.upstream_user = "alice";
    options.upstream_password = "wonderland";
    auto started = WaystationProcess::start(std::move(options));
    ASSERT_TRUE(started) << started.error().text();
    proxy_ = std::move(*started);
  }

  static Finished program(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), WAYSTATION_PROGRAM);
    auto ended = run({.argv = std::move(arguments)});
    EXPECT_TRUE(ended) << ended.error().text();
    return ended ? std::move(*ended) : Finished{};
  }
  Finished ask(std::vector<std::string> arguments) const {
    auto ended = proxy_->command(std::move(arguments));
    EXPECT_TRUE(ended) << ended.error().text();
    return ended ? std::move(*ended) : Finished{};
  }

  bool log_says(std::string_view text) const {
    return eventually([&] { return proxy_->log().find(text) != std::string::npos; }, 30s);
  }
  void edit_config(std::string_view from, std::string_view to) const {
    write_file(proxy_->config_file(), replaced(read_file(proxy_->config_file()), from, to));
  }
  std::size_t reloads() const {
    const std::string log = proxy_->log();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = log.find("reloaded", at)) != std::string::npos; ++at) ++count;
    return count;
  }
  /// SIGHUP, and until the log tells what came of it.
  void reload() const {
    const std::size_t before = reloads();
    proxy_->send_signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return reloads() > before; }, 30s)) << proxy_->log();
  }

  TempDir dir_{"waystation-program"};
  std::unique_ptr<WaystationProcess> proxy_;
};

constexpr const char* kMistakes = R"({
  "data_dir": "/nowhere/data",
  "listeners": [{"prot": 1143, "tls": "maybe"}],
  "accounts": {"work": {"upstream": {"host": "h", "user": "u", "port": 70000}}},
  "users": {"me": {"password": {"env": "P"}, "accounts": ["wrok"]}}
})";

TEST_F(ProgramTest, CheckConfigListsEveryMistakeAtOnceWithItsPlace) {
  const std::filesystem::path file = dir_ / "bad.json";
  ASSERT_NO_FATAL_FAILURE(write_file(file, kMistakes));
  const Finished checked = program({"check-config", file.string()});
  EXPECT_EQ(checked.status.code, 2);
  for (const char* expected :
       {"bad.json:3: error:", "listeners[0].prot", "did you mean \"port\"?", "listeners[0].tls",
        "found \"maybe\"; expected", "bad.json:4: error:", "accounts.work.upstream.port",
        "found 70000; expected a whole number from 1 to 65535", "users.me.accounts[0]"}) {
    EXPECT_THAT(checked.output, HasSubstr(expected));
  }
  const Finished served = program({"serve", "--config", file.string()});
  EXPECT_EQ(served.status.code, 2);
  EXPECT_EQ(served.output, checked.output);
}

TEST_F(ProgramTest, CheckConfigWithoutAFileAsksForOne) {
  const Finished checked = program({"check-config"});
  EXPECT_EQ(checked.status.code, 2);
  EXPECT_THAT(checked.output, HasSubstr("which config file? waystation check-config FILE"));
}

TEST_F(ProgramTest, APortThatIsTakenIsNamed) {
  ASSERT_NO_FATAL_FAILURE(start());
  const std::filesystem::path file = dir_ / "second.json";
  ASSERT_NO_FATAL_FAILURE(
      write_file(file, replaced(read_file(proxy_->config_file()), proxy_->data_dir().string(),
                                (dir_ / "second").string())));
  const Finished second = program({"serve", "--config", file.string()});
  EXPECT_EQ(second.status.code, 1);
  EXPECT_THAT(second.output, HasSubstr("127.0.0.1:" + std::to_string(proxy_->port())));
  EXPECT_THAT(second.output, HasSubstr("stop it or choose another port"));
  EXPECT_TRUE(proxy_->running());
}

TEST_F(ProgramTest, ADataDirectoryInUseIsRefusedWithItsProcess) {
  ASSERT_NO_FATAL_FAILURE(start());
  const Finished second = ask({"serve"});
  EXPECT_EQ(second.status.code, 1);
  EXPECT_THAT(second.output, HasSubstr(proxy_->data_dir().string() + " is in use by process " +
                                       std::to_string(proxy_->pid())));
  EXPECT_TRUE(proxy_->running());
}

TEST_F(ProgramTest, ADataDirectoryThatCannotBeMadeIsNamed) {
  ASSERT_NO_FATAL_FAILURE(start());
  const std::filesystem::path file = dir_ / "second.json";
  ASSERT_NO_FATAL_FAILURE(write_file(
      file,
      replaced(read_file(proxy_->config_file()), proxy_->data_dir().string(), "/nowhere/at/all")));
  const Finished second = program({"serve", "--config", file.string()});
  EXPECT_EQ(second.status.code, 1);
  EXPECT_THAT(second.output, HasSubstr("cannot make the data directory /nowhere/at/all"));
}

TEST_F(ProgramTest, StatusIsATableOrJsonAndSaysWhenNobodyServes) {
  ASSERT_NO_FATAL_FAILURE(start());
  const Finished table = ask({"status"});
  EXPECT_TRUE(table.status.success()) << table.output;
  EXPECT_THAT(table.output, HasSubstr("mailbox  messages  listed  bodies  pending  checked\n"));
  EXPECT_THAT(table.output, Not(HasSubstr("\x1b"))) << "no colors into a pipe";
  EXPECT_TRUE(nlohmann::json::accept(ask({"status", "--json"}).output));
  EXPECT_TRUE(proxy_->stop().success()) << proxy_->log();
  const Finished gone = ask({"status"});
  EXPECT_EQ(gone.status.code, 1);
  EXPECT_THAT(gone.output, HasSubstr("no waystation serves here"));
}

TEST_F(ProgramTest, SighupTakesUsersAndCertificates) {
  ASSERT_NO_FATAL_FAILURE(start({.local_tls = "implicit"}));
  const std::filesystem::path folder = proxy_->config_file().parent_path();
  const auto login = [&](const std::string& password) {
    auto client = RawImap::connect(proxy_->port(), proxy_->ca_file());
    EXPECT_TRUE(client) << client.error().text();
    const auto reply = (*client)->command("LOGIN me \"" + password + "\"");
    return reply && reply->ok() ? std::move(*client) : nullptr;
  };
  const auto before = login(proxy_->password());
  ASSERT_TRUE(before);
  const std::string old_certificate = read_file(proxy_->ca_file());
  ASSERT_NO_FATAL_FAILURE(write_file(folder / "local.password", "another secret\n"));
  ASSERT_TRUE(make_certificate(folder, "local"));
  ASSERT_NE(read_file(proxy_->ca_file()), old_certificate);
  reload();
  EXPECT_TRUE(login("another secret")) << proxy_->log();
  EXPECT_FALSE(login(proxy_->password()));
  const auto still = before->command("NOOP");
  EXPECT_TRUE(still && still->ok()) << "sessions that run go on";
  EXPECT_THAT(proxy_->log(), Not(HasSubstr("another secret")));
}

TEST_F(ProgramTest, SighupTakesAnotherCertificateFile) {
  ASSERT_NO_FATAL_FAILURE(start({.local_tls = "implicit"}));
  const auto made = make_certificate(dir_.path(), "other");
  ASSERT_TRUE(made) << made.error().text();
  const std::filesystem::path folder = proxy_->config_file().parent_path();
  edit_config((folder / "local.crt").string(), made->certificate.string());
  edit_config((folder / "local.key").string(), made->private_key.string());
  reload();
  const auto client = RawImap::connect(proxy_->port(), made->certificate);
  EXPECT_TRUE(client) << client.error().text() << proxy_->log();
}

TEST_F(ProgramTest, SighupNamesWhatNeedsARestart) {
  ASSERT_NO_FATAL_FAILURE(start());
  edit_config("\"user\": \"alice\"", "\"user\": \"bob\"");
  edit_config("\"log\": {", "\"threads\": 7, \"log\": {");
  reload();
  EXPECT_THAT(proxy_->log(), HasSubstr("accounts.work has changed: this takes effect after"));
  EXPECT_THAT(proxy_->log(), HasSubstr("threads has changed: this takes effect after a restart"));
}

TEST_F(ProgramTest, SighupWithMistakesLeavesEverythingAsItWas) {
  ASSERT_NO_FATAL_FAILURE(start());
  edit_config("\"users\"", "\"usres\"");
  reload();
  EXPECT_THAT(proxy_->log(), HasSubstr("did you mean \"users\"?"));
  EXPECT_THAT(proxy_->log(), HasSubstr("the config is not reloaded: nothing has changed"));
  EXPECT_TRUE(proxy_->login());
}

TEST_F(ProgramTest, SigtermSaysByeAndKeepsWhatWasAcknowledged) {
  ASSERT_NO_FATAL_FAILURE(start({.local = true}));
  auto client = proxy_->login();
  ASSERT_TRUE(client) << client.error().text();
  const auto stored = (*client)->append("INBOX", simple_message("kept"));
  ASSERT_TRUE(stored && stored->ok()) << stored->str();
  ASSERT_TRUE((*client)->command("SELECT INBOX"));
  ASSERT_TRUE((*client)->send_command("IDLE"));
  const auto idling = (*client)->read_line();
  ASSERT_TRUE(idling && idling->starts_with("+")) << *idling;
  const ExitStatus ended = proxy_->stop();
  EXPECT_TRUE(ended.success()) << ended.code << " " << ended.signal << proxy_->log();
  std::string last_words;
  for (auto line = (*client)->read_line(); line; line = (*client)->read_line()) {
    last_words += *line + "\n";
  }
  EXPECT_THAT(last_words, HasSubstr("* BYE"));
  EXPECT_FALSE(std::filesystem::exists(proxy_->data_dir() / "control.sock"));
  ASSERT_TRUE(proxy_->start_again());
  const auto again = proxy_->login();
  ASSERT_TRUE(again);
  EXPECT_EQ(read_mailbox(again->get(), "INBOX")->size(), 1U);
}

TEST_F(ProgramTest, ATraceCanBeSwitchedOnAndShowsNoSecretsAndNoContents) {
  ASSERT_NO_FATAL_FAILURE(start({.local = true}));
  EXPECT_TRUE(ask({"trace", "session", "0", "on"}).status.success());
  const auto client = proxy_->login();
  ASSERT_TRUE(client);
  const auto stored = (*client)->append("INBOX", simple_message("x", "between us\r\n"));
  ASSERT_TRUE(stored && stored->ok()) << stored->str();
  ASSERT_TRUE((*client)->command("SELECT INBOX"));
  const auto read = (*client)->command("FETCH 1 BODY[]");
  ASSERT_TRUE(read && read->find("between us")) << read->str();
  EXPECT_TRUE(log_says("FETCH 1 BODY[]"));
  EXPECT_TRUE(ask({"trace", "session", "0", "off"}).status.success());
  const auto after = (*client)->command("NOOP");
  ASSERT_TRUE(after && after->ok());
  const std::string log = proxy_->log();
  EXPECT_THAT(log, HasSubstr("SELECT INBOX"));
  EXPECT_THAT(log, Not(HasSubstr("NOOP"))) << "after it was switched off";
  EXPECT_THAT(log, Not(HasSubstr(proxy_->password())));
  EXPECT_THAT(log, Not(HasSubstr("between us")));
}

TEST_F(ProgramTest, ATraceOfNothingIsRefused) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto refused = [this](const char* what, const char* which) {
    const Finished ended = ask({"trace", what, which, "on"});
    EXPECT_EQ(ended.status.code, 1) << what << " " << which;
    return ended.output;
  };
  EXPECT_THAT(refused("session", "99"), HasSubstr("no session 99 is logged in"));
  EXPECT_THAT(refused("session", "first"), HasSubstr("\"first\" is no session number"));
  EXPECT_THAT(refused("account", "play"), HasSubstr("no account \"play\""));
}

TEST_F(ProgramTest, AJsonLogIsOneObjectPerLine) {
  ASSERT_NO_FATAL_FAILURE(start({.log_format = "json"}));
  EXPECT_TRUE(log_says("connect"));
  EXPECT_TRUE(proxy_->stop().success());
  std::istringstream lines(proxy_->log());
  bool of_the_account = false;
  for (std::string line; std::getline(lines, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    ASSERT_TRUE(json.is_object()) << line;
    for (const char* key : {"time", "level", "text"}) {
      EXPECT_TRUE(json.contains(key)) << key << " in " << line;
    }
    of_the_account = of_the_account || json.value("account", "") == "work";
  }
  EXPECT_TRUE(of_the_account);
}

TEST_F(ProgramTest, WhenTheDiskFailsReadsGoOnAndSoDoWritesWhenItIsWell) {
  ASSERT_NO_FATAL_FAILURE(start({.local = true}));
  auto client = proxy_->login();
  ASSERT_TRUE(client) << client.error().text();
  const auto append = [&](const std::string& subject) {
    const auto reply = (*client)->append("INBOX", simple_message(subject, "still here\r\n"));
    EXPECT_TRUE(reply) << reply.error().text();
    return reply ? *reply : Reply{};
  };
  // The system refuses to write to any file, or does so no more.
  const auto fail_disk = [&](const std::string& limit) {
    const auto done =
        run({.argv = {"prlimit", "--pid", std::to_string(proxy_->pid()), "--fsize=" + limit}});
    ASSERT_TRUE(done && done->status.success()) << done->output;
  };
  ASSERT_TRUE(append("before").ok());
  ASSERT_NO_FATAL_FAILURE(fail_disk("1:unlimited"));
  for (int i = 0; i < 3; ++i) {
    const Reply refused = append("during");
    EXPECT_EQ(refused.status, "NO") << refused.str();
    EXPECT_TRUE(refused.code() == "LIMIT" || refused.code() == "INUSE") << refused.str();
  }
  ASSERT_TRUE((*client)->command("SELECT INBOX"));
  const auto read = (*client)->command("FETCH 1 BODY.PEEK[]");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_TRUE(read->ok() && read->find("still here")) << read->str();

  ASSERT_NO_FATAL_FAILURE(fail_disk("unlimited:unlimited"));
  EXPECT_TRUE(eventually([&] { return append("after").ok(); }, 30s)) << proxy_->log();
  EXPECT_EQ(read_mailbox(client->get(), "INBOX")->size(), 2U);

  // And it ends in order all the same.
  ASSERT_NO_FATAL_FAILURE(fail_disk("1:unlimited"));
  EXPECT_EQ(append("again").status, "NO");
  const ExitStatus ended = proxy_->stop();
  EXPECT_TRUE(ended.success()) << ended.code << ' ' << ended.signal << '\n' << proxy_->log();
  ASSERT_TRUE(proxy_->start_again());
  client = proxy_->login();
  ASSERT_TRUE(client) << client.error().text();
  EXPECT_EQ(read_mailbox(client->get(), "INBOX")->size(), 2U) << "what was acknowledged";
  EXPECT_TRUE(append("at last").ok());
}

TEST_F(ProgramTest, TheCacheIsLookedAfterWhileItIsServedAndAfterwards) {
  ASSERT_NO_FATAL_FAILURE(start({.local = true}));
  auto client = proxy_->login();
  ASSERT_TRUE(client) << client.error().text();
  std::string large;
  for (int i = 0; i < 500; ++i) large += "line " + std::to_string(i * 7'919) + "\r\n";
  ASSERT_TRUE((*client)->append("INBOX", simple_message("large", large))->ok());
  for (const bool serves : {true, false}) {
    SCOPED_TRACE(serves);
    if (!serves) ASSERT_TRUE(proxy_->stop().success()) << proxy_->log();
    const Finished verified = ask({"cache", "verify"});
    EXPECT_EQ(verified.status.code, 0) << verified.output;
    EXPECT_THAT(verified.output, HasSubstr("1 messages, 1 bodies"));
    EXPECT_THAT(verified.output, HasSubstr("everything is sound"));
    const auto json = nlohmann::json::parse(ask({"cache", "verify", "--json"}).output, nullptr,
                                            /*allow_exceptions=*/false);
    ASSERT_TRUE(json.is_object());
    EXPECT_EQ(json.value("sound", false), true);
    EXPECT_EQ(json.value("bodies", 0), 1);
    const Finished compacted = ask({"cache", "compact"});
    EXPECT_EQ(compacted.status.code, 0) << compacted.output;
    EXPECT_THAT(compacted.output, HasSubstr(" before, "));
    const Finished sizes = ask({"cache", "stats"});
    EXPECT_EQ(sizes.status.code, 0) << sizes.output;
    EXPECT_THAT(sizes.output, HasSubstr("body"));
  }
  // A body that cannot be read, found by the one that serves.
  bool damaged = false;
  for (const auto& file : std::filesystem::directory_iterator(proxy_->data_dir() / "store")) {
    if (file.path().extension() != ".blob" || file.file_size() < 1'000) continue;
    std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(500);
    bytes << "damage";
    damaged = true;
  }
  ASSERT_TRUE(damaged);
  ASSERT_TRUE(proxy_->start_again());
  const Finished found = ask({"cache", "verify"});
  EXPECT_EQ(found.status.code, 1) << found.output;
  EXPECT_THAT(found.output, HasSubstr("family body: "));
  EXPECT_THAT(found.output, HasSubstr("1 findings"));
}

TEST_F(ProgramTest, TheDemoShowsItsTableAndTheReplay) {
  const Finished demo = program({"demo", "--once", "--messages", "100"});
  EXPECT_TRUE(demo.status.success()) << demo.output;
  for (const char* expected :
       {"what a client waits for", "search the texts", "The line is cut.", "The line is back.",
        "the far mailbox has the 20 flags and the draft, once"}) {
    EXPECT_THAT(demo.output, HasSubstr(expected));
  }
  EXPECT_THAT(demo.output, Not(HasSubstr("\r"))) << "no progress bar into a pipe";
}

}  // namespace
}  // namespace support
