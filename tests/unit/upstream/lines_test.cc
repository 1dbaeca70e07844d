// The connection limit: whatever it is, it is kept, and everything works.
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/model_server.h"
#include "tests/support/worker_fixture.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
using support::ModelServer;

class LinesTest : public WorkerFixture, public testing::WithParamInterface<std::uint32_t> {
 protected:
  void SetUp() override {
    WorkerFixture::SetUp();
    auto server = ModelServer::start({.max_connections = GetParam()});
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
    server_->create("Work");
    for (int i = 1; i <= 30; ++i) server_->deliver("INBOX", mail(i));
    server_->deliver("Work", mail(100));
    settings_.upstream->max_connections = GetParam();
    // What is told by nobody is not seen in the time of a test.
    settings_.sync.poll_interval = 1h;
  }
  void start() { WorkerFixture::start(server_->port()); }

  std::unique_ptr<ModelServer> server_;
};

TEST_P(LinesTest, EverythingWorksWithinTheLimit) {
  start();
  EXPECT_TRUE(wait([this] { return bodies("INBOX") == 30 && bodies("Work") == 1; }));
  server_->deliver("INBOX", mail(31));
  EXPECT_TRUE(wait([this] { return messages("INBOX") == 31 && bodies("INBOX") == 31; }));
  // A client opens another mailbox, where something arrives.
  worker_->selected(id_of("Work"));
  server_->deliver("Work", mail(101));
  EXPECT_TRUE(wait([this] { return messages("Work") == 2; }));
  // It writes.
  ASSERT_TRUE(append("Work", mail(102)));
  EXPECT_TRUE(wait([this] { return nothing_unsent(); }));
  EXPECT_EQ(server_->messages("Work").size(), 3U);
  // It leaves, and INBOX is listened to again.
  worker_->unselected(id_of("Work"));
  server_->deliver("INBOX", mail(32));
  EXPECT_TRUE(wait([this] { return messages("INBOX") == 32; }));
  EXPECT_LE(server_->most_connections(), GetParam());
}

TEST_P(LinesTest, ReadersAreAnswered) {
  settings_.prefetch.kind = config::Prefetch::Kind::kHeaders;
  start();
  ASSERT_TRUE(wait([this] { return in_step("INBOX") && in_step("Work"); }));
  const auto inbox = run(worker_->fetch_bodies(id_of("INBOX"), all_uids("INBOX"), {}));
  ASSERT_TRUE(inbox) << inbox.error().text();
  const auto work = run(worker_->fetch_bodies(id_of("Work"), all_uids("Work"), {}));
  ASSERT_TRUE(work) << work.error().text();
  EXPECT_EQ(bodies("INBOX"), 30U);
  EXPECT_EQ(bodies("Work"), 1U);
  EXPECT_LE(server_->most_connections(), GetParam());
}

// The flow is forgotten on the way: nothing is refused, nothing arrives, nobody says so.
TEST_P(LinesTest, ALinkThatDiedInSilenceIsNoticedWhileListening) {
  settings_.sync.idle_renewal = 200ms;
  settings_.upstream->response_timeout = 500ms;
  start();
  ASSERT_TRUE(wait([this] { return bodies("INBOX") == 30 && bodies("Work") == 1; }));
  server_->mute();
  server_->deliver("INBOX", mail(31));
  EXPECT_TRUE(wait([this] { return messages("INBOX") == 31; }));
}

TEST_P(LinesTest, ALossIsLookedAtOverAnotherConnection) {
  start();
  ASSERT_TRUE(wait([this] { return bodies("INBOX") == 30 && bodies("Work") == 1; }));
  server_->clear("INBOX");
  EXPECT_TRUE(wait([this] { return messages("INBOX") == 0; }));
  EXPECT_LE(server_->most_connections(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Limits, LinesTest, testing::Values(1, 2, 3, 4, 5));

}  // namespace
}  // namespace upstream
