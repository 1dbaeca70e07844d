// Many mailboxes of which nothing is known: all at once, and none because of another one wrong.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/model_server.h"
#include "tests/unit/upstream/scripted_fixture.h"

namespace upstream {
namespace {

class ManyMailboxesTest : public WorkerFixture {
 protected:
  static constexpr int kMailboxes = 70;

  void SetUp() override {
    WorkerFixture::SetUp();
    auto server = support::ModelServer::start();
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
    for (int i = 0; i < kMailboxes; ++i) {
      server_->create(name(i));
      for (int k = 0; k < i % 5; ++k) server_->deliver(name(i), mail(100 * i + k));
    }
    settings_.prefetch.kind = config::Prefetch::Kind::kHeaders;
  }
  static std::string name(int i) { return "box" + std::to_string(i); }
  bool all_in_step() const {
    for (int i = 0; i < kMailboxes; ++i) {
      if (!in_step(name(i))) return false;
    }
    return true;
  }

  std::unique_ptr<support::ModelServer> server_;
};

TEST_F(ManyMailboxesTest, AreLookedIntoTogether) {
  start(server_->port());
  ASSERT_TRUE(wait([this] { return all_in_step(); }));
  for (int i = 0; i < kMailboxes; ++i) {
    ASSERT_EQ(messages(name(i)), static_cast<std::uint32_t>(i % 5)) << name(i);
    const auto box = run(account_->open_mailbox(id_of(name(i))));
    ASSERT_TRUE(box);
    for (const support::ModelMessage& message : server_->messages(name(i))) {
      const cache::MessageEntry* entry = (*box)->find_upstream(imap::Uid(message.uid));
      ASSERT_NE(entry, nullptr) << name(i);
      EXPECT_EQ(entry->size, message.bytes.size());
    }
  }
  // INBOX alone was asked for its UIDs.
  EXPECT_LE(server_->count("UID SEARCH"), 1U);
}

class CutTest : public ManyMailboxesTest, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(CutTest, InTheMiddleOfThemLosesNothing) {
  server_->cut(support::LinkDirection::kToClient, GetParam());
  start(server_->port());
  ASSERT_TRUE(wait([this] { return all_in_step(); }));
  EXPECT_TRUE(server_->was_cut());
  for (int i = 0; i < kMailboxes; ++i) {
    EXPECT_EQ(messages(name(i)), static_cast<std::uint32_t>(i % 5)) << name(i);
  }
}
INSTANTIATE_TEST_SUITE_P(ToTheClient, CutTest, testing::Values(4'000U, 8'000U, 12'000U, 16'000U));

class FirstLookTest : public ScriptedFixture {
 protected:
  // INBOX as ever, and A, B and C with one message each, of the UID given.
  void serve_three() {
    ASSERT_NO_FATAL_FAILURE(serve("IMAP4rev1", {.flags = ""}));
    std::vector<std::string> listed = {"* LIST () \"/\" INBOX"};
    for (const std::string name : {"A", "B", "C"}) {
      listed.push_back("* LIST () \"/\" " + name);
      server_->add_rule({"SELECT " + name,
                         {"* 1 EXISTS", "* OK [UIDVALIDITY 4] ok", "* OK [UIDNEXT 100] ok",
                          "$0 OK [READ-WRITE] selected"}});
      server_->add_rule(
          {"STATUS " + name + " *",
           {"* STATUS " + name + " (MESSAGES 1 UIDNEXT 100 UIDVALIDITY 4 UNSEEN 0)"}});
    }
    server_->add_rule({"LIST *", listed});
    server_->add_rule({"UID FETCH 1:* *", {fact(7)}});
    server_->add_rule({"UID FETCH 7 *", {fact(7)}});
    server_->add_rule({"UID SEARCH *", {"* SEARCH 7"}});
  }
  static std::string fact(int uid) {
    return "* 1 FETCH (UID " + std::to_string(uid) +
           " FLAGS () INTERNALDATE \"01-Jan-2024 00:00:00 +0000\" RFC822.SIZE 100)";
  }
};

TEST_F(FirstLookTest, OneThatIsRefusedLeavesTheOthersAlone) {
  ASSERT_NO_FATAL_FAILURE(serve_three());
  server_->add_rule({"SELECT B", {"$0 NO [NOPERM] not for you"}});
  reconnect();
  EXPECT_TRUE(wait([this] { return in_step("A") && in_step("C"); }));
  EXPECT_EQ(messages("A"), 1U);
  EXPECT_EQ(messages("C"), 1U);
  EXPECT_TRUE(wait([this] { return received("SELECT B") == 2; })) << "by itself";
  EXPECT_FALSE(in_step("B"));
  EXPECT_EQ(messages("B"), 0U) << "what the FETCH behind it told was of another mailbox";
}

TEST_F(FirstLookTest, WhatIsNotToldOfCompletelyIsLookedAtByItself) {
  ASSERT_NO_FATAL_FAILURE(serve_three());
  // More than there is, and a FETCH without a date.
  server_->add_rule({"UID FETCH 1:* *", {"* 1 FETCH (UID 7 FLAGS ())"}});
  reconnect();
  EXPECT_TRUE(wait([this] { return in_step("A") && in_step("B") && in_step("C"); }));
  EXPECT_EQ(received("UID SEARCH"), 4U) << "INBOX, A, B and C";
  EXPECT_EQ(messages("B"), 1U);
}

TEST_F(FirstLookTest, AnEmptyMailboxMayRefuseTheFetch) {
  ASSERT_NO_FATAL_FAILURE(serve_three());
  for (const std::string name : {"A", "B", "C"}) {
    server_->add_rule({"SELECT " + name,
                       {"* 0 EXISTS", "* OK [UIDVALIDITY 4] ok", "* OK [UIDNEXT 100] ok",
                        "$0 OK [READ-WRITE] selected"}});
  }
  server_->add_rule({"UID FETCH 1:* *", {"$0 NO nothing there"}});
  reconnect();
  EXPECT_TRUE(wait([this] { return in_step("A") && in_step("B") && in_step("C"); }));
  EXPECT_EQ(received("SELECT B"), 1U);
  EXPECT_EQ(messages("B"), 0U);
}

}  // namespace
}  // namespace upstream
