// The worker against scripted servers: what it brings into the cache, and what it keeps out.
#include "upstream/worker.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cache/database.h"
#include "tests/support/loop_fixture.h"
#include "tests/support/scripted_server.h"
#include "tests/support/temp_dir.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
using support::Rule;
using support::ScriptedServer;
using State = cache::RemoteStatus::State;

class WorkerTest : public testing::Test, protected LoopFixture {
 protected:
  void SetUp() override {
    auto database = cache::Database::open((directory_ / "data").string(), {});
    ASSERT_TRUE(database) << database.error().text();
    database_ = std::move(*database);
    auto account = run(cache::Account::open(database_->store(), loop(), {.name = "test"}));
    ASSERT_TRUE(account) << account.error().text();
    account_ = std::move(*account);
    serve({});
  }
  void TearDown() override {
    stop();
    run(account_->close());
    account_.reset();
    database_.reset();
  }

  void serve(std::vector<support::Script> scripts) {
    auto server = ScriptedServer::start(std::move(scripts), ScriptedServer::plain_server());
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
  }
  // INBOX with two messages, whose bodies the server does not give.
  void give_messages() {
    server_->add_rule({"SELECT *",
                       {"* 2 EXISTS", "* OK [UIDVALIDITY 1] ok", "* OK [UIDNEXT 10] ok",
                        "$0 OK [READ-WRITE] selected"}});
    server_->add_rule({"UID SEARCH *", {"* SEARCH 5 9"}});
    server_->add_rule({"UID FETCH *",
                       {"* 1 FETCH (UID 5 FLAGS (\\Seen) INTERNALDATE \"01-Jan-2024 00:00:00 "
                        "+0000\" RFC822.SIZE 100 BODY[] NIL)",
                        "* 2 FETCH (UID 9 FLAGS () INTERNALDATE \"02-Jan-2024 00:00:00 +0000\" "
                        "RFC822.SIZE 200 BODY[] NIL)"}});
    server_->add_rule(
        {"STATUS INBOX *", {"* STATUS INBOX (MESSAGES 2 UIDNEXT 10 UIDVALIDITY 1 UNSEEN 1)"}});
  }

  void start() {
    config::Account settings;
    settings.upstream.emplace();
    settings.upstream->host = "127.0.0.1";
    settings.upstream->port = server_->port();
    settings.upstream->tls = config::Tls::kNone;
    settings.upstream->user = "alice";
    settings.upstream->password.kind = config::SecretSource::Kind::kPlain;
    settings.upstream->password.plain = Secret("secret");
    settings.sync.reconnect_min = 50ms;
    worker_ = std::make_unique<Worker>(loop(), account_.get(), settings);
    worker_->start();
  }
  void stop() {
    if (worker_) run(worker_->stop());
    worker_.reset();
  }

  static Task<bool> until(net::Loop* loop, std::function<bool()> done) {
    for (int i = 0; i < 1'000; ++i) {
      if (done()) co_return true;
      (void)co_await sleep_for(loop, 10ms);
    }
    co_return done();
  }
  bool wait(std::function<bool()> done) { return run(until(loop(), std::move(done))); }

  std::uint32_t messages() const {
    const cache::MailboxRecord* inbox = account_->find_mailbox("INBOX");
    return inbox == nullptr ? 0 : inbox->messages;
  }
  bool in_step() const {
    const cache::MailboxRecord* inbox = account_->find_mailbox("INBOX");
    return inbox != nullptr && inbox->upstream.flags_known && inbox->upstream.last_good_check != 0;
  }

  support::TempDir directory_;
  std::unique_ptr<cache::Database> database_;
  std::unique_ptr<cache::Account> account_;
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<Worker> worker_;
};

TEST_F(WorkerTest, BringsAMailboxIntoTheCache) {
  give_messages();
  start();
  EXPECT_TRUE(wait([this] { return in_step(); }));
  EXPECT_EQ(messages(), 2U);
  EXPECT_EQ(account_->find_mailbox("INBOX")->unseen, 1U);
  EXPECT_EQ(worker_->status().state, State::kOnline);
}

TEST_F(WorkerTest, ReportsARefusedLoginAndAnswersAtOnce) {
  server_->add_rule({"LOGIN *", {"$0 NO [AUTHENTICATIONFAILED] no"}});
  start();
  EXPECT_TRUE(wait([this] { return worker_->status().state == State::kRefused; }));
  const auto inbox = account_->find_mailbox("INBOX");
  ASSERT_NE(inbox, nullptr);
  const auto fetched = run(worker_->fetch_bodies(inbox->id, imap::SequenceSet::of(1, 1), {}));
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code(), Errc::kUnavailable);
}

TEST_F(WorkerTest, DoesNotWaitForAMailboxThatCannotBeOpened) {
  server_->add_rule({"SELECT *", {"$0 NO [SERVERBUG] broken"}});
  start();
  const auto inbox = account_->find_mailbox("INBOX");
  ASSERT_NE(inbox, nullptr);
  const auto ready = run(worker_->ensure_selectable(inbox->id, {}));
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().code(), Errc::kUnavailable);
}

TEST_F(WorkerTest, RemovesNothingBecauseOfAnEmptyFolderList) {
  give_messages();
  start();
  ASSERT_TRUE(wait([this] { return in_step(); }));
  stop();
  server_->add_rule({"LIST *", {}});
  start();
  EXPECT_TRUE(wait([this] { return worker_->status().state == State::kOffline; }));
  EXPECT_EQ(messages(), 2U);
}

TEST_F(WorkerTest, LooksTwiceBeforeAMailboxIsEmptied) {
  give_messages();
  start();
  ASSERT_TRUE(wait([this] { return in_step(); }));
  stop();
  // Empty, whoever looks.
  server_->add_rule(
      {"STATUS INBOX *", {"* STATUS INBOX (MESSAGES 0 UIDNEXT 10 UIDVALIDITY 1 UNSEEN 0)"}});
  server_->add_rule({"UID SEARCH *", {"* SEARCH"}});
  server_->add_rule({"SELECT *",
                     {"* 0 EXISTS", "* OK [UIDVALIDITY 1] ok", "* OK [UIDNEXT 10] ok",
                      "$0 OK [READ-WRITE] selected"}});
  const std::size_t before = server_->connections();
  start();
  EXPECT_TRUE(wait([this] { return messages() == 0; }));
  EXPECT_GE(server_->connections() - before, 2U);
}

TEST_F(WorkerTest, StopsSoonWhenTheServerIsSilent) {
  std::vector<support::Script> silent(8, support::Script{support::Drain{}});
  serve(std::move(silent));
  start();
  run(until(loop(), [this] { return server_->connections() > 0; }));
  const auto begin = std::chrono::steady_clock::now();
  stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
}

}  // namespace
}  // namespace upstream
