// ScriptedFixture: a worker before a server that says what the test wants of one INBOX.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/scripted_server.h"
#include "tests/support/worker_fixture.h"

namespace upstream {

class ScriptedFixture : public WorkerFixture {
 protected:
  // INBOX has messages 5 and 9, the first with these flags.
  struct Inbox {
    std::string flags = {};
    std::uint64_t modseq = 0;   // 0: not told
    std::string vanished = {};  // QRESYNC
    std::uint32_t uid_next = 10;
  };

  void SetUp() override {
    WorkerFixture::SetUp();
    settings_.prefetch.kind = config::Prefetch::Kind::kHeaders;
    settings_.sync.reconnect_min = std::chrono::milliseconds(1);
    settings_.sync.poll_interval = std::chrono::hours(1);
    settings_.upstream->max_connections = 1;
  }

  void serve(std::string_view capabilities, const Inbox& inbox) {
    auto server = support::ScriptedServer::start(
        scripts_, support::ScriptedServer::plain_server(capabilities));
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
    if (plain_enable_) {
      server_->add_rule({"ENABLE *", {}});
    } else {
      server_->add_rule({"ENABLE *", {"* ENABLED CONDSTORE QRESYNC"}});
    }
    show(inbox);
    start(server_->port());
    ASSERT_TRUE(wait([this] { return in_step() && messages() == 2; }));
  }

  // From now on this is what there is.
  void show(const Inbox& inbox) {
    const std::string modseq = std::to_string(inbox.modseq);
    const std::string next = std::to_string(inbox.uid_next);
    std::vector<std::string> selected = {"* 2 EXISTS", "* OK [UIDVALIDITY 1] ok",
                                         "* OK [UIDNEXT " + next + "] ok"};
    std::string status = "* STATUS INBOX (MESSAGES 2 UIDNEXT " + next + " UIDVALIDITY 1 UNSEEN 1";
    if (inbox.modseq != 0) {
      selected.push_back("* OK [HIGHESTMODSEQ " + modseq + "] ok");
      status += " HIGHESTMODSEQ " + modseq;
    }
    const std::vector<std::string> facts = {
        "* 1 FETCH (UID 5 FLAGS (" + inbox.flags +
            ") INTERNALDATE \"01-Jan-2024 00:00:00 +0000\" RFC822.SIZE 100)",
        "* 2 FETCH (UID 9 FLAGS () INTERNALDATE \"02-Jan-2024 00:00:00 +0000\" RFC822.SIZE 200)"};
    server_->add_rule({"UID SEARCH *", {"* SEARCH 5 9"}});
    server_->add_rule({"UID FETCH *", facts});
    server_->add_rule({"STATUS INBOX *", {status + ")"}});
    std::vector<std::string> resynced = selected;
    if (!inbox.vanished.empty()) resynced.push_back("* VANISHED (EARLIER) " + inbox.vanished);
    const std::string done = "$0 OK [READ-WRITE] selected";
    selected.push_back(done);
    resynced.push_back(facts[0]);
    resynced.push_back(done);
    server_->add_rule({"SELECT *", selected});
    server_->add_rule({"SELECT * (QRESYNC *", resynced});
  }

  // The connection is lost: the next one looks around anew.
  void reconnect() {
    const std::size_t before = server_->connections();
    server_->hang_up();
    ASSERT_TRUE(wait([&] {
      return server_->connections() > before &&
             worker_->status().state == cache::RemoteStatus::State::kOnline;
    }));
  }

  bool becomes_seen() {
    return wait([this] { return account_->find_mailbox("INBOX")->unseen == 1; });
  }
  bool tier_becomes(std::string_view start) {
    return wait([&] { return worker_->status().tier.starts_with(start); });
  }
  std::size_t received(std::string_view part) const {
    std::size_t count = 0;
    for (const std::string& line : server_->received()) count += line.find(part) != line.npos;
    return count;
  }

  static constexpr std::string_view kBest = "IMAP4rev1 ENABLE CONDSTORE QRESYNC";
  std::unique_ptr<support::ScriptedServer> server_;
  bool plain_enable_ = false;             // ENABLE says OK and nothing else
  std::vector<support::Script> scripts_;  // beside the rules
};

}  // namespace upstream
