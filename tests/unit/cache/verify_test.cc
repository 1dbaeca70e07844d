// What `cache verify` finds: nothing in a store that is as it should be, and each thing that is
// not.
#include "cache/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stop_token>
#include <thread>

#include "cache/keys.h"
#include "cache/records.h"
#include "tests/support/loop_fixture.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cache/account_fixture.h"

namespace cache {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    EXPECT_TRUE(f_.list({"Work"}).has_value());
    EXPECT_TRUE(f_.merge_range("INBOX", 1, 6).has_value());
    EXPECT_TRUE(f_.fetch("INBOX", imap::Uid(1), mail("one")).has_value());
    EXPECT_TRUE(f_.fetch("INBOX", imap::Uid(3), mail("three")).has_value());
    EXPECT_TRUE(f_.store_flags("INBOX", set_of(2, 4), add(kSeen, {"a"})).has_value());
    EXPECT_TRUE(f_.append("Work", mail("mine"), flags_of(kSeen)).has_value());
    EXPECT_TRUE(f_.copy("INBOX", set_of(1, 2), "Work").has_value());
    EXPECT_TRUE(f_.move("INBOX", set_of(3), "Work").has_value());
    EXPECT_TRUE(f_.expunge("INBOX", set_of(5)).has_value());
    f_.executor().run();
  }
  std::vector<std::string> verify() {
    std::vector<std::string> lines;
    report_ = {};
    double last = 0;
    const Result<VerifyReport> report = cache::verify(
        &f_.store(), [&](const std::string& line) { lines.push_back(line); },
        [&](double done) { last = done; }, {});
    EXPECT_TRUE(report.has_value());
    if (report) report_ = *report;
    EXPECT_EQ(report_.findings, lines.size());
    EXPECT_EQ(last, 1.0);
    return lines;
  }
  void change(Batch batch) {
    f_.store().commit(0, std::move(batch), Durability::kSynced, &f_.executor(), [](Result<>) {});
    f_.executor().run();
  }
  void erase(Family family, std::string key) {
    Batch batch;
    batch.erase(family, std::move(key));
    change(std::move(batch));
  }
  const MessageEntry& entry(std::string_view mailbox, std::uint32_t uid) {
    return *std::as_const(*f_.box(mailbox)).find_any(imap::Uid(uid));
  }
  AccountId account() { return f_.account().id(); }

  AccountFixture f_;
  VerifyReport report_;
};

TEST_F(VerifyTest, FindsNothingInASoundStore) {
  EXPECT_THAT(verify(), IsEmpty());
  EXPECT_EQ(report_.accounts, 1U);
  EXPECT_EQ(report_.mailboxes, 2U);
  EXPECT_EQ(report_.rows, 10U) << "also the hidden ones";
  EXPECT_EQ(report_.bodies, 3U);
  EXPECT_EQ(report_.writes, f_.account().journal().size());
}

TEST_F(VerifyTest, NamesAMessageWithoutItsContent) {
  const MessageId one = entry("INBOX", 1).message;
  erase(Family::kBody, keys::body(account(), one, 0));
  EXPECT_THAT(verify(), UnorderedElementsAre(
                            AllOf(HasSubstr("INBOX UID 1 "), HasSubstr("its body is missing")),
                            AllOf(HasSubstr("Work UID "), HasSubstr("its body is missing"))))
      << "the copy has it as well";
  erase(Family::kSummary, keys::content(account(), one));
  erase(Family::kText, keys::text(account(), keys::TextKind::kFields, one, 0));
  erase(Family::kMessages, keys::message(account(), one));
  const std::vector<std::string> all = verify();
  EXPECT_EQ(all.size(), 8U);
  for (const char* what : {"summary is missing", "search text is missing", "facts of its body"}) {
    EXPECT_THAT(all, testing::Contains(AllOf(HasSubstr("INBOX UID 1 "), HasSubstr(what))));
  }
}

TEST_F(VerifyTest, NamesABodyOfAnotherLength) {
  Batch batch;
  batch.put(Family::kBody, keys::body(account(), entry("INBOX", 1).message, 0), "short");
  change(std::move(batch));
  EXPECT_THAT(verify(), testing::Each(HasSubstr("its body has 5 bytes instead of ")));
  EXPECT_EQ(report_.findings, 2U);
}

TEST_F(VerifyTest, NamesAHeaderThatIsNotTheDigests) {
  const MessageId one = entry("INBOX", 1).message;
  const std::string key = keys::content(account(), one);
  std::string record = *f_.store().get(Family::kHeader, key);
  record[record.find("one")] = 'X';
  Batch batch;
  batch.put(Family::kHeader, key, record);
  change(std::move(batch));
  EXPECT_THAT(verify(), ElementsAre(AllOf(HasSubstr("message " + std::to_string(one.value())),
                                          HasSubstr("digest"))));
}

TEST_F(VerifyTest, NamesAMailboxThatCountsWrong) {
  MailboxRecord record = f_.record("Work");
  record.messages += 7;
  Batch batch;
  batch.put(Family::kMeta, keys::mailbox(account(), record.id), encode_mailbox_record(record));
  change(std::move(batch));
  EXPECT_THAT(verify(),
              ElementsAre(AllOf(HasSubstr("Work says 11 messages"), HasSubstr("and has 4, "))));
}

TEST_F(VerifyTest, NamesAnEntryWhoseMessagesOrBytesAreMissing) {
  const JournalAppend* append = nullptr;
  for (const auto& [seq, entry] : f_.account().journal()) {
    if (const auto* found = std::get_if<JournalAppend>(&entry.op)) append = found;
  }
  ASSERT_NE(append, nullptr);
  erase(Family::kBody, keys::body(account(), append->message, 0));
  EXPECT_THAT(verify(),
              UnorderedElementsAre(HasSubstr("its body is missing"),
                                   AllOf(HasSubstr("of the journal (APPEND)"),
                                         HasSubstr("the bytes that it is to upload are missing"))));
  erase(Family::kIndex, keys::index(account(), append->mailbox, append->uid));
  EXPECT_THAT(verify(), testing::Contains(
                            AllOf(HasSubstr("(APPEND): Work UID "), HasSubstr("is not there"))));
}

TEST_F(VerifyTest, NamesContentThatNothingRefersTo) {
  Batch batch;
  batch.put(Family::kBody, keys::body(account(), MessageId(900), 0), "nobody's");
  // What is being written, or will be erased soon, is no orphan.
  batch.put(Family::kBody, keys::body(account(), MessageId(901), 0), "arriving");
  batch.put(Family::kMessages, keys::staging(account(), MessageId(901)), "");
  batch.put(Family::kBody, keys::body(account(), MessageId(902), 0), "going");
  batch.put(Family::kMessages, keys::garbage(account(), MessageId(902)), "");
  batch.put(Family::kMessages,
            keys::reference(account(), MessageId(900), f_.id("Work"), imap::Uid(77)), "");
  change(std::move(batch));
  EXPECT_THAT(verify(),
              UnorderedElementsAre(
                  AllOf(HasSubstr("message 900 has content (8 bytes"), HasSubstr("nothing refers")),
                  AllOf(HasSubstr("message 900 is referred to by Work UID 77"))));
}

TEST_F(VerifyTest, NamesWhatCannotBeDecoded) {
  Batch batch;
  batch.put(Family::kIndex, keys::index(account(), f_.id("Work"), imap::Uid(500)), "?");
  batch.put(Family::kJournal, keys::journal(account(), JournalSeq(900)), "?");
  batch.put(Family::kIndex, keys::index(account(), MailboxId(99), imap::Uid(1)),
            *f_.store().get(Family::kIndex, keys::index(account(), f_.id("INBOX"), imap::Uid(2))));
  change(std::move(batch));
  EXPECT_THAT(verify(), testing::IsSupersetOf({HasSubstr("family index key "),
                                               HasSubstr("family journal key "),
                                               HasSubstr("mailbox 99 UID 1 (message ")}));
}

TEST_F(VerifyTest, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  const Result<VerifyReport> report =
      cache::verify(&f_.store(), [](const std::string&) {}, [](double) {}, stop.get_token());
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code(), Errc::kCancelled);
}

// Of one moment: whatever is written meanwhile, nothing looks wrong.
class VerifyInUseTest : public testing::Test, public LoopFixture {
 protected:
  static Task<Result<>> use(Store* store, Executor* executor, int rounds) {
    CO_TRY(std::unique_ptr<Account> account,
           co_await Account::open(store, executor, {.name = "home", .local = true}));
    const Result<> used = co_await use_account(account.get(), rounds);
    co_await account->close();
    co_return used;
  }
  static Task<Result<>> use_account(Account* account, int rounds) {
    CO_TRY_VOID(co_await account->create_mailbox("Work", 0));
    const MailboxId inbox = account->find_mailbox("INBOX")->id;
    const MailboxId work = account->find_mailbox("Work")->id;
    for (int round = 0; round < rounds; ++round) {
      auto writer = account->begin_message();
      writer->feed(mail(std::to_string(round)) + std::string(300'000, 'x'));
      CO_TRY_VOID(co_await writer->store());
      writer->finish();
      CO_TRY(const AppendResult added,
             co_await account->append(inbox, std::move(writer), {}, 1'700'000'000, 0));
      const auto uid = imap::SequenceSet::of(added.uid.value(), added.uid.value());
      CO_TRY_VOID(co_await account->store_flags(inbox, uid, add(kSeen), std::nullopt, nullptr));
      CO_TRY_VOID(co_await account->copy(inbox, uid, work));
      if (round % 2 == 0) CO_TRY_VOID(co_await account->expunge(inbox, uid, true));
    }
    co_return Result<>();
  }
};

TEST_F(VerifyInUseTest, FindsNothing) {
  support::TempDir dir;
  const auto store = open_rocks_store((dir / "store").string(), {});
  ASSERT_TRUE(store.has_value());
  std::atomic<bool> done = false;
  std::uint64_t looks = 0;
  std::thread looking([&] {
    for (; !done; ++looks) {
      const auto report = cache::verify(
          store->get(), [](const std::string& line) { ADD_FAILURE() << line; }, [](double) {}, {});
      EXPECT_TRUE(report.has_value());
    }
  });
  const Result<> used = run(use(store->get(), loop(), 60));
  done = true;
  looking.join();
  EXPECT_TRUE(used.has_value()) << used.error().text();
  EXPECT_GT(looks, 1U);
}

}  // namespace
}  // namespace cache
