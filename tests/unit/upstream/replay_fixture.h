// ReplayFixture: a worker before a model server whose link and answers break.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/model_server.h"
#include "tests/support/writes_fixture.h"

namespace upstream {

class ReplayFixture : public WritesFixture {
 protected:
  void SetUp() override {
    WritesFixture::SetUp();
    settings_.sync.reconnect_min = std::chrono::milliseconds(1);
    settings_.sync.reconnect_max = std::chrono::milliseconds(4);
  }

  /// Starts the worker before a server that has INBOX and Work.
  void serve(support::ModelOptions options = {}) {
    auto server = support::ModelServer::start(std::move(options));
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
    server_->create("Work");
    start(server_->port());
    ASSERT_EQ(settled(), "");
  }

  /// Bodies are not fetched before somebody asks. REQUIRES: before serve().
  void serve_headers_alone() {
    settings_.prefetch.kind = config::Prefetch::Kind::kHeaders;
    bodies_expected_ = false;
  }

  Result<Tree> there() override {
    Tree tree;
    for (const std::string& mailbox : server_->mailboxes()) {
      std::vector<support::MessageView>& views = tree[mailbox];
      for (support::ModelMessage& message : server_->messages(mailbox)) {
        std::istringstream words(message.flags);
        std::vector<std::string> flags;
        for (std::string flag; words >> flag;) flags.push_back(flag);
        views.push_back({message.uid, std::move(flags), std::move(message.bytes)});
      }
    }
    return tree;
  }
  void cut(Direction direction, std::uint64_t after) override { server_->cut(direction, after); }
  bool was_cut() override { return server_->was_cut(); }

  /// The operator asks for another try at once.
  void retry_now() {
    std::vector<cache::JournalSeq> entries;
    for (const auto& [seq, entry] : account_->journal()) entries.push_back(seq);
    ASSERT_TRUE(run(account_->unpark(std::move(entries))));
    worker_->journal_grew();
  }

  /// A round of looking at every mailbox, as it comes with time.
  void look_around() {
    for (const auto& [name, record] : account_->mailboxes()) {
      run(worker_->ensure_selectable(record->id, {}));
    }
  }

  std::unique_ptr<support::ModelServer> server_;
};

}  // namespace upstream
