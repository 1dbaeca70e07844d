// Killed at every commit, one after the other: what was acknowledged is there afterwards, once, and
// reaches the server once. The program dies at fault points that debug builds alone have.
#include <cstdlib>
#include <functional>

#include "tests/end_to_end/mail_model.h"
#include "tests/end_to_end/proxy_fixture.h"

namespace support {
namespace {

using namespace std::chrono_literals;

constexpr int kMostRounds = 60;
constexpr const char* kSteps[] = {"begun", "stored", "kept"};

std::string subject_of(const std::string& body) {
  const std::size_t at = body.find("Subject: ") + 9;
  return body.substr(at, body.find('\r', at) - at);
}
std::string message(const std::string& marker) {
  return simple_message(marker, "Hello.\r\n", "<" + marker + "@kill.test>");
}

class KillTest : public ProxyFixture {
 protected:
  struct Write {
    std::string command;
    std::function<void(Outcome)> note;
  };

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(start_server(ServerKind::kDovecot));
    std::vector<std::string> messages;
    for (int round = 1; round <= kMostRounds; ++round) {
      for (const char* name : {".flag", ".copy", ".move", ".expunge"}) {
        messages.push_back(message(prefix(round) + name));
      }
    }
    ASSERT_TRUE(server_->append("INBOX", messages));
    ASSERT_TRUE(server_->append("Work", {message("old")}));
    ASSERT_NO_FATAL_FAILURE(start_proxy());
    const auto complete = proxy_->wait_until_complete();
    ASSERT_TRUE(complete) << complete.error().text() << proxy_->log();
    const auto tree = upstream_tree();
    ASSERT_TRUE(tree) << tree.error().text();
    model_.begin(model_tree(*tree));
  }

  static std::string prefix(int round) {
    return "k" + std::string(round < 10 ? "0" : "") + std::to_string(round);
  }
  static std::map<std::string, std::string> kill_at(const std::string& step, int count) {
    return {{"WAYSTATION_KILL_AT_COMMIT", step + " " + std::to_string(count)}};
  }

  static std::vector<ModelMessage> model_messages(const std::vector<SeenMessage>& seen) {
    std::vector<ModelMessage> messages;
    for (const SeenMessage& one : seen) {
      messages.push_back({subject_of(one.body), {one.flags.begin(), one.flags.end()}});
    }
    return messages;
  }
  static ModelTree model_tree(const SeenTree& tree) {
    ModelTree all;
    for (const auto& [name, seen] : tree) all[name] = model_messages(seen);
    return all;
  }

  static std::string uid_of(RawImap* client, const std::string& marker) {
    const auto found = client->command("UID SEARCH SUBJECT " + marker);
    if (!found || !found->ok()) return {};
    const std::string* line = found->find("SEARCH ");
    return line == nullptr ? std::string() : line->substr(7);
  }

  static std::string append(const std::string& box, const std::string& marker) {
    const std::string body = message(marker);
    return "APPEND " + box + " (\\Seen) {" + std::to_string(body.size()) + "+}\r\n" + body;
  }

  // The same writes each round, on messages of its own.
  std::vector<Write> writes(RawImap* client, int round) {
    const std::string name = prefix(round);
    const auto uid = [&](const char* which) { return uid_of(client, name + which); };
    const Side here = Side::kHere;
    const std::string expunged = uid(".expunge");
    return {
        {"UID STORE " + uid(".flag") + " +FLAGS (\\Flagged)",
         [=, this](Outcome outcome) {
           model_.flagged(here, name + ".flag", "\\Flagged", true, outcome);
         }},
        {append("Work", name + ".new"),
         [=, this](Outcome outcome) {
           model_.appended(here, "Work", name + ".new", {"\\Seen"}, outcome);
         }},
        {"UID COPY " + uid(".copy") + " Work",
         [=, this](Outcome outcome) {
           model_.copied(here, "INBOX", "Work", name + ".copy", outcome);
         }},
        {"UID MOVE " + uid(".move") + " Work",
         [=, this](Outcome outcome) {
           model_.moved(here, "INBOX", "Work", name + ".move", outcome);
         }},
        {"UID STORE " + expunged + " +FLAGS (\\Deleted)",
         [=, this](Outcome outcome) {
           model_.flagged(here, name + ".expunge", "\\Deleted", true, outcome);
         }},
        {"UID EXPUNGE " + expunged,
         [=, this](Outcome outcome) { model_.removed(here, "INBOX", name + ".expunge", outcome); }},
        {"CREATE " + name, [=, this](Outcome) { model_.created(here, name); }},
        {append(name, name + ".in"),
         [=, this](Outcome outcome) {
           model_.appended(here, name, name + ".in", {"\\Seen"}, outcome);
         }},
        {"RENAME " + name + " R" + name,
         [=, this](Outcome outcome) { model_.renamed(here, name, "R" + name, outcome); }},
        {"SUBSCRIBE R" + name, [](Outcome) {}},
    };
  }

  // Returns whether the program lived to the end of it.
  bool write(int round) {
    auto client = proxy_->login();
    if (!client) return false;
    expect_ok(client->get(), "SELECT INBOX");
    const std::vector<Write> all = writes(client->get(), round);
    for (const Write& write : all) {
      const auto reply = (*client)->command(write.command);
      if (!reply) {
        write.note(Outcome::kUnknown);
        return false;
      }
      EXPECT_TRUE(reply->ok()) << write.command << ": " << reply->str();
      if (reply->ok()) write.note(Outcome::kDone);
    }
    return true;
  }

  void expect_views() {
    const auto tree = local_tree();
    ASSERT_TRUE(tree) << tree.error().text();
    for (const auto& [name, seen] : *tree) {
      for (const std::string& problem : model_.check_view(name, model_messages(seen))) {
        ADD_FAILURE() << problem;
      }
    }
  }

  void expect_end() {
    link_->up();
    const auto sent = proxy_->wait_until_sent();
    ASSERT_TRUE(sent) << sent.error().text() << proxy_->log();
    expect_convergence();
    const auto tree = upstream_tree();
    ASSERT_TRUE(tree) << tree.error().text();
    const auto here = local_tree();
    ASSERT_TRUE(here);
    EXPECT_FALSE(here->contains("Recovered"));
    for (const std::string& problem : model_.check_end(model_tree(*tree), {})) {
      ADD_FAILURE() << problem;
    }
  }

  // The newest log of the store, or the journal file beside it, loses its last bytes.
  void tear(bool log, std::uintmax_t bytes) {
    std::filesystem::path victim = proxy_->data_dir() / "journal";
    if (log) {
      victim.clear();
      for (const auto& file : std::filesystem::directory_iterator(proxy_->data_dir() / "store")) {
        if (file.path().extension() != ".log") continue;
        if (victim.empty() || file.path().filename() > victim.filename()) victim = file.path();
      }
    }
    const std::uintmax_t size = std::filesystem::file_size(victim);
    std::filesystem::resize_file(victim, size - std::min(size, bytes));
  }

  MailModel model_;
};

class KillAtCommitTest : public KillTest, public testing::WithParamInterface<const char*> {};

// While upstream is away: the commits are those of the writes, one each.
TEST_P(KillAtCommitTest, WhileWritingLosesNothingThatWasAcknowledged) {
  link_->down();
  int round = 1;
  for (bool lived = false; !lived; ++round) {
    ASSERT_LE(round, kMostRounds);
    SCOPED_TRACE(std::string(GetParam()) + " " + std::to_string(round));
    proxy_->kill_hard();
    const bool started = proxy_->start_again(kill_at(GetParam(), round)).has_value();
    lived = started && write(round);
    if (!lived) EXPECT_TRUE(eventually([&] { return !proxy_->running(); }));
    proxy_->kill_hard();  // one that lived dies at its next commit
    ASSERT_TRUE(proxy_->start_again()) << proxy_->log();
    ASSERT_NO_FATAL_FAILURE(expect_views());
    if (HasFailure()) return;
  }
  EXPECT_GT(round, 10) << "there is a commit for each write";
  expect_end();
}

// The queue is full and the link comes up: replay and sync commit what they have done. Every other
// time the end of a file is lost as well, as with the power.
TEST_P(KillAtCommitTest, WhileReplayingSendsEverythingOnce) {
  // All three steps together meet every commit; with WAYSTATION_SEEDS each of them does.
  const auto first = std::ranges::find(kSteps, std::string_view(GetParam())) - std::begin(kSteps);
  const bool all = std::getenv("WAYSTATION_SEEDS") != nullptr;
  int round = all ? 1 : 1 + static_cast<int>(first);
  for (bool lived = false; !lived && round <= kMostRounds; round += all ? 1 : 3) {
    SCOPED_TRACE(std::string(GetParam()) + " " + std::to_string(round));
    link_->down();
    ASSERT_TRUE(write(round)) << proxy_->log();
    proxy_->kill_hard();
    link_->up();
    const bool started = proxy_->start_again(kill_at(GetParam(), round)).has_value();
    lived = started &&
            eventually(
                [&] {
                  const auto status = proxy_->status();
                  return !proxy_->running() || (status && status->pending == 0);
                },
                60s) &&
            proxy_->running();
    proxy_->kill_hard();
    if (round % 2 != 0) tear(round % 4 == 1, 1 + static_cast<std::uintmax_t>(round) * 7 % 60);
    ASSERT_TRUE(proxy_->start_again()) << proxy_->log();
    const auto sent = proxy_->wait_until_sent();
    ASSERT_TRUE(sent) << sent.error().text() << proxy_->log();
    const auto complete = proxy_->wait_until_complete();
    ASSERT_TRUE(complete) << complete.error().text() << proxy_->log();
    ASSERT_NO_FATAL_FAILURE(expect_views());
    if (HasFailure()) return;
  }
  EXPECT_GT(round, 10);
  expect_end();
}

INSTANTIATE_TEST_SUITE_P(Steps, KillAtCommitTest, testing::ValuesIn(kSteps),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace support
