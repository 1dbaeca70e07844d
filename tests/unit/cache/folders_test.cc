// The folder tree: what clients do to it, and what upstream says of it.
#include <gtest/gtest.h>

#include "tests/unit/cache/account_fixture.h"

namespace cache {
namespace {

class FoldersTest : public testing::Test {
 protected:
  ~FoldersTest() override { f.check(); }

  std::string names() {
    std::string text;
    for (const auto& [name, record] : f.account().mailboxes()) {
      if (!text.empty()) text += ' ';
      text += name;
      if ((record->attributes & kNoSelect) != 0) text += "(name)";
    }
    return text;
  }
  Result<MailboxId> create(std::string name) {
    return f.run(f.account().create_mailbox(std::move(name), 0));
  }
  Result<> remove_mailbox(std::string name) {
    return f.run(f.account().delete_mailbox(std::move(name)));
  }
  Result<> rename(std::string from, std::string to) {
    return f.run(f.account().rename_mailbox(std::move(from), std::move(to)));
  }
  AccountFixture f;  // NOLINT(readability-identifier-naming): short in every line
};

TEST_F(FoldersTest, CreateMakesTheLevelsAbove) {
  ASSERT_TRUE(create("a/b/c/").has_value());
  EXPECT_EQ(names(), "INBOX a a/b a/b/c");
  EXPECT_EQ(f.journal(), "CREATE CREATE CREATE");
  EXPECT_EQ(create("a/b").error().code(), Errc::kAlreadyExists);
  ASSERT_TRUE(create("inbox/x").has_value());
  EXPECT_EQ(names(), "INBOX INBOX/x a a/b a/b/c");
  f.reopen();
  EXPECT_EQ(names(), "INBOX INBOX/x a a/b a/b/c");
}

TEST_F(FoldersTest, NamesAreChecked) {
  for (const char* name : {"", "/", "/a", "a//b", "a\nb", "a\x7f", "inbox"}) {
    EXPECT_FALSE(create(name).has_value()) << name;
  }
  EXPECT_FALSE(create(std::string("a\0b", 3)).has_value());
  EXPECT_FALSE(create(std::string(2'000, 'a')).has_value());
  EXPECT_TRUE(create("Entwürfe").has_value());
}

TEST_F(FoldersTest, SpecialUsesAreKept) {
  ASSERT_TRUE(f.run(f.account().create_mailbox("Old", kSpecialArchive)).has_value());
  EXPECT_EQ(f.record("Old").attributes & kSpecialArchive, kSpecialArchive);
  EXPECT_EQ(std::get<JournalCreate>(f.account().journal().begin()->second.op).special_use,
            "\\Archive");
}

TEST_F(FoldersTest, InboxCannotBeDeleted) {
  EXPECT_EQ(remove_mailbox("inbox").error().code(), Errc::kPermission);
  EXPECT_EQ(remove_mailbox("nothing").error().code(), Errc::kNotFound);
}

TEST_F(FoldersTest, CreateThenDeleteIsNothing) {
  ASSERT_TRUE(create("a").has_value());
  ASSERT_TRUE(f.append("a", mail("x")).has_value());
  ASSERT_TRUE(remove_mailbox("a").has_value());
  EXPECT_EQ(f.journal(), "");
  EXPECT_EQ(names(), "INBOX");
}

TEST_F(FoldersTest, ADeletedMailboxIsRememberedUntilUpstreamKnows) {
  ASSERT_TRUE(f.list({"a"}).has_value());
  ASSERT_TRUE(f.merge_range("a", 1, 3).has_value());
  ASSERT_TRUE(f.store_flags("a", set_of(1), add(kSeen)).has_value());
  ASSERT_TRUE(f.append("a", mail("x")).has_value());
  ASSERT_TRUE(remove_mailbox("a").has_value());
  EXPECT_EQ(names(), "INBOX");
  EXPECT_EQ(f.journal(), "DELETE");
  EXPECT_EQ(std::get<JournalDelete>(f.account().journal().begin()->second.op).upstream_name, "a");
  f.check();
  // It is listed still, and does not come back.
  ASSERT_TRUE(f.list({"a"}).has_value());
  EXPECT_EQ(names(), "INBOX");
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, std::nullopt)).has_value());
  f.check();
  ASSERT_TRUE(f.list({"a"}).has_value());
  EXPECT_EQ(names(), "INBOX a") << "somebody made it again";
}

TEST_F(FoldersTest, DeleteThenCreateIsAnotherMailbox) {
  ASSERT_TRUE(f.list({"a"}).has_value());
  const MailboxRecord before = f.record("a");
  ASSERT_TRUE(remove_mailbox("a").has_value());
  ASSERT_TRUE(create("a").has_value());
  EXPECT_EQ(f.journal(), "DELETE CREATE");
  EXPECT_NE(f.record("a").id, before.id);
  EXPECT_GT(f.record("a").uid_validity, before.uid_validity);
  ASSERT_TRUE(f.list({"a"}).has_value());
  EXPECT_EQ(f.journal(), "DELETE CREATE") << "what is listed is the old one";
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, std::nullopt)).has_value());
  ASSERT_TRUE(f.list({}).has_value());
  EXPECT_EQ(names(), "INBOX a");
}

TEST_F(FoldersTest, TheNameOfADeletedMailboxStaysWhileOthersAreBelow) {
  ASSERT_TRUE(f.list({"a", "a/b"}).has_value());
  ASSERT_TRUE(f.merge_range("a", 1, 3).has_value());
  ASSERT_TRUE(remove_mailbox("a").has_value());
  EXPECT_EQ(names(), "INBOX a(name) a/b");
  EXPECT_EQ(remove_mailbox("a").error().code(), Errc::kInvalid) << "RFC 3501 6.3.4";
  f.check();
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, std::nullopt)).has_value());
  ASSERT_TRUE(f.list({"a/b"}).has_value());
  EXPECT_EQ(names(), "INBOX a(name) a/b");
  ASSERT_TRUE(f.list({}).has_value());
  EXPECT_EQ(names(), "INBOX") << "a name with nothing below it";
}

TEST_F(FoldersTest, MessagesMovedOutBeforeADeleteAreStillMoved) {
  ASSERT_TRUE(f.list({"a", "b"}).has_value());
  ASSERT_TRUE(f.merge_range("a", 1, 3).has_value());
  ASSERT_TRUE(f.move("a", set_of(1, 2), "b").has_value());
  ASSERT_TRUE(remove_mailbox("a").has_value());
  EXPECT_EQ(f.journal(), "MOVE DELETE");
  f.check();
  f.reopen();
  ASSERT_TRUE(
      f.run(f.account().replayed(
                {f.entry(0)},
                ReplayedUids{{}, {{imap::Uid(1), imap::Uid(5)}, {imap::Uid(2), imap::Uid(6)}}}))
          .has_value());
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, std::nullopt)).has_value());
  EXPECT_EQ(f.shown("b"), "1 2");
}

TEST_F(FoldersTest, MessagesMovedIntoADeletedMailboxAreRemovedWhereTheyWere) {
  ASSERT_TRUE(f.list({"a"}).has_value());
  ASSERT_TRUE(f.merge_range("INBOX", 1, 3).has_value());
  ASSERT_TRUE(f.move("INBOX", set_of(2), "a").has_value());
  ASSERT_TRUE(remove_mailbox("a").has_value());
  EXPECT_EQ(f.journal(), "EXPUNGE DELETE");
  EXPECT_EQ(f.shown("INBOX"), "1 3");
}

TEST_F(FoldersTest, RenameTakesAllBelowAlong) {
  ASSERT_TRUE(f.list({"a", "a/b", "ab"}).has_value());
  ASSERT_TRUE(f.merge_range("a/b", 1, 3).has_value());
  const MailboxRecord before = f.record("a/b");
  ASSERT_TRUE(rename("a", "x/y").has_value());
  EXPECT_EQ(names(), "INBOX ab x x/y x/y/b");
  EXPECT_EQ(f.record("x/y/b").id, before.id);
  EXPECT_EQ(f.record("x/y/b").uid_validity, before.uid_validity);
  EXPECT_EQ(f.journal(), "CREATE RENAME");
  // Upstream still has the old names.
  ASSERT_TRUE(f.list({"a", "a/b", "ab"}).has_value());
  EXPECT_EQ(names(), "INBOX ab x x/y x/y/b");
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0), f.entry(1)}, std::nullopt)).has_value());
  ASSERT_TRUE(f.list({"x", "x/y", "x/y/b", "ab"}).has_value());
  EXPECT_EQ(names(), "INBOX ab x x/y x/y/b");
  EXPECT_EQ(f.record("x/y/b").id, before.id);
  EXPECT_EQ(f.record("x/y/b").upstream.name, "x/y/b");
  EXPECT_EQ(f.shown("x/y/b"), "1 2 3");
}

TEST_F(FoldersTest, AfterARenameTheOldNameMayBeAnotherMailbox) {
  ASSERT_TRUE(f.list({"a"}).has_value());
  const MailboxId before = f.id("a");
  ASSERT_TRUE(rename("a", "b").has_value());
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, std::nullopt)).has_value());
  ASSERT_TRUE(f.list({"a", "b"}).has_value());
  EXPECT_EQ(f.id("b"), before);
  EXPECT_NE(f.id("a"), before);
}

TEST_F(FoldersTest, RenameOfWhatWasNotCreatedYetIsJustItsName) {
  ASSERT_TRUE(create("a").has_value());
  ASSERT_TRUE(rename("a", "b").has_value());
  EXPECT_EQ(f.journal(), "CREATE");
  EXPECT_EQ(names(), "INBOX b");
}

TEST_F(FoldersTest, RenameIsRefusedWhereItMakesNoSense) {
  ASSERT_TRUE(f.list({"a", "b"}).has_value());
  EXPECT_EQ(rename("a", "b").error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(rename("a", "a/c").error().code(), Errc::kInvalid);
  EXPECT_EQ(rename("nothing", "c").error().code(), Errc::kNotFound);
  EXPECT_EQ(rename("a", "INBOX").error().code(), Errc::kAlreadyExists);
}

TEST_F(FoldersTest, RenamingInboxMovesItsMessages) {
  ASSERT_TRUE(f.list({}).has_value());
  ASSERT_TRUE(f.merge_range("INBOX", 1, 3).has_value());
  ASSERT_TRUE(rename("INBOX", "Old").has_value());
  EXPECT_EQ(names(), "INBOX Old");
  EXPECT_EQ(f.shown("INBOX"), "");
  EXPECT_EQ(f.shown("Old"), "1 2 3");
  EXPECT_EQ(f.journal(), "CREATE MOVE");
}

TEST_F(FoldersTest, SubscriptionsNeedNoMailbox) {
  ASSERT_TRUE(f.list({"a"}).has_value());
  ASSERT_TRUE(f.run(f.account().subscribe("a", true)).has_value());
  ASSERT_TRUE(f.run(f.account().subscribe("gone", true)).has_value());
  EXPECT_EQ(f.record("a").attributes & kSubscribed, kSubscribed);
  EXPECT_EQ(f.account().subscriptions().size(), 2U);
  EXPECT_EQ(f.journal(), "SUBSCRIBE SUBSCRIBE");
  ASSERT_TRUE(f.run(f.account().subscribe("gone", false)).has_value());
  EXPECT_EQ(f.journal(), "SUBSCRIBE") << "one undid the other";
  f.reopen();
  EXPECT_TRUE(f.account().subscriptions().contains("a"));
  // What upstream says counts but for what waits.
  ASSERT_TRUE(f.run(f.account().set_upstream_subscriptions({"b"})).has_value());
  EXPECT_TRUE(f.account().subscriptions().contains("a"));
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, std::nullopt)).has_value());
  ASSERT_TRUE(f.run(f.account().set_upstream_subscriptions({"b"})).has_value());
  EXPECT_FALSE(f.account().subscriptions().contains("a"));
  EXPECT_EQ(f.record("a").attributes & kSubscribed, 0U);
}

TEST_F(FoldersTest, BothSidesMakeTheSameMailbox) {
  ASSERT_TRUE(create("a").has_value());
  const MailboxId made = f.id("a");
  ASSERT_TRUE(f.list({"a"}).has_value());
  EXPECT_EQ(f.id("a"), made);
  EXPECT_EQ(f.journal(), "");
  EXPECT_EQ(f.record("a").upstream.name, "a");
}

TEST_F(FoldersTest, AMailboxThatWaitsForItsCreateIsNotTakenAway) {
  ASSERT_TRUE(create("a").has_value());
  ASSERT_TRUE(f.list({}).has_value());
  EXPECT_EQ(names(), "INBOX a");
}

TEST_F(FoldersTest, RenamedUpstreamIsKnownAgainByItsMailboxId) {
  UpstreamMailbox a = f.listed("a");
  a.mailbox_id = "F1";
  ASSERT_TRUE(f.run(f.account().set_upstream_mailboxes({f.listed("INBOX"), a})).has_value());
  ASSERT_TRUE(f.merge_range("a", 1, 3).has_value());
  const MailboxId before = f.id("a");
  UpstreamMailbox b = f.listed("b");
  b.mailbox_id = "F1";
  ASSERT_TRUE(
      f.run(f.account().set_upstream_mailboxes({f.listed("INBOX"), b, f.listed("a")})).has_value());
  EXPECT_EQ(f.id("b"), before);
  EXPECT_EQ(f.shown("b"), "1 2 3");
  EXPECT_EQ(f.shown("a"), "");
}

TEST_F(FoldersTest, RenamedUpstreamIsKnownAgainByWhatItHolds) {
  ASSERT_TRUE(f.list({"a", "c"}).has_value());
  UpstreamState state;
  state.name = "a";
  state.uid_validity = imap::UidValidity(77);
  state.uid_next = 12;
  state.messages = 3;
  ASSERT_TRUE(f.run(f.account().set_upstream_state(f.id("a"), state)).has_value());
  ASSERT_TRUE(f.merge_range("a", 1, 3).has_value());
  const MailboxId before = f.id("a");
  UpstreamMailbox b = f.listed("b");
  b.uid_validity = state.uid_validity;
  b.uid_next = 12;
  b.messages = 3;
  ASSERT_TRUE(
      f.run(f.account().set_upstream_mailboxes({f.listed("INBOX"), b, f.listed("c")})).has_value());
  EXPECT_EQ(f.id("b"), before);
  EXPECT_EQ(names(), "INBOX b c");
}

// Right after a write was replayed there: its counters are what they are upstream by then.
TEST_F(FoldersTest, RenamedUpstreamAfterAWriteIsKnownAgainByWhatItHolds) {
  ASSERT_TRUE(f.list({"a"}).has_value());
  UpstreamState state;
  state.name = "a";
  state.uid_validity = imap::UidValidity(77);
  state.uid_next = 4;
  state.messages = 3;
  ASSERT_TRUE(f.run(f.account().set_upstream_state(f.id("a"), state)).has_value());
  ASSERT_TRUE(f.merge_range("a", 1, 3).has_value());
  ASSERT_TRUE(f.append("a", "new").has_value());
  ASSERT_TRUE(
      f.run(f.account().replayed({f.entry(0)},
                                 ReplayedUids{state.uid_validity, {{imap::Uid(4), imap::Uid(4)}}}))
          .has_value());
  ASSERT_TRUE(f.run(f.account().expunge(f.id("a"), imap::SequenceSet::of(1, 2), true)).has_value());
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, std::nullopt)).has_value());
  const MailboxId before = f.id("a");
  UpstreamMailbox b = f.listed("b");
  b.uid_validity = state.uid_validity;
  b.uid_next = 5;
  b.messages = 2;
  ASSERT_TRUE(f.run(f.account().set_upstream_mailboxes({f.listed("INBOX"), b})).has_value());
  EXPECT_EQ(f.id("b"), before);
}

// It cannot be told which of those under way have arrived.
TEST_F(FoldersTest, RenamedUpstreamWhileMessagesAreUnderWayItIsKnownAgain) {
  for (const std::uint32_t arrived : {0U, 1U, 2U, 3U}) {
    const std::string old_name = "a" + std::to_string(arrived);
    const std::string new_name = "b" + std::to_string(arrived);
    ASSERT_TRUE(f.list({old_name}).has_value());
    UpstreamState state;
    state.name = old_name;
    state.uid_validity = imap::UidValidity(77);
    state.uid_next = 4;
    state.messages = 3;
    ASSERT_TRUE(f.run(f.account().set_upstream_state(f.id(old_name), state)).has_value());
    ASSERT_TRUE(f.merge_range(old_name, 1, 3).has_value());
    ASSERT_TRUE(f.append(old_name, "one").has_value());
    ASSERT_TRUE(f.append(old_name, "two").has_value());
    ASSERT_TRUE(f.run(f.account().mark_in_flight({f.entry(0), f.entry(1)},
                                                 {state.uid_validity, imap::Uid(4)}))
                    .has_value());
    const MailboxId before = f.id(old_name);
    UpstreamMailbox listed = f.listed(new_name);
    listed.uid_validity = state.uid_validity;
    listed.uid_next = 4 + arrived;
    listed.messages = 3 + arrived;
    ASSERT_TRUE(f.run(f.account().set_upstream_mailboxes({f.listed("INBOX"), listed})).has_value());
    EXPECT_EQ(f.id(new_name) == before, arrived <= 2) << arrived;
    ASSERT_TRUE(f.list({}).has_value());
  }
}

TEST_F(FoldersTest, ADeleteAfterARenameNamesWhatTheRecordSays) {
  ASSERT_TRUE(f.list({"a", "a/b"}).has_value());
  ASSERT_TRUE(f.run(f.account().rename_mailbox("a", "c")).has_value());
  ASSERT_TRUE(f.run(f.account().delete_mailbox("c/b")).has_value());
  const JournalEntry& entry = f.account().journal().at(f.entry(1));
  ASSERT_TRUE(std::holds_alternative<JournalDelete>(entry.op));
  EXPECT_EQ(std::get<JournalDelete>(entry.op).upstream_name, "");
}

TEST_F(FoldersTest, TwoMailboxesMaySwapTheirNames) {
  UpstreamMailbox a = f.listed("a");
  UpstreamMailbox b = f.listed("b");
  a.mailbox_id = "F1";
  b.mailbox_id = "F2";
  ASSERT_TRUE(f.run(f.account().set_upstream_mailboxes({f.listed("INBOX"), a, b})).has_value());
  const MailboxId first = f.id("a");
  const MailboxId second = f.id("b");
  std::swap(a.mailbox_id, b.mailbox_id);
  ASSERT_TRUE(f.run(f.account().set_upstream_mailboxes({f.listed("INBOX"), a, b})).has_value());
  EXPECT_EQ(f.id("a"), second);
  EXPECT_EQ(f.id("b"), first);
}

TEST_F(FoldersTest, WhatWasOnlyInAMailboxThatIsGoneIsRecovered) {
  ASSERT_TRUE(f.list({"a"}).has_value());
  ASSERT_TRUE(f.merge_range("a", 1, 2).has_value());
  ASSERT_TRUE(f.merge_range("INBOX", 1, 2).has_value());
  ASSERT_TRUE(f.append("a", mail("mine"), flags_of(kSeen)).has_value());
  ASSERT_TRUE(f.move("INBOX", set_of(1), "a").has_value());
  ASSERT_TRUE(f.copy("INBOX", set_of(2), "a").has_value());
  ASSERT_TRUE(f.store_flags("a", set_of(1), add(kSeen)).has_value());
  ASSERT_TRUE(f.list({}).has_value());
  EXPECT_EQ(names(), "INBOX Recovered");
  EXPECT_EQ(f.shown("Recovered"), "1(\\Seen $MailboxGone)");
  EXPECT_EQ(f.body("Recovered", imap::Uid(1)), mail("mine"));
  EXPECT_EQ(f.shown("INBOX"), "2 3") << "what was moved away comes back";
  EXPECT_EQ(f.journal(), "");
  f.check();
  // It is this account's alone: nothing that is done in it is sent, and no list removes it.
  ASSERT_TRUE(f.list({}).has_value());
  ASSERT_TRUE(f.store_flags("Recovered", set_of(1), add(kFlagged)).has_value());
  EXPECT_EQ(f.journal(), "");
  f.reopen();
  ASSERT_TRUE(f.move("Recovered", set_of(1), "INBOX").has_value());
  EXPECT_EQ(f.journal(), "APPEND");
  EXPECT_EQ(f.shown("Recovered"), "");
  EXPECT_EQ(f.body("INBOX", imap::Uid(4)), mail("mine"));
  ASSERT_TRUE(remove_mailbox("Recovered").has_value());
  EXPECT_EQ(f.journal(), "APPEND");
}

TEST_F(FoldersTest, AListedMailboxTakesTheNameOfALocalOne) {
  ASSERT_TRUE(f.list({"a"}).has_value());
  ASSERT_TRUE(f.append("a", mail("mine")).has_value());
  ASSERT_TRUE(f.list({}).has_value());
  ASSERT_TRUE(f.list({"Recovered"}).has_value());
  EXPECT_EQ(names(), "INBOX Recovered Recovered (local)");
  EXPECT_EQ(f.shown("Recovered (local)"), "1($MailboxGone)");
}

TEST_F(FoldersTest, AMessageKeptHereAloneMustBeHere) {
  ASSERT_TRUE(f.list({"a"}).has_value());
  ASSERT_TRUE(f.append("a", mail("mine")).has_value());
  ASSERT_TRUE(f.list({}).has_value());
  ASSERT_TRUE(f.merge_range("INBOX", 1, 1).has_value());
  EXPECT_EQ(f.move("INBOX", set_of(1), "Recovered").error().code(), Errc::kUnavailable);
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(1), mail("theirs")).has_value());
  ASSERT_TRUE(f.move("INBOX", set_of(1), "Recovered").has_value());
  EXPECT_EQ(f.journal(), "EXPUNGE");
  EXPECT_EQ(f.body("Recovered", imap::Uid(2)), mail("theirs"));
}

TEST_F(FoldersTest, AMailboxOfWhichUpstreamKeepsOnlyTheName) {
  ASSERT_TRUE(f.list({"a", "a/b"}).has_value());
  ASSERT_TRUE(f.merge_range("a", 1, 3).has_value());
  UpstreamMailbox name = f.listed("a");
  name.attributes = kNoSelect;
  ASSERT_TRUE(f.run(f.account().set_upstream_mailboxes({f.listed("INBOX"), name, f.listed("a/b")}))
                  .has_value());
  EXPECT_EQ(names(), "INBOX a(name) a/b");
  EXPECT_EQ(f.record("a").messages, 0U);
  EXPECT_EQ(f.record("a").upstream.name, "a");
}

TEST_F(FoldersTest, CopiesOutOfAMailboxThatIsGoneAreUploadedIfTheyCanBe) {
  ASSERT_TRUE(f.list({"a"}).has_value());
  ASSERT_TRUE(f.merge_range("a", 1, 2).has_value());
  ASSERT_TRUE(f.fetch("a", imap::Uid(1), mail("one")).has_value());
  ASSERT_TRUE(f.move("a", set_of(1, 2), "INBOX").has_value());
  ASSERT_TRUE(f.list({}).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1") << "of the other there is nothing left anywhere";
  EXPECT_EQ(f.journal(), "APPEND");
  EXPECT_EQ(f.body("INBOX", imap::Uid(1)), mail("one"));
}

}  // namespace
}  // namespace cache
