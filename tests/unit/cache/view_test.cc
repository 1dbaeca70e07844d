// What sessions see: sequence numbers, what they are told, and when.
#include <gtest/gtest.h>

#include <random>

#include "cache/keys.h"
#include "cache/mailbox.h"
#include "cache/records.h"
#include "tests/unit/cache/account_fixture.h"

namespace cache {
namespace {

AccountOptions local_account() { return {.name = "home", .local = true}; }

std::vector<std::uint32_t> numbers(const ViewChanges& changes) {
  std::vector<std::uint32_t> out;
  for (const imap::SequenceNumber number : changes.expunged) out.push_back(number.value());
  return out;
}
std::string text(const imap::SequenceSet& set) { return set.empty() ? "" : set.encode(); }

class ViewTest : public testing::Test {
 protected:
  ViewTest() {
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(f.append("INBOX", mail("m")).has_value());
  }
  AccountFixture f{local_account()};  // NOLINT(readability-identifier-naming): short in every line
};

TEST_F(ViewTest, NumbersAreCountedFromOne) {
  const MailboxRef box = f.box("INBOX");
  MailboxView view(box.get(), false);
  EXPECT_EQ(view.exists(), 5U);
  EXPECT_EQ(view.sequence_of(imap::Uid(3)), imap::SequenceNumber(3));
  EXPECT_EQ(view.uid_of(imap::SequenceNumber(5)), imap::Uid(5));
  EXPECT_EQ(view.uid_of(imap::SequenceNumber(6)), std::nullopt);
  EXPECT_EQ(view.uid_of(imap::SequenceNumber()), std::nullopt);
  EXPECT_EQ(view.sequence_of(imap::Uid(6)), std::nullopt);
  EXPECT_EQ(view.last_uid(), imap::Uid(5));
}

TEST_F(ViewTest, ExpungesWaitUntilTheyMayBeTold) {
  const MailboxRef box = f.box("INBOX");
  MailboxView view(box.get(), false);
  imap::SequenceSet gone = set_of(2);
  gone.add(4U);
  ASSERT_TRUE(f.expunge("INBOX", gone).has_value());
  EXPECT_TRUE(view.changed().is_set());
  EXPECT_TRUE(view.has_unreported_expunges());

  const ViewChanges held = view.take_changes(false);
  EXPECT_TRUE(held.expunged.empty());
  EXPECT_EQ(view.exists(), 5U);
  EXPECT_EQ(view.uid_of(imap::SequenceNumber(4)), imap::Uid(4));
  EXPECT_EQ(view.sequence_of(imap::Uid(5)), imap::SequenceNumber(5));
  EXPECT_EQ(text(view.uids_of_numbers(set_of(1, 5))), "1,3,5") << "only those that exist";

  const ViewChanges told = view.take_changes(true);
  EXPECT_EQ(numbers(told), (std::vector<std::uint32_t>{4, 2}));
  EXPECT_EQ(text(told.vanished), "2,4");
  EXPECT_EQ(view.exists(), 3U);
  EXPECT_EQ(view.sequence_of(imap::Uid(5)), imap::SequenceNumber(3));
  EXPECT_FALSE(view.changed().is_set());
}

TEST_F(ViewTest, NewMessagesComeBehindExpungedOnesThatAreStillCounted) {
  const MailboxRef box = f.box("INBOX");
  MailboxView view(box.get(), false);
  ASSERT_TRUE(f.expunge("INBOX", set_of(1)).has_value());
  ASSERT_TRUE(f.append("INBOX", mail("new")).has_value());
  EXPECT_EQ(view.exists(), 5U) << "not told yet";
  const ViewChanges changes = view.take_changes(false);
  EXPECT_EQ(changes.exists, 6U);
  EXPECT_EQ(view.uid_of(imap::SequenceNumber(6)), imap::Uid(6));
  const ViewChanges after = view.take_changes(true);
  EXPECT_EQ(numbers(after), std::vector<std::uint32_t>{1});
  EXPECT_EQ(after.exists, std::nullopt);
  EXPECT_EQ(view.exists(), 5U);
}

TEST_F(ViewTest, TheSessionThatSetsFlagsIsNotToldOfThem) {
  const MailboxRef box = f.box("INBOX");
  MailboxView mine(box.get(), false);
  MailboxView other(box.get(), false);
  const auto stored =
      f.run(f.account().store_flags(box->id(), set_of(2, 3), add(kSeen), std::nullopt, &mine));
  EXPECT_EQ(text(stored->changed), "2:3");
  EXPECT_TRUE(mine.take_changes(true).flags.empty());
  EXPECT_EQ(text(other.take_changes(true).flags), "2:3");
  EXPECT_FALSE(other.changed().is_set());
}

TEST_F(ViewTest, FlagsOfMessagesThatAreGoneAreNotTold) {
  const MailboxRef box = f.box("INBOX");
  MailboxView view(box.get(), false);
  ASSERT_TRUE(f.store_flags("INBOX", set_of(2, 3), add(kSeen)).has_value());
  ASSERT_TRUE(f.expunge("INBOX", set_of(2)).has_value());
  EXPECT_EQ(text(view.take_changes(false).flags), "3");
  ASSERT_TRUE(f.store_flags("INBOX", set_of(3), add(kFlagged)).has_value());
  view.forget_flag_changes(set_of(3));
  EXPECT_TRUE(view.take_changes(false).flags.empty());
}

TEST_F(ViewTest, RecentIsToldToOneSession) {
  const MailboxRef box = f.box("INBOX");
  {
    MailboxView examines(box.get(), false);
    EXPECT_EQ(examines.recent(), 5U);
    MailboxView first(box.get(), true);
    EXPECT_EQ(first.recent(), 5U);
    EXPECT_TRUE(first.is_recent(imap::Uid(1)));
    MailboxView second(box.get(), true);
    EXPECT_EQ(second.recent(), 0U);
    ASSERT_TRUE(f.append("INBOX", mail("new")).has_value());
    EXPECT_EQ(first.take_changes(true).recent, 6U);
  }
  MailboxView later(box.get(), true);
  EXPECT_EQ(later.recent(), 0U) << "it was told to one that had it selected";
}

TEST_F(ViewTest, RecentMessagesThatAreExpungedAreNotCounted) {
  {
    const MailboxRef box = f.box("INBOX");
    const MailboxView reader(box.get(), true);
    EXPECT_EQ(f.record("INBOX").recent, 0U);
  }
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(f.append("INBOX", mail("new")).has_value());
  ASSERT_TRUE(f.expunge("INBOX", set_of(7, 8)).has_value());
  EXPECT_EQ(f.record("INBOX").recent, 2U);
  f.check();
  f.reopen();
  EXPECT_EQ(f.record("INBOX").recent, 2U);
  const MailboxRef box = f.box("INBOX");
  EXPECT_EQ(MailboxView(box.get(), true).recent(), 2U);
  EXPECT_EQ(f.record("INBOX").recent, 0U);
}

TEST_F(ViewTest, ARecordWithoutTheCountOfRecentMessagesIsRead) {
  MailboxRecord record = f.record("INBOX");
  const std::string bytes = encode_mailbox_record(record);
  EXPECT_EQ(decode_mailbox_record(record.id, bytes)->recent, 5U);

  // Version 1 as it was: the count, between the bodies and what is known of upstream, is not there.
  record.recent = 0x52454345;
  std::string old = encode_mailbox_record(record);
  old[0] = 1;
  const std::size_t at = old.find("RECE");
  ASSERT_NE(at, std::string::npos);
  old.erase(at, 4);
  const Result<MailboxRecord> read = decode_mailbox_record(record.id, old);
  ASSERT_TRUE(read.has_value()) << read.error().text();
  EXPECT_EQ(read->recent, 5U);
  EXPECT_EQ(read->messages, 5U);
  EXPECT_EQ(read->upstream.name, record.upstream.name);
}

TEST_F(ViewTest, StarIsTheLastOfAll) {
  const MailboxRef box = f.box("INBOX");
  MailboxView view(box.get(), false);
  EXPECT_EQ(text(view.uids_of_numbers(imap::SequenceSet::largest())), "5");
  EXPECT_EQ(text(view.uids_of_uids(imap::SequenceSet::from(99))), "5") << "RFC 3501 9";
  EXPECT_EQ(text(view.uids_of_uids(imap::SequenceSet::from(4))), "4:5");
  ASSERT_TRUE(f.expunge("INBOX", set_of(1, 5)).has_value());
  (void)view.take_changes(true);
  EXPECT_TRUE(view.uids_of_numbers(imap::SequenceSet::all()).empty());
  EXPECT_TRUE(view.uids_of_uids(imap::SequenceSet::all()).empty());
  EXPECT_EQ(view.last_uid(), std::nullopt);
}

TEST_F(ViewTest, NothingIsToldBeforeItIsDurable) {
  const MailboxRef box = f.box("INBOX");
  MailboxView view(box.get(), false);
  f.store().hold();
  TaskGroup group(&f.executor());
  group.spawn([](AccountFixture* fixture) -> Task<void> {
    (void)co_await fixture->account().expunge(fixture->id("INBOX"), set_of(2), true);
  }(&f));
  group.spawn([](AccountFixture* fixture) -> Task<void> {
    (void)co_await fixture->account().store_flags(fixture->id("INBOX"), set_of(3), add(kSeen),
                                                  std::nullopt, nullptr);
  }(&f));
  f.executor().run();
  EXPECT_FALSE(f.account().is_settled());
  EXPECT_FALSE(view.changed().is_set());
  EXPECT_TRUE(view.take_changes(true).expunged.empty());
  EXPECT_EQ(view.exists(), 5U);
  EXPECT_EQ(view.sequence_of(imap::Uid(3)), imap::SequenceNumber(3));
  MailboxView fresh(box.get(), false);
  EXPECT_EQ(fresh.exists(), 5U);

  f.store().release();
  f.executor().run();
  EXPECT_TRUE(view.changed().is_set());
  const ViewChanges changes = view.take_changes(true);
  EXPECT_EQ(numbers(changes), std::vector<std::uint32_t>{2});
  EXPECT_EQ(text(changes.flags), "3");
  EXPECT_EQ(numbers(fresh.take_changes(true)), std::vector<std::uint32_t>{2});
}

TEST_F(ViewTest, AMailboxThatIsDeletedEndsItsSessions) {
  ASSERT_TRUE(f.run(f.account().create_mailbox("Work", 0)).has_value());
  const MailboxRef box = f.box("Work");
  MailboxView view(box.get(), false);
  ASSERT_TRUE(f.run(f.account().delete_mailbox("Work")).has_value());
  EXPECT_TRUE(view.changed().is_set());
  EXPECT_TRUE(view.take_changes(true).gone);
}

// A session as a client keeps it: a list of UIDs that EXPUNGE and EXISTS change.
struct Session {
  explicit Session(const MailboxRef& box) : view(box.get(), false) {
    for (std::uint32_t n = 1; n <= view.exists(); ++n) {
      known.push_back(*view.uid_of(imap::SequenceNumber(n)));
    }
  }
  MailboxView view;
  std::vector<imap::Uid> known;
};

class RandomViews {
 public:
  explicit RandomViews(unsigned seed) : random_(seed) {
    box_ = f_.box("INBOX");
    group_ = std::make_unique<TaskGroup>(&f_.executor());
  }
  ~RandomViews() {
    f_.store().heal();
    f_.store().release();
    f_.executor().run();
    group_.reset();
    sessions_.clear();
  }

  void step() {
    switch (pick(14)) {
      case 0:
      case 1:
      case 2:
        start(append(&f_));
        break;
      case 3:
        start(expunge(&f_, some()));
        break;
      case 4:
      case 5:
        start(store(&f_, some(), pick(2) == 0));
        break;
      case 6:
        f_.store().hold();
        break;
      case 7:
      case 8:
        f_.store().release();
        f_.executor().run();
        break;
      case 9:
        take(false);
        break;
      case 10:
      case 11:
        take(true);
        break;
      case 12:
        if (sessions_.size() < 5) {
          sessions_.push_back(std::make_unique<Session>(box_));
        } else {
          sessions_.erase(sessions_.begin() + pick(5));
        }
        break;
      default:
        if (pick(8) == 0) f_.store().fail_after(pick(3), Errc::kLimit);
        if (pick(3) == 0) f_.store().heal();
        break;
    }
    f_.executor().run();
    for (const auto& session : sessions_) check(*session);
  }

  void finish() {
    f_.store().heal();
    f_.store().release();
    f_.executor().run();
    for (const auto& session : sessions_) {
      told(session.get(), session->view.take_changes(true));
      std::vector<imap::Uid> truth;
      for (const MessageEntry& entry : box_->messages()) truth.push_back(entry.uid);
      EXPECT_EQ(session->known, truth);
    }
    f_.check();
  }

 private:
  static Task<void> append(AccountFixture* f) {
    auto writer = f->account().begin_message();
    writer->feed(mail("m"));
    writer->finish();
    (void)co_await f->account().append(f->id("INBOX"), std::move(writer), {}, 1, 0);
  }
  static Task<void> expunge(AccountFixture* f, imap::SequenceSet uids) {
    (void)co_await f->account().expunge(f->id("INBOX"), std::move(uids), true);
  }
  static Task<void> store(AccountFixture* f, imap::SequenceSet uids, bool adds) {
    (void)co_await f->account().store_flags(
        f->id("INBOX"), std::move(uids), adds ? add(kSeen) : remove(kSeen), std::nullopt, nullptr);
  }

  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }
  imap::SequenceSet some() {
    imap::SequenceSet uids;
    const auto messages = box_->messages();
    for (std::uint32_t i = 0; i < 3 && !messages.empty(); ++i) {
      uids.add(messages[pick(static_cast<std::uint32_t>(messages.size()))].uid);
    }
    return uids;
  }
  void start(Task<void> task) { group_->spawn(std::move(task)); }
  bool is_stored(imap::Uid uid) {
    return f_.store()
        .family(Family::kIndex)
        .contains(keys::index(f_.account().id(), box_->id(), uid));
  }
  void take(bool may_expunge) {
    if (sessions_.empty()) return;
    Session* session = sessions_[pick(static_cast<std::uint32_t>(sessions_.size()))].get();
    told(session, session->view.take_changes(may_expunge));
    if (!may_expunge) return;
    EXPECT_FALSE(session->view.changed().is_set()) << "all was told";
  }
  void told(Session* session, const ViewChanges& changes) {
    for (const imap::SequenceNumber number : changes.expunged) {
      ASSERT_LE(number.value(), session->known.size());
      const auto at = session->known.begin() + static_cast<std::ptrdiff_t>(number.value() - 1);
      EXPECT_FALSE(is_stored(*at)) << "told to be gone before it was";
      EXPECT_TRUE(changes.vanished.contains(*at));
      session->known.erase(at);
    }
    if (changes.exists) {
      ASSERT_GT(*changes.exists, session->known.size());
      while (session->known.size() < *changes.exists) {
        const auto number = static_cast<std::uint32_t>(session->known.size() + 1);
        const auto uid = session->view.uid_of(imap::SequenceNumber(number));
        ASSERT_TRUE(uid.has_value());
        EXPECT_TRUE(is_stored(*uid)) << "told to be there before it was";
        if (!session->known.empty()) EXPECT_GT(*uid, session->known.back());
        session->known.push_back(*uid);
      }
    }
  }
  void check(const Session& session) {
    const MailboxView& view = session.view;
    ASSERT_EQ(view.exists(), session.known.size());
    imap::SequenceSet existing;
    for (std::size_t i = 0; i < session.known.size(); ++i) {
      const imap::SequenceNumber number(static_cast<std::uint32_t>(i + 1));
      ASSERT_EQ(view.uid_of(number), session.known[i]);
      ASSERT_EQ(view.sequence_of(session.known[i]), number);
      if (box_->find(session.known[i]) != nullptr) existing.add(session.known[i]);
    }
    EXPECT_EQ(view.uids_of_numbers(imap::SequenceSet::all()), existing);
    EXPECT_EQ(view.uids_of_uids(imap::SequenceSet::all()), existing);
    if (session.known.empty()) {
      EXPECT_EQ(view.last_uid(), std::nullopt);
    } else {
      EXPECT_EQ(view.last_uid(), session.known.back());
    }
  }

  AccountFixture f_{local_account()};
  std::mt19937 random_;
  MailboxRef box_;
  std::unique_ptr<TaskGroup> group_;
  std::vector<std::unique_ptr<Session>> sessions_;
};

class RandomViewTest : public testing::TestWithParam<unsigned> {};

TEST_P(RandomViewTest, SeesWhatAClientWouldCount) {
  RandomViews views(GetParam());
  for (int i = 0; i < 800 && !testing::Test::HasFailure(); ++i) views.step();
  views.finish();
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomViewTest, testing::Range(1U, 11U));

}  // namespace
}  // namespace cache
