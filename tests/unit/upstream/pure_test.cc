// The parts of upstream/ that need no connection.
#include <gtest/gtest.h>

#include <vector>

#include "upstream/answers.h"
#include "upstream/backoff.h"
#include "upstream/messages.h"
#include "upstream/names.h"
#include "upstream/replay_flags.h"
#include "upstream/select.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;

// ---- Names ----

struct NameCase {
  Namespace space;
  const char* raw;
  const char* ours;
};
class NamesTest : public testing::TestWithParam<NameCase> {};

TEST_P(NamesTest, TranslatesBothWays) {
  const NameCase& one = GetParam();
  const auto theirs = imap::MailboxName::from_server(one.raw, false);
  EXPECT_EQ(our_name(one.space, theirs, one.space.delimiter), one.ours);
  const auto back = their_name(one.space, one.ours);
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->wire(false), one.raw);
}

const Namespace kSlash{"", '/'};
const Namespace kDot{"", '.'};
const Namespace kCourier{"INBOX.", '.'};
const Namespace kFlat{"", '\0'};

INSTANTIATE_TEST_SUITE_P(
    All, NamesTest,
    testing::Values(NameCase{kSlash, "INBOX", "INBOX"}, NameCase{kSlash, "Work/2024", "Work/2024"},
                    NameCase{kSlash, "Entw&APw-rfe", "Entwürfe"},
                    NameCase{kDot, "Work.2024", "Work/2024"},
                    NameCase{kDot, "a/b.c",
                             "a\xe2\x88\x95"
                             "b/c"},
                    NameCase{kCourier, "INBOX", "INBOX"}, NameCase{kCourier, "INBOX.Sent", "Sent"},
                    NameCase{kCourier, "INBOX.a.b", "a/b"}, NameCase{kFlat, "a.b", "a.b"}));

TEST(NamesTest, TakesInboxInAnyCase) {
  EXPECT_EQ(our_name(kSlash, imap::MailboxName::from_server("inbox", false), '/'), "INBOX");
}

TEST(NamesTest, RefusesWhatUpstreamCannotHold) {
  EXPECT_FALSE(their_name(kDot, "a.b"));
  EXPECT_FALSE(their_name(kFlat, "a/b"));
}

// ---- Sets ----

TEST(SplitTest, KeepsEveryUidAndBothLimits) {
  imap::SequenceSet set;
  for (std::uint32_t uid = 1; uid < 5'000; uid += 2) set.add(uid);
  imap::SequenceSet all;
  for (const imap::SequenceSet& part : split(set, 1'000)) {
    EXPECT_LE(part.encode().size(), 8'000U);
    EXPECT_FALSE(part.empty());
    all = all.united(part);
  }
  EXPECT_EQ(all, set);
  EXPECT_TRUE(split({}, 10).empty());
}

TEST(SplitTest, CutsLongRanges) {
  imap::SequenceSet set;
  set.add(imap::SequenceSet::Range{1, 1'000});
  EXPECT_EQ(split(set, 300).size(), 4U);
}

// ---- Flags ----

imap::SequenceSet uids(std::vector<std::uint32_t> list) {
  return imap::SequenceSet::from_sorted(std::span<const std::uint32_t>(list));
}
cache::JournalFlags change(std::vector<std::uint32_t> list, bool add, imap::SystemFlag flag) {
  cache::JournalFlags one;
  one.uids = uids(std::move(list));
  (add ? one.delta.add : one.delta.remove).system.add(flag);
  return one;
}

TEST(CoalesceFlagsTest, JoinsTheSameChange) {
  const auto first = change({1}, true, imap::SystemFlag::kSeen);
  const auto second = change({2}, true, imap::SystemFlag::kSeen);
  const auto stores = coalesce_flags({&first, &second});
  ASSERT_EQ(stores.size(), 1U);
  EXPECT_TRUE(stores[0].add);
  EXPECT_EQ(stores[0].uids, uids({1, 2}));
}

TEST(CoalesceFlagsTest, LetsTheLaterOfOppositeChangesCount) {
  const auto first = change({1, 2}, true, imap::SystemFlag::kSeen);
  const auto second = change({2}, false, imap::SystemFlag::kSeen);
  const auto stores = coalesce_flags({&first, &second});
  ASSERT_EQ(stores.size(), 2U);
  for (const CoalescedStore& store : stores) EXPECT_EQ(store.uids, uids({store.add ? 1U : 2U}));
}

TEST(CoalesceFlagsTest, PutsFlagsOfTheSameMessagesIntoOneCommand) {
  const auto first = change({7}, true, imap::SystemFlag::kSeen);
  auto second = change({7}, true, imap::SystemFlag::kFlagged);
  second.delta.add.add_keyword("$Work");
  const auto stores = coalesce_flags({&first, &second});
  ASSERT_EQ(stores.size(), 1U);
  EXPECT_TRUE(stores[0].flags.system.has(imap::SystemFlag::kFlagged));
  EXPECT_EQ(stores[0].flags.keywords, std::vector<std::string>{"$Work"});
}

// ---- Answers ----

struct AnswerCase {
  const char* text;
  Errc meaning;
};
class AnswersTest : public testing::TestWithParam<AnswerCase> {};

TEST_P(AnswersTest, AreUnderstoodByTheirWords) {
  Answer answer;
  answer.condition = imap::Condition::kNo;
  answer.text.text = GetParam().text;
  EXPECT_EQ(error_of(answer, "X").code(), GetParam().meaning) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    All, AnswersTest,
    testing::Values(AnswerCase{"Server Unavailable. 15", Errc::kUnavailable},
                    AnswerCase{"Request is throttled", Errc::kUnavailable},
                    AnswerCase{"Too many simultaneous connections", Errc::kUnavailable},
                    AnswerCase{"Mailbox doesn't exist: x", Errc::kNotFound},
                    AnswerCase{"No such mailbox", Errc::kNotFound},
                    AnswerCase{"Unknown Mailbox: x (Failure)", Errc::kNotFound},
                    AnswerCase{"Mailbox already exists", Errc::kAlreadyExists},
                    AnswerCase{"Quota exceeded", Errc::kLimit},
                    AnswerCase{"Message too large", Errc::kLimit},
                    AnswerCase{"Permission denied", Errc::kPermission},
                    AnswerCase{"I do not like it", Errc::kInvalid}));

TEST(AnswersTest, TellAWrongPasswordFromAServerInTrouble) {
  Answer answer;
  answer.condition = imap::Condition::kNo;
  answer.text.text = "LOGIN failed";
  EXPECT_EQ(login_error(answer).code(), Errc::kPermission);
  answer.text.text = "Temporary authentication failure, try again later";
  EXPECT_EQ(login_error(answer).code(), Errc::kUnavailable);
}

// ---- Back-off ----

TEST(BackoffTest, DoublesUpToItsLimitAndStartsAnewAfterSuccess) {
  Backoff backoff(1s, 60s, 42);
  for (std::int64_t whole = 1'000; whole < 60'000; whole *= 2) {
    const auto delay = backoff.next().count();
    EXPECT_GE(delay, whole / 2);
    EXPECT_LE(delay, whole);
  }
  for (int i = 0; i < 100; ++i) EXPECT_LE(backoff.next(), 60s);
  backoff.reset();
  EXPECT_LE(backoff.next(), 1s);
}

// ---- What SELECT tells ----

TEST(SelectedMailboxTest, ForgetsWhatWasSaidOfTheMailboxBefore) {
  SelectedMailbox selected;
  imap::Response vanished = imap::VanishedResponse{.uids = uids({1, 2})};
  EXPECT_TRUE(selected.take(vanished));
  imap::ConditionResponse closed;
  closed.condition = imap::Condition::kOk;
  closed.text.code = imap::Code::kClosed;
  imap::Response response = closed;
  EXPECT_TRUE(selected.take(response));
  EXPECT_TRUE(selected.vanished.empty());
}

}  // namespace
}  // namespace upstream
