// Bodies that are not what was announced.
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/model_server.h"
#include "tests/support/worker_fixture.h"

namespace upstream {
namespace {

class PrefetchTest : public WorkerFixture {
 protected:
  void SetUp() override {
    WorkerFixture::SetUp();
    auto server = support::ModelServer::start();
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
  }
  std::unique_ptr<support::ModelServer> server_;
};

TEST_F(PrefetchTest, TakesABodyFarLargerThanAnnounced) {
  server_->deliver("INBOX", mail(1));
  server_->deliver("INBOX", mail(2) + std::string(2'000'000, 'x') + "\r\n");
  server_->claim_size(100);
  start(server_->port());
  EXPECT_TRUE(wait([this] { return bodies() == 2; }));
}

TEST_F(PrefetchTest, TakesABodyFarSmallerThanAnnounced) {
  server_->deliver("INBOX", mail(1));
  server_->claim_size(3'000'000);
  start(server_->port());
  EXPECT_TRUE(wait([this] { return bodies() == 1; }));
}

TEST_F(PrefetchTest, TriesABodyAloneThatABatchDidNotBring) {
  for (int i = 1; i <= 5; ++i) server_->deliver("INBOX", mail(i));
  server_->withhold_body("INBOX", 3, 1);
  start(server_->port());
  EXPECT_TRUE(wait([this] { return bodies() == 5; }));
}

TEST_F(PrefetchTest, ParksABodyThatIsNotGivenAndSaysSo) {
  for (int i = 1; i <= 5; ++i) server_->deliver("INBOX", mail(i));
  server_->withhold_body("INBOX", 3, 1'000);
  start(server_->port());
  EXPECT_TRUE(wait([this] {
    return bodies() == 4 && worker_->status().last_error.find("UID 3") != std::string::npos;
  }));
  EXPECT_EQ(messages(), 5U);
}

}  // namespace
}  // namespace upstream
