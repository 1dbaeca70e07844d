// What is not believed at first sight, and mailboxes that turn out to be other ones: what is here
// is kept, keeps its UIDs, and what was to be done to it is done to it.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/scripted_server.h"
#include "tests/unit/upstream/replay_fixture.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
using support::ScriptedServer;

// ---- Looks that are repeated ----

class SecondLookTest : public WorkerFixture {
 protected:
  void SetUp() override {
    WorkerFixture::SetUp();
    settings_.prefetch.kind = config::Prefetch::Kind::kHeaders;
    // Time to make good between the first look and the second.
    settings_.sync.reconnect_min = 400ms;
    settings_.sync.reconnect_max = 400ms;
    settings_.sync.poll_interval = 1h;
    settings_.upstream->max_connections = 1;
    auto server = ScriptedServer::start({}, ScriptedServer::plain_server("IMAP4rev1 ID"));
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
  }

  void list(const std::vector<std::string>& mailboxes) {
    std::vector<std::string> lines;
    for (const std::string& name : mailboxes) lines.push_back("* LIST () \"/\" " + name);
    server_->add_rule({"LIST *", lines});
    server_->add_rule({"STATUS *", {}});
  }
  void fill(std::uint32_t exists, const std::string& uids, std::uint32_t uid_next) {
    const std::string next = std::to_string(uid_next);
    const std::string count = std::to_string(exists);
    server_->add_rule({"UID SEARCH *", {"* SEARCH" + uids}});
    server_->add_rule(
        {"STATUS INBOX *",
         {"* STATUS INBOX (MESSAGES " + count + " UIDNEXT " + next + " UIDVALIDITY 1 UNSEEN 0)"}});
    server_->add_rule({"SELECT *",
                       {"* " + count + " EXISTS", "* OK [UIDVALIDITY 1] ok",
                        "* OK [UIDNEXT " + next + "] ok", "$0 OK [READ-WRITE] selected"}});
  }
  static std::string numbers(std::uint32_t first, std::uint32_t last) {
    std::string text;
    for (std::uint32_t uid = first; uid <= last; ++uid) text += " " + std::to_string(uid);
    return text;
  }
  // All are known; then the list that the next connection gets lacks four of them.
  void lose_four_of_six() {
    list({"INBOX", "A", "B", "C", "D", "E"});
    start(server_->port());
    ASSERT_TRUE(wait([this] {
      const auto* last = account_->find_mailbox("E");
      return last != nullptr && last->upstream.uids_known;
    }));
    list({"INBOX", "A"});
    server_->hang_up();
  }
  bool is_doubted(std::string_view what) {
    return wait([&] { return worker_->status().last_error.find(what) != std::string::npos; });
  }

  std::unique_ptr<ScriptedServer> server_;
};

TEST_F(SecondLookTest, FoldersThatAreMissingOnceAreKept) {
  ASSERT_NO_FATAL_FAILURE(lose_four_of_six());
  ASSERT_TRUE(is_doubted("seem to be gone"));
  EXPECT_EQ(account_->mailboxes().size(), 6U);
  list({"INBOX", "A", "B", "C", "D", "E"});
  ASSERT_TRUE(
      wait([this] { return worker_->status().state == cache::RemoteStatus::State::kOnline; }));
  EXPECT_TRUE(wait([this] { return worker_->status().last_error.empty(); }));
  EXPECT_EQ(account_->mailboxes().size(), 6U);
}

TEST_F(SecondLookTest, FoldersThatAreMissingTwiceAreGone) {
  ASSERT_NO_FATAL_FAILURE(lose_four_of_six());
  EXPECT_TRUE(wait([this] { return account_->mailboxes().size() == 2; }));
}

TEST_F(SecondLookTest, AMailboxThatIsEmptyOnceIsKept) {
  fill(40, numbers(1, 40), 41);
  start(server_->port());
  ASSERT_TRUE(wait([this] { return in_step() && messages() == 40; }));
  fill(0, "", 41);
  server_->hang_up();
  ASSERT_TRUE(is_doubted("looking again"));
  EXPECT_EQ(messages(), 40U);
  fill(40, numbers(1, 40), 41);
  EXPECT_TRUE(wait([this] { return worker_->status().last_error.empty() && in_step(); }));
  EXPECT_EQ(messages(), 40U);
}

// Yahoo shows the newest 10,000 messages of a mailbox.
TEST_F(SecondLookTest, MessagesBeyondAWindowAreKept) {
  server_->add_rule({"ID *", {"* ID (\"name\" \"Yahoo! Mail\")"}});
  fill(10'000, numbers(1, 10'000), 10'001);
  start(server_->port());
  ASSERT_TRUE(wait([this] { return in_step() && messages() == 10'000; }));
  // Three new ones push three out, and one in the middle is deleted.
  fill(10'000, numbers(3, 5'000) + numbers(5'002, 10'003), 10'004);
  server_->add_rule({"UID FETCH 10001:* *",
                     {"* 9998 FETCH (UID 10001 FLAGS ())", "* 9999 FETCH (UID 10002 FLAGS ())",
                      "* 10000 FETCH (UID 10003 FLAGS ())"}});
  server_->hang_up();
  EXPECT_TRUE(wait([this] { return messages() == 10'002; }));
  const imap::SequenceSet uids = all_uids("INBOX");
  EXPECT_TRUE(uids.contains(imap::Uid(1)));
  EXPECT_TRUE(uids.contains(imap::Uid(2)));
  EXPECT_FALSE(uids.contains(imap::Uid(5'001)));
}

// ---- Other mailboxes under the same name ----

class OtherMailboxTest : public ReplayFixture {
 protected:
  void serve_filled(std::uint32_t count) {
    ASSERT_NO_FATAL_FAILURE(serve());
    for (std::uint32_t i = 1; i <= count; ++i) {
      // Some without a Message-ID, some the same as others.
      server_->deliver("INBOX", i % 3 == 0 ? "Subject: no id " + std::to_string(i) + "\r\n\r\n" +
                                                 std::string(i, 'x') + "\r\n"
                                           : mail(static_cast<int>(i % 3 == 1 ? i : i - 1)));
      server_->deliver("Work", mail(static_cast<int>(1'000 + i)));
    }
    look_around();
    ASSERT_EQ(settled(), "");
  }
  // Nobody is let in any more; writes wait.
  void go_offline() {
    server_->refuse("LOGIN", "NO [UNAVAILABLE] later", SIZE_MAX);
    server_->cut(Direction::kToServer, 0);
    look_around();
    ASSERT_TRUE(
        wait([this] { return worker_->status().state == cache::RemoteStatus::State::kOffline; }));
  }
  void go_online() { server_->refuse("LOGIN", "", 0); }

  void flag(std::string_view mailbox, std::uint32_t uid) {
    imap::FlagList flagged;
    flagged.system.add(imap::SystemFlag::kFlagged);
    ASSERT_TRUE(run(account_->store_flags(id_of(mailbox), imap::SequenceSet::of(uid, uid),
                                          {flagged, {}}, std::nullopt, nullptr)));
  }
};

TEST_F(OtherMailboxTest, WritesFindTheirMessagesAgainUnderNewUids) {
  ASSERT_NO_FATAL_FAILURE(serve_filled(24));
  const imap::SequenceSet before = all_uids("Work");
  go_offline();
  Contents expected = contents();
  flag("INBOX", 3);
  flag("INBOX", 7);
  ASSERT_TRUE(run(account_->expunge(id_of("INBOX"), imap::SequenceSet::of(10, 10), true)));
  expected["INBOX"].extract(mail(10));
  ASSERT_TRUE(run(account_->move(id_of("INBOX"), imap::SequenceSet::of(13, 13), id_of("Work"))));
  expected["INBOX"].extract(mail(13));
  expected["Work"].insert(mail(13));
  append_all("Work", {mail(5'000)});
  expected["Work"].insert(mail(5'000));
  server_->renumber("INBOX");
  server_->renumber("Work");
  go_online();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents(), expected);
  EXPECT_TRUE(before.minus(all_uids("Work")).empty()) << "UIDs here stay";
  EXPECT_EQ(all_uids("INBOX").encode(), "1:9,11:12,14:24");
  EXPECT_EQ(recovered(), 0U);
  std::size_t flagged = 0;
  for (const support::ModelMessage& message : server_->messages("INBOX")) {
    if (message.flags.find("\\Flagged") != std::string::npos) ++flagged;
  }
  EXPECT_EQ(flagged, 2U);
}

TEST_F(OtherMailboxTest, OneRenumberedMailboxLeavesTheOthersAlone) {
  ASSERT_NO_FATAL_FAILURE(serve_filled(6));
  const Contents expected = contents();
  server_->renumber("Work");
  look_around();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents(), expected);
  EXPECT_EQ(all_uids("Work").encode(), "1:6");
  EXPECT_EQ(all_uids("INBOX").encode(), "1:6");
}

// A message that was under way when the link broke, and the server then renumbered. It has given it
// another date.
TEST_F(OtherMailboxTest, WhatWasUnderWayIsFoundUnderNewUids) {
  ASSERT_NO_FATAL_FAILURE(serve_filled(6));
  Contents expected = contents();
  std::size_t count = 6;
  for (const std::string& letter :
       {letters(Letters::kWithId, 5'000)[0], letters(Letters::kWithoutId, 5'001)[0]}) {
    SCOPED_TRACE(letter);
    expected["Work"].insert(letter);
    server_->hang_up_on("APPEND", true);
    server_->refuse("LOGIN", "NO [UNAVAILABLE] later", SIZE_MAX);
    append_all("Work", {letter});
    ++count;
    ASSERT_TRUE(wait([&] { return server_->messages("Work").size() == count; }));
    server_->renumber("Work");
    go_online();
    EXPECT_EQ(settled(), "");
    EXPECT_EQ(contents(), expected);
    EXPECT_EQ(all_uids("Work").encode(), "1:" + std::to_string(count));
  }
}

// A backup is put back and new mail has UIDs that others had: a write must not hit it.
TEST_F(OtherMailboxTest, WritesDoNotHitNewMailUnderOldUids) {
  ASSERT_NO_FATAL_FAILURE(serve_filled(24));
  go_offline();
  flag("INBOX", 4);
  ASSERT_TRUE(run(account_->expunge(id_of("INBOX"), imap::SequenceSet::of(22, 22), true)));
  ASSERT_TRUE(run(account_->move(id_of("INBOX"), imap::SequenceSet::of(21, 21), id_of("Work"))));
  server_->restore("INBOX", 20);
  for (int i = 0; i < 3; ++i) server_->deliver("INBOX", mail(3'000 + i));
  Contents expected = contents();
  // What was to be moved is nowhere upstream any more: it is uploaded.
  expected["Work"].insert("Subject: no id 21\r\n\r\n" + std::string(21, 'x') + "\r\n");
  go_online();
  EXPECT_EQ(settled(), "");
  EXPECT_EQ(contents(), expected);
  EXPECT_NE(server_->messages("INBOX")[3].flags.find("\\Flagged"), std::string::npos);
}

}  // namespace
}  // namespace upstream
