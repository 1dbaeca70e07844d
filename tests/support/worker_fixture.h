// WorkerFixture: a worker on a cache of its own, for a server that a test provides.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cache/database.h"
#include "config/config.h"
#include "tests/support/loop_fixture.h"
#include "tests/support/temp_dir.h"
#include "upstream/worker.h"

namespace upstream {

class WorkerFixture : public testing::Test, protected LoopFixture {
 protected:
  void SetUp() override {
    auto database = cache::Database::open((directory_ / "data").string(), {});
    ASSERT_TRUE(database) << database.error().text();
    database_ = std::move(*database);
    auto account = run(cache::Account::open(database_->store(), loop(), {.name = "test"}));
    ASSERT_TRUE(account) << account.error().text();
    account_ = std::move(*account);
    settings_.upstream.emplace();
    settings_.upstream->host = "127.0.0.1";
    settings_.upstream->tls = config::Tls::kNone;
    settings_.upstream->user = "alice";
    settings_.upstream->password.kind = config::SecretSource::Kind::kPlain;
    settings_.upstream->password.plain = Secret("secret");
    settings_.sync.reconnect_min = std::chrono::milliseconds(50);
  }
  void TearDown() override {
    stop();
    run(account_->close());
    account_.reset();
    database_.reset();
  }

  void start(std::uint16_t port) {
    settings_.upstream->port = port;
    worker_ = std::make_unique<Worker>(loop(), account_.get(), settings_);
    worker_->start();
  }
  void stop() {
    if (worker_) run(worker_->stop());
    worker_.reset();
  }

  static Task<bool> until(net::Loop* loop, std::function<bool()> done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(40);
    while (!done() && std::chrono::steady_clock::now() < end) {
      (void)co_await sleep_for(loop, std::chrono::milliseconds(2));
    }
    co_return done();
  }
  bool wait(std::function<bool()> done) { return run(until(loop(), std::move(done))); }

  std::uint32_t messages(std::string_view mailbox = "INBOX") const {
    const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
    return record == nullptr ? 0 : record->messages;
  }
  std::size_t bodies(std::string_view mailbox = "INBOX") const {
    const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
    return record == nullptr ? 0 : record->bodies;
  }
  cache::MailboxId id_of(std::string_view mailbox) const {
    const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
    return record == nullptr ? cache::MailboxId() : record->id;
  }
  bool in_step(std::string_view mailbox = "INBOX") const {
    const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
    return record != nullptr && record->upstream.flags_known &&
           record->upstream.last_good_check != 0;
  }
  bool nothing_unsent() const { return account_->journal().empty(); }
  imap::SequenceSet all_uids(std::string_view mailbox) {
    const auto box = run(account_->open_mailbox(id_of(mailbox)));
    imap::SequenceSet uids;
    if (!box) return uids;
    for (const cache::MessageEntry& entry : (*box)->messages()) uids.add(entry.uid);
    return uids;
  }

  /// What a client does here.
  Result<cache::AppendResult> append(std::string_view mailbox, const std::string& bytes) {
    std::unique_ptr<cache::ContentWriter> content = account_->begin_message();
    content->feed(bytes);
    content->finish();
    return run(account_->append(id_of(mailbox), std::move(content), {}, std::nullopt, 0));
  }

  static std::string mail(int number) {
    return "From: a@example.org\r\nMessage-ID: <" + std::to_string(number) +
           "@example.org>\r\nSubject: " + std::to_string(number) + "\r\n\r\ntext\r\n";
  }

  support::TempDir directory_;
  std::unique_ptr<cache::Database> database_;
  std::unique_ptr<cache::Account> account_;
  config::Account settings_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace upstream
