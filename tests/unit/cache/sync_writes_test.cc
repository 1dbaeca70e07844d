// What the sync reports: messages, flags, content, renumbering.
#include <gtest/gtest.h>

#include "cache/keys.h"
#include "tests/unit/cache/account_fixture.h"

namespace cache {
namespace {

class SyncWritesTest : public testing::Test {
 protected:
  SyncWritesTest() { EXPECT_TRUE(f.list({"Work"}).has_value()); }
  ~SyncWritesTest() override { f.check(); }
  AccountFixture f;  // NOLINT(readability-identifier-naming): short in every line
};

UpstreamMessage with_email_id(std::uint32_t uid, std::string email_id) {
  UpstreamMessage message = upstream_message(uid);
  message.email_id = std::move(email_id);
  return message;
}

Summary summary_of(std::string_view subject) {
  Summary summary;
  summary.envelope = "(NIL \"" + std::string(subject) + "\" NIL NIL NIL NIL NIL NIL NIL NIL)";
  summary.body = "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1)";
  summary.body_structure = summary.body;
  return summary;
}

TEST_F(SyncWritesTest, UidsAreGivenInTheOrderOfUpstreams) {
  ASSERT_TRUE(f.merge_range("INBOX", 500, 502).has_value());
  ASSERT_TRUE(f.merge_range("INBOX", 600, 600, flags_of(kSeen)).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 2 3 4(\\Seen)");
  EXPECT_EQ(f.box("INBOX")->find_upstream(imap::Uid(501))->uid, imap::Uid(2));
  EXPECT_EQ(f.record("INBOX").uid_next, imap::Uid(5));
  EXPECT_EQ(f.record("INBOX").unseen, 3U);
}

TEST_F(SyncWritesTest, WhatIsKnownIsUpdatedAndNotAddedAgain) {
  ASSERT_TRUE(f.merge_range("INBOX", 1, 3).has_value());
  const std::uint64_t modseq = f.record("INBOX").highest_modseq;
  ASSERT_TRUE(f.merge_range("INBOX", 1, 3).has_value());
  EXPECT_EQ(f.record("INBOX").highest_modseq, modseq) << "nothing that a client sees";
  ASSERT_TRUE(f.merge_range("INBOX", 2, 4, flags_of(kFlagged, {"x"})).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 2(\\Flagged x) 3(\\Flagged x) 4(\\Flagged x)");
  EXPECT_GT(f.record("INBOX").highest_modseq, modseq);
}

TEST_F(SyncWritesTest, ASkeletonIsFilledLater) {
  std::vector<UpstreamMessage> skeleton(3);
  for (std::uint32_t i = 0; i < 3; ++i) skeleton[i].uid = imap::Uid(10 + i);
  ASSERT_TRUE(f.merge("INBOX", skeleton).has_value());
  EXPECT_FALSE(f.box("INBOX")->find(imap::Uid(1))->has(kHaveFlags));
  ASSERT_TRUE(f.merge_range("INBOX", 10, 12, flags_of(kSeen)).has_value());
  const MessageEntry entry = *f.box("INBOX")->find(imap::Uid(1));
  EXPECT_TRUE(entry.has(kHaveFlags));
  EXPECT_TRUE(entry.has(kHaveDate));
  EXPECT_EQ(entry.size, 1'010U);
  EXPECT_EQ(entry.internal_date, 1'700'000'010);
  EXPECT_EQ(f.record("INBOX").size, 1'010U + 1'011U + 1'012U);
}

TEST_F(SyncWritesTest, FlagsThatBecomeKnownAreNoNewsToASession) {
  std::vector<UpstreamMessage> skeleton(2);
  for (std::uint32_t i = 0; i < 2; ++i) skeleton[i].uid = imap::Uid(10 + i);
  ASSERT_TRUE(f.merge("INBOX", skeleton).has_value());
  const MailboxRef box = f.box("INBOX");
  MailboxView view(box.get(), true);
  ASSERT_TRUE(f.merge_range("INBOX", 10, 11, flags_of(kSeen)).has_value());
  EXPECT_TRUE(view.take_changes(true).flags.empty()) << "whoever asked for them waits for them";
  ASSERT_TRUE(f.merge_range("INBOX", 11, 11, flags_of(kFlagged)).has_value());
  EXPECT_EQ(view.take_changes(true).flags, set_of(2)) << "now it is a change";
}

TEST_F(SyncWritesTest, ALateReportDoesNotUndoWhatWaits) {
  ASSERT_TRUE(f.merge_range("INBOX", 1, 2).has_value());
  ASSERT_TRUE(f.store_flags("INBOX", set_of(1, 2), add(kSeen, {"a"})).has_value());
  ASSERT_TRUE(f.store_flags("INBOX", set_of(2), remove({}, {"a"})).has_value());
  ASSERT_TRUE(f.merge_range("INBOX", 1, 2, flags_of(kFlagged, {"a"})).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1(\\Flagged \\Seen a) 2(\\Flagged \\Seen)");
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0), f.entry(1)}, std::nullopt)).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1(\\Flagged \\Seen a) 2(\\Flagged \\Seen)");
  EXPECT_EQ(f.box("INBOX")->find(imap::Uid(2))->upstream,
            f.box("INBOX")->find(imap::Uid(2))->visible);
  // From now on upstream's word counts.
  ASSERT_TRUE(f.merge_range("INBOX", 1, 2).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 2");
}

TEST_F(SyncWritesTest, FlagsToldElsewhereAreTakenWhereTheyChangeNothingThatIsShown) {
  ASSERT_TRUE(f.merge_range("INBOX", 1, 3).has_value());
  ASSERT_TRUE(f.store_flags("INBOX", set_of(1, 2), add(kSeen)).has_value());
  const auto confirm = [this](std::uint32_t validity, std::vector<UpstreamMessage> messages) {
    const auto known = f.run(
        f.account().confirm_flags(f.id("INBOX"), imap::UidValidity(validity), std::move(messages)));
    EXPECT_TRUE(known.has_value());
    return known && *known;
  };
  UpstreamState state = f.record("INBOX").upstream;
  state.uid_validity = imap::UidValidity(7);
  state.uids_known = true;
  ASSERT_TRUE(f.run(f.account().set_upstream_state(f.id("INBOX"), state)).has_value());
  EXPECT_TRUE(confirm(7, {upstream_message(1, flags_of(kSeen)), upstream_message(3)}));
  // Of these the first is late, and the second a change of somebody else.
  EXPECT_TRUE(confirm(7, {upstream_message(2)}));
  EXPECT_FALSE(confirm(7, {upstream_message(3, flags_of(kFlagged))}));
  EXPECT_FALSE(confirm(7, {upstream_message(4)})) << "not known";
  EXPECT_FALSE(confirm(8, {upstream_message(1, flags_of(kSeen))})) << "other UIDs";
  EXPECT_EQ(f.shown("INBOX"), "1(\\Seen) 2(\\Seen) 3");
  // Upstream has the one, so it stays when the write is taken back; the other was never there.
  ASSERT_TRUE(f.run(f.account().park({f.entry(0)}, "no")).has_value());
  ASSERT_TRUE(f.run(f.account().drop({f.entry(0)})).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1(\\Seen) 2 3");
}

TEST_F(SyncWritesTest, WhatUpstreamLostIsGone) {
  ASSERT_TRUE(f.merge_range("INBOX", 1, 6).has_value());
  ASSERT_TRUE(f.expunge("INBOX", set_of(2)).has_value());
  imap::SequenceSet gone = set_of(2, 3);
  gone.add(6U);
  gone.add(99U);
  ASSERT_TRUE(f.vanish("INBOX", gone).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1 4 5");
  EXPECT_TRUE(f.box("INBOX")->hidden().empty());
  EXPECT_EQ(f.journal(), "") << "there is nothing left to expunge";
}

TEST_F(SyncWritesTest, AnExpungeUpstreamWinsOverFlagsThatWait) {
  ASSERT_TRUE(f.merge_range("INBOX", 1, 3).has_value());
  ASSERT_TRUE(f.store_flags("INBOX", set_of(1, 3), add(kSeen)).has_value());
  ASSERT_TRUE(f.vanish("INBOX", set_of(2)).has_value());
  EXPECT_EQ(f.journal(), "STORE");
  imap::SequenceSet left = set_of(1);
  left.add(3U);
  EXPECT_EQ(std::get<JournalFlags>(f.account().journal().begin()->second.op).uids, left);
  ASSERT_TRUE(f.vanish("INBOX", set_of(1, 3)).has_value());
  EXPECT_EQ(f.journal(), "");
}

TEST_F(SyncWritesTest, SummariesAndBodies) {
  ASSERT_TRUE(f.merge_range("INBOX", 1, 2).has_value());
  std::vector<std::pair<imap::Uid, Summary>> summaries;
  summaries.emplace_back(imap::Uid(1), summary_of("theirs"));
  summaries.emplace_back(imap::Uid(9), summary_of("nobody's"));
  ASSERT_TRUE(f.run(f.account().put_summaries(f.id("INBOX"), std::move(summaries))).has_value());
  EXPECT_EQ(f.record("INBOX").summaries, 1U);
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(1), mail("ours")).has_value());
  EXPECT_EQ(f.record("INBOX").bodies, 1U);
  EXPECT_EQ(f.box("INBOX")->find(imap::Uid(1))->size, mail("ours").size()) << "the body's own";
  // What upstream says comes too late.
  std::vector<std::pair<imap::Uid, Summary>> late;
  late.emplace_back(imap::Uid(1), summary_of("theirs"));
  ASSERT_TRUE(f.run(f.account().put_summaries(f.id("INBOX"), std::move(late))).has_value());
  ASSERT_TRUE(f.merge_range("INBOX", 1, 1).has_value());
  EXPECT_EQ(f.box("INBOX")->find(imap::Uid(1))->size, mail("ours").size());
  const MessageId ids[] = {f.box("INBOX")->find(imap::Uid(1))->message};
  std::string envelope;
  ASSERT_TRUE(f.account().reader().summaries(ids, [&](std::size_t, const SummaryView& view) {
    envelope = view.envelope;
    return true;
  }));
  EXPECT_NE(envelope.find("ours"), std::string::npos);
}

TEST_F(SyncWritesTest, OneWriterForABodyAtATime) {
  ASSERT_TRUE(f.merge_range("INBOX", 1, 2).has_value());
  const MailboxRef box = f.box("INBOX");
  auto writer = f.account().begin_body(box->id(), imap::Uid(1));
  ASSERT_TRUE(writer.has_value());
  EXPECT_EQ(f.account().begin_body(box->id(), imap::Uid(1)).error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(f.account().begin_body(box->id(), imap::Uid(7)).error().code(), Errc::kNotFound);
  writer->reset();
  EXPECT_TRUE(f.account().begin_body(box->id(), imap::Uid(1)).has_value());
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(1), mail("x")).has_value());
  EXPECT_EQ(f.account().begin_body(box->id(), imap::Uid(1)).error().code(), Errc::kAlreadyExists);
}

TEST_F(SyncWritesTest, ABodyOfAMessageThatWentMeanwhileIsDropped) {
  ASSERT_TRUE(f.merge_range("INBOX", 1, 2).has_value());
  const MailboxRef box = f.box("INBOX");
  auto writer = *f.account().begin_body(box->id(), imap::Uid(1));
  writer->feed(std::string(1'500'000, 'x'));
  ASSERT_TRUE(f.run(writer->store()).has_value());
  writer->finish();
  ASSERT_TRUE(f.vanish("INBOX", set_of(1)).has_value());
  std::vector<std::pair<imap::Uid, std::unique_ptr<ContentWriter>>> bodies;
  bodies.emplace_back(imap::Uid(1), std::move(writer));
  ASSERT_TRUE(f.run(f.account().put_contents(box->id(), std::move(bodies))).has_value());
  f.check();
  EXPECT_EQ(f.store().count(Family::kBody), 0U);
}

TEST_F(SyncWritesTest, TheSameEmailIdIsTheSameContent) {
  ASSERT_TRUE(f.merge("INBOX", {with_email_id(1, "M1"), with_email_id(2, "M2")}).has_value());
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(1), mail("one")).has_value());
  ASSERT_TRUE(f.merge("Work", {with_email_id(7, "M1")}).has_value());
  EXPECT_TRUE(f.box("Work")->find(imap::Uid(1))->has(kHaveBody));
  EXPECT_EQ(f.body("Work", imap::Uid(1)), mail("one"));
  // The body of one that was not here when they met is both's.
  ASSERT_TRUE(f.merge("Work", {with_email_id(8, "M2")}).has_value());
  ASSERT_TRUE(f.fetch("Work", imap::Uid(2), mail("two")).has_value());
  EXPECT_EQ(f.body("INBOX", imap::Uid(2)), mail("two"));
  EXPECT_EQ(f.record("INBOX").bodies, 2U);
  ASSERT_TRUE(f.vanish("INBOX", set_of(1, 2)).has_value());
  f.check();
  EXPECT_EQ(f.body("Work", imap::Uid(2)), mail("two"));
  ASSERT_TRUE(f.vanish("Work", set_of(7, 8)).has_value());
  f.check();
  EXPECT_EQ(f.store().count(Family::kBody), 0U);
  // Known again after all of it went: it is to be fetched again.
  ASSERT_TRUE(f.merge("Work", {with_email_id(9, "M1")}).has_value());
  EXPECT_FALSE(f.box("Work")->find(imap::Uid(3))->has(kHaveBody));
}

TEST_F(SyncWritesTest, AnEmailIdThatComesAfterTheUidIsUsedToo) {
  std::vector<UpstreamMessage> skeleton(1);
  skeleton[0].uid = imap::Uid(1);
  ASSERT_TRUE(f.merge("INBOX", skeleton).has_value());
  ASSERT_TRUE(f.merge("Work", skeleton).has_value());
  ASSERT_TRUE(f.merge("INBOX", {with_email_id(1, "M1")}).has_value());
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(1), mail("one")).has_value());
  ASSERT_TRUE(f.merge("Work", {with_email_id(1, "M1")}).has_value());
  EXPECT_EQ(f.body("Work", imap::Uid(1)), mail("one"));
  EXPECT_EQ(f.record("Work").bodies, 1U);
}

TEST_F(SyncWritesTest, RenumberingKeepsOurUidsAndLeavesNothingThatWasNotFound) {
  ASSERT_TRUE(f.merge_range("INBOX", 1, 4).has_value());
  ASSERT_TRUE(f.append("INBOX", mail("waits")).has_value());
  const std::size_t commits = f.store().commits();
  ASSERT_TRUE(f.run(f.account().rebind_upstream(
                        f.id("INBOX"), imap::UidValidity(9),
                        {{imap::Uid(1), imap::Uid(30)}, {imap::Uid(3), imap::Uid(10)}}))
                  .has_value());
  EXPECT_EQ(f.store().commits(), commits + 1) << "a crash finds it done, or not begun";
  f.check();
  EXPECT_EQ(f.record("INBOX").upstream.uid_validity, imap::UidValidity(9));
  EXPECT_EQ(f.box("INBOX")->find_upstream(imap::Uid(1)), nullptr);
  EXPECT_EQ(f.shown("INBOX"), "1 3 5") << "what was to be sent stays";
  f.reopen();
  EXPECT_EQ(f.box("INBOX")->find_upstream(imap::Uid(10))->uid, imap::Uid(3));
  EXPECT_EQ(f.box("INBOX")->find_upstream(imap::Uid(30))->uid, imap::Uid(1));
}

TEST_F(SyncWritesTest, ACopyWhoseUidUpstreamDidNotTellIsFoundByItsEmailId) {
  ASSERT_TRUE(f.merge("INBOX", {with_email_id(1, "M1")}).has_value());
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(1), mail("one")).has_value());
  ASSERT_TRUE(f.copy("INBOX", set_of(1), "Work").has_value());
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, ReplayedUids{})).has_value());
  ASSERT_TRUE(f.merge("Work", {with_email_id(71, "M1"), with_email_id(72, "M3")}).has_value());
  EXPECT_EQ(f.shown("Work"), "1 2");
  EXPECT_EQ(f.box("Work")->find_upstream(imap::Uid(71))->uid, imap::Uid(1));
}

TEST_F(SyncWritesTest, ACopyThatUpstreamDidNotMakeAndNobodyHasIsNotShown) {
  ASSERT_TRUE(f.merge_range("INBOX", 1, 3).has_value());
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(3), mail("three")).has_value());
  ASSERT_TRUE(f.copy("INBOX", set_of(1, 3), "Work").has_value());
  ReplayedUids created;
  created.uids = {{imap::Uid(1), imap::Uid(8)}};
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, created)).has_value());
  EXPECT_EQ(f.shown("Work"), "1 3") << "the third one's bytes are here: it is not thrown away";
  f.check();
}

TEST_F(SyncWritesTest, ACopyThatIsKnownNotToBeThereIsUploaded) {
  ASSERT_TRUE(f.merge_range("INBOX", 1, 3).has_value());
  ASSERT_TRUE(f.fetch("INBOX", imap::Uid(3), mail("three")).has_value());
  ASSERT_TRUE(f.copy("INBOX", set_of(1, 3), "Work").has_value());
  const ReplayedUids created{imap::UidValidity(5), {{imap::Uid(1), imap::Uid(8)}}};
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, created)).has_value());
  EXPECT_EQ(f.shown("Work"), "1 3");
  EXPECT_EQ(f.journal(), "APPEND");
  f.check();
}

TEST_F(SyncWritesTest, AKeywordThatUpstreamRefusesStaysHere) {
  UpstreamState state;
  state.name = "INBOX";
  state.accepts_keywords = false;
  state.permanent_keywords = {"$Forwarded"};
  ASSERT_TRUE(f.run(f.account().set_upstream_state(f.id("INBOX"), state)).has_value());
  ASSERT_TRUE(f.merge_range("INBOX", 1, 2).has_value());
  ASSERT_TRUE(f.store_flags("INBOX", set_of(1), add(kSeen, {"mine", "$Forwarded"})).has_value());
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, std::nullopt)).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1(\\Seen mine $Forwarded) 2");
  ASSERT_TRUE(f.merge_range("INBOX", 1, 2, flags_of(kFlagged)).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1(\\Flagged mine) 2(\\Flagged)");
  f.reopen();
  EXPECT_EQ(f.shown("INBOX"), "1(\\Flagged mine) 2(\\Flagged)");
  // A keyword that upstream has of its own goes when it goes there.
  ASSERT_TRUE(f.merge_range("INBOX", 2, 2, flags_of({}, {"theirs"})).has_value());
  ASSERT_TRUE(f.merge_range("INBOX", 2, 2).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1(\\Flagged mine) 2");
  // Upstream changes its mind.
  state.accepts_keywords = true;
  ASSERT_TRUE(f.run(f.account().set_upstream_state(f.id("INBOX"), state)).has_value());
  EXPECT_EQ(f.journal(), "STORE");
  ASSERT_TRUE(f.merge_range("INBOX", 1, 2).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1(mine) 2");
  ASSERT_TRUE(f.run(f.account().replayed({f.entry(0)}, std::nullopt)).has_value());
  EXPECT_EQ(f.shown("INBOX"), "1(mine) 2");
}

TEST_F(SyncWritesTest, ManyPendingChangesOfManyMessagesAreNotQuadratic) {
  ASSERT_TRUE(f.merge_range("INBOX", 1, 20'000).has_value());
  for (std::uint32_t i = 0; i < 2'000; ++i) {
    ASSERT_TRUE(f.store_flags("INBOX", set_of(1 + i * 10), add(kSeen)).has_value());
  }
  ASSERT_TRUE(f.merge_range("INBOX", 1, 20'000).has_value());
  EXPECT_EQ(f.record("INBOX").unseen, 18'000U);
  std::vector<JournalSeq> all;
  for (const auto& [seq, entry] : f.account().journal()) all.push_back(seq);
  ASSERT_TRUE(f.run(f.account().replayed(all, std::nullopt)).has_value());
  EXPECT_EQ(f.journal(), "");
  EXPECT_EQ(f.record("INBOX").unseen, 18'000U);
}

}  // namespace
}  // namespace cache
