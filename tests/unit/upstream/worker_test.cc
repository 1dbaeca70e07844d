// The worker against scripted servers: what it brings into the cache, and what it keeps out.
#include "upstream/worker.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/scripted_server.h"
#include "tests/support/worker_fixture.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
using support::Rule;
using support::ScriptedServer;
using State = cache::RemoteStatus::State;

class WorkerTest : public WorkerFixture {
 protected:
  void SetUp() override {
    WorkerFixture::SetUp();
    serve({});
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

  void start() { WorkerFixture::start(server_->port()); }

  std::unique_ptr<ScriptedServer> server_;
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
