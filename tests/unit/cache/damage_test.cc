// Damage to every kind of file of a data directory, and kills at every step: what was acknowledged
// and not sent yet is there afterwards.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "cache/account.h"
#include "cache/database.h"
#include "cache/verify.h"
#include "tests/support/loop_fixture.h"
#include "tests/support/temp_dir.h"

namespace cache {
namespace {

namespace fs = std::filesystem;

std::string mail(const std::string& subject, std::size_t bytes) {
  return "From: a@example.org\r\nSubject: " + subject + "\r\n\r\n" + std::string(bytes, 'x') +
         "\r\n";
}

FlagDelta seen() {
  FlagDelta delta;
  delta.add.system.add(imap::SystemFlag::kSeen);
  return delta;
}

class DamageTest : public testing::Test, public LoopFixture {
 protected:
  static Task<Result<>> append(Account* account, std::string subject, std::size_t bytes,
                               std::string mailbox = "Work") {
    auto writer = account->begin_message();
    const std::string text = mail(subject, bytes);
    for (std::size_t at = 0; at < text.size(); at += 100'000) {
      writer->feed(std::string_view(text).substr(at, 100'000));
      if (writer->pending_bytes() > 512'000) CO_TRY_VOID(co_await writer->store());
    }
    writer->finish();
    CO_TRY_VOID(co_await account->append(account->find_mailbox(mailbox)->id, std::move(writer), {},
                                         1'700'000'000, 60));
    co_return Result<>();
  }

  // What a client did while the link was down, step by step; `acknowledged` counts them.
  static Task<Result<>> write(Store* store, Executor* executor, std::atomic<int>* acknowledged) {
    CO_TRY(std::unique_ptr<Account> account,
           co_await Account::open(store, executor, {.name = "work"}));
    Result<> done = co_await write_in(account.get(), acknowledged);
    co_await account->close();
    co_return done;
  }
  static Task<Result<>> write_in(Account* account, std::atomic<int>* acknowledged) {
    std::vector<UpstreamMailbox> list(2);
    list[0].name = list[0].upstream_name = "INBOX";
    list[1].name = list[1].upstream_name = "Work";
    for (UpstreamMailbox& listed : list) listed.delimiter = '/';
    CO_TRY_VOID(co_await account->set_upstream_mailboxes(list));
    const MailboxId inbox = account->find_mailbox("INBOX")->id;
    UpstreamState state = account->find_mailbox(inbox)->upstream;
    state.uid_validity = imap::UidValidity(7);
    state.uids_known = true;
    CO_TRY_VOID(co_await account->set_upstream_state(inbox, state));
    std::vector<UpstreamMessage> messages(20);
    for (std::uint32_t i = 0; i < 20; ++i) {
      messages[i].uid = imap::Uid(101 + i);
      messages[i].flags.emplace();
      messages[i].internal_date = 1'700'000'000;
      messages[i].size = 1'000;
    }
    CO_TRY_VOID(co_await account->merge_upstream(inbox, messages));
    CO_TRY_VOID(co_await append(account, "small", 500));
    *acknowledged = 1;
    CO_TRY_VOID(co_await append(account, "large", 1'500'000));
    *acknowledged = 2;
    CO_TRY_VOID(co_await account->store_flags(inbox, imap::SequenceSet::of(5, 6), seen(),
                                              std::nullopt, nullptr));
    *acknowledged = 3;
    CO_TRY_VOID(co_await account->move(inbox, imap::SequenceSet::of(7, 7),
                                       account->find_mailbox("Work")->id));
    *acknowledged = 4;
    CO_TRY_VOID(co_await account->create_mailbox("New", 0));
    *acknowledged = 5;
    CO_TRY_VOID(co_await account->expunge(inbox, imap::SequenceSet::of(9, 9), true));
    *acknowledged = 6;
    co_return Result<>();
  }

  // All that was acknowledged is there and can be sent.
  static Task<Result<>> look(Store* store, Executor* executor, int acknowledged) {
    CO_TRY(std::unique_ptr<Account> account,
           co_await Account::open(store, executor, {.name = "work"}));
    const Result<> done = co_await look_in(account.get(), acknowledged);
    co_await account->close();
    co_return done;
  }
  static Task<Result<>> look_in(Account* account, int acknowledged) {
    std::set<std::string> found;
    for (const auto& [seq, entry] : account->journal()) {
      if (const auto* append = std::get_if<JournalAppend>(&entry.op)) {
        CO_TRY(const MailboxRef box, co_await account->open_mailbox(append->mailbox));
        const MessageEntry* row = std::as_const(*box).find(append->uid);
        EXPECT_NE(row, nullptr);
        if (row == nullptr) continue;
        std::string bytes;
        CO_TRY_VOID(account->reader().body(append->message, 0, 1U << 30, &bytes));
        EXPECT_EQ(bytes.size(), row->size);
        const std::size_t at = bytes.find("Subject: ") + 9;
        const std::string subject = bytes.substr(at, bytes.find('\r', at) - at);
        EXPECT_TRUE(bytes == mail(subject, subject == "large" ? 1'500'000 : 500)) << subject;
        CO_TRY_VOID(account->reader().summaries(std::vector{append->message},
                                                [](std::size_t, const SummaryView& summary) {
                                                  EXPECT_FALSE(summary.envelope.empty());
                                                  return true;
                                                }));
        found.insert(subject);
      } else if (const auto* flags = std::get_if<JournalFlags>(&entry.op)) {
        CO_TRY(const MailboxRef box, co_await account->open_mailbox(flags->mailbox));
        for (const std::uint32_t uid : flags->uids) {
          const MessageEntry* row = std::as_const(*box).find(imap::Uid(uid));
          EXPECT_NE(row, nullptr);
          if (row == nullptr) continue;
          EXPECT_EQ(row->upstream_uid.value(), 100 + uid);
          EXPECT_TRUE(row->visible.system.has(imap::SystemFlag::kSeen));
        }
        EXPECT_EQ(box->record().upstream.uid_validity, imap::UidValidity(7));
        found.insert("flags");
      } else if (const auto* copy = std::get_if<JournalCopy>(&entry.op)) {
        CO_TRY(const MailboxRef from, co_await account->open_mailbox(copy->from));
        const MessageEntry* row = std::as_const(*from).find_any(copy->uids.at(0).first);
        EXPECT_TRUE(row != nullptr && row->upstream_uid == imap::Uid(107) && row->hidden);
        found.insert("move");
      } else if (std::holds_alternative<JournalExpunge>(entry.op)) {
        found.insert("expunge");
      } else if (std::holds_alternative<JournalCreate>(entry.op)) {
        EXPECT_NE(account->find_mailbox("New"), nullptr);
        found.insert("create");
      }
    }
    const char* const kOrder[] = {"small", "large", "flags", "move", "create", "expunge"};
    for (int i = 0; i < acknowledged; ++i) {
      EXPECT_TRUE(found.contains(kOrder[i])) << "lost: " << kOrder[i];
    }
    // And it goes on.
    CO_TRY_VOID(co_await append(account, "after", 500, "INBOX"));
    co_return Result<>();
  }

  void fill() {
    auto database = Database::open(path_, options_);
    ASSERT_TRUE(database.has_value()) << database.error().text();
    const Result<> written = run(write((*database)->store(), loop(), &acknowledged_));
    ASSERT_TRUE(written.has_value()) << written.error().text();
    ASSERT_EQ(acknowledged_, 6);
  }
  // Opens it and expects all writes; returns what is said of the damage.
  std::string expect_all(const std::string& path, int acknowledged) {
    auto database = Database::open(path, {});
    EXPECT_TRUE(database.has_value()) << database.error().text();
    if (!database) return {};
    const Result<> looked = run(look((*database)->store(), loop(), acknowledged));
    EXPECT_TRUE(looked.has_value()) << looked.error().text();
    return (*database)->rebuilt();
  }
  std::vector<fs::path> files(const std::string& beginning, const std::string& extension) const {
    std::vector<fs::path> found;
    for (const auto& file : fs::directory_iterator(path_ + "/store")) {
      const std::string name = file.path().filename().string();
      if (!name.starts_with(beginning) || file.path().extension() != extension) continue;
      if (file.file_size() > 0) found.push_back(file.path());
    }
    return found;
  }
  static void garble(const fs::path& path, std::uintmax_t from, std::uintmax_t bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (std::uintmax_t at = from; at < from + bytes && at < fs::file_size(path); ++at) {
      file.seekg(static_cast<std::streamoff>(at));
      const int old = file.get();
      file.seekp(static_cast<std::streamoff>(at));
      file.put(static_cast<char>(old ^ 0x5a));
    }
  }

  // In the writer's thread, while RocksDB may remove its old files.
  static void copy_all(const fs::path& from, const fs::path& to) {
    std::error_code ignored;
    fs::create_directories(to);
    for (const auto& file : fs::directory_iterator(from)) {
      if (file.is_directory()) {
        copy_all(file.path(), to / file.path().filename());
      } else {
        fs::copy_file(file.path(), to / file.path().filename(), ignored);
      }
    }
  }

  support::TempDir dir_;
  std::string path_ = (dir_ / "data").string();
  StoreOptions options_;
  std::atomic<int> acknowledged_ = 0;  // the writer's thread looks at it
};

TEST_F(DamageTest, ASoundDirectoryIsLeftAlone) {
  fill();
  EXPECT_EQ(expect_all(path_, 6), "");
  EXPECT_EQ(expect_all(path_, 6), "");
}

TEST_F(DamageTest, OfTheManifestOrOfCurrent) {
  fill();
  for (const char* what : {"MANIFEST garbled", "MANIFEST short", "MANIFEST gone", "CURRENT gone",
                           "CURRENT garbled", "everything gone"}) {
    SCOPED_TRACE(what);
    const std::string_view name = what;
    const fs::path file = name.starts_with("CURRENT") ? fs::path(path_) / "store" / "CURRENT"
                                                      : files("MANIFEST", "").at(0);
    if (name.ends_with("garbled")) garble(file, 4, 30);
    if (name.ends_with("short")) fs::resize_file(file, 10);
    if (name.ends_with("T gone")) fs::remove(file);
    if (name == "everything gone") fs::remove_all(path_ + "/store");
    EXPECT_NE(expect_all(path_, 6), "") << "reported";
    if (HasFailure()) return;
  }
}

TEST_F(DamageTest, OfTheLogInItsMiddle) {
  fill();
  for (const fs::path& log : files("", ".log")) garble(log, fs::file_size(log) / 2, 200);
  EXPECT_NE(expect_all(path_, 6), "") << "it hits the large message, which is in no whole group";
}

// Also when that was on the disk already: what the journal file has whole is put back.
TEST_F(DamageTest, OfTheEndOfTheLogIsMendedFromTheJournalFile) {
  fill();
  const std::string sound = (dir_ / "sound").string();
  fs::copy(path_, sound, fs::copy_options::recursive);
  for (const std::uintmax_t lost : {1U, 7U, 100U, 600U, 1'000U}) {
    SCOPED_TRACE(lost);
    fs::remove_all(path_);
    fs::copy(sound, path_, fs::copy_options::recursive);
    const std::vector<fs::path> logs = files("", ".log");
    ASSERT_EQ(logs.size(), 1U);
    fs::resize_file(logs[0], fs::file_size(logs[0]) - lost);
    EXPECT_EQ(expect_all(path_, 6), "");
    if (HasFailure()) return;
  }
}

TEST_F(DamageTest, OfEveryTableAndBlobFile) {
  fill();
  {
    auto database = Database::open(path_, {});
    ASSERT_TRUE(database.has_value());
    ASSERT_TRUE((*database)->store()->compact().has_value());
  }
  const std::string sound = (dir_ / "sound").string();
  fs::copy(path_, sound, fs::copy_options::recursive);
  std::vector<fs::path> all = files("", ".sst");
  for (const fs::path& blob : files("", ".blob")) all.push_back(blob);
  ASSERT_GT(all.size(), 5U);
  for (const fs::path& file : all) {
    {
      const bool gone = file == all.front() || file == all.back();
      SCOPED_TRACE(file.filename().string() + (gone ? " gone" : " garbled"));
      fs::remove_all(path_);
      fs::copy(sound, path_, fs::copy_options::recursive);
      if (gone) {
        fs::remove(file);
      } else {
        garble(file, 0, fs::file_size(file));
      }
      {
        // What opening does not see, verify does; the next start rebuilds.
        auto database = Database::open(path_, {});
        ASSERT_TRUE(database.has_value()) << database.error().text();
        if ((*database)->rebuilt().empty()) {
          const auto report =
              verify((*database)->store(), [](const std::string&) {}, [](double) {}, {});
          EXPECT_TRUE(report && report->findings > 0);
        }
      }
      (void)expect_all(path_, 6);
      if (HasFailure()) return;
    }
  }
}

TEST_F(DamageTest, OfTheJournalFileCostsNothing) {
  for (const char* what : {"middle", "short", "head", "gone"}) {
    SCOPED_TRACE(what);
    fs::remove_all(path_);
    fill();
    const fs::path journal = fs::path(path_) / "journal";
    const std::string_view name = what;
    if (name == "middle") garble(journal, fs::file_size(journal) / 2, 100);
    if (name == "short") fs::resize_file(journal, fs::file_size(journal) - 5);
    if (name == "head") garble(journal, 25, 4);
    if (name == "gone") fs::remove(journal);
    EXPECT_EQ(expect_all(path_, 6), "");
    // It is whole again.
    fs::remove_all(path_ + "/store");
    EXPECT_NE(expect_all(path_, 6), "");
    if (HasFailure()) return;
  }
}

TEST_F(DamageTest, OfBothKeepsTheRestOfTheJournalFileAndSaysSo) {
  fill();
  const fs::path journal = fs::path(path_) / "journal";
  garble(journal, fs::file_size(journal) / 2, 10);  // in the large message
  fs::remove_all(path_ + "/store");
  auto database = Database::open(path_, {});
  ASSERT_TRUE(database.has_value()) << database.error().text();
  const std::string& told = (*database)->rebuilt();
  EXPECT_NE(told.find("5 kept, 1 lost"), std::string::npos) << told;
  EXPECT_NE(told.find("damaged too"), std::string::npos) << told;
  const Result<> looked = run(look((*database)->store(), loop(), 1));
  EXPECT_TRUE(looked.has_value()) << looked.error().text();
}

// A copy of the directory at a step is what kill -9 leaves there.
TEST_F(DamageTest, AKillAtEveryStepLosesNothingThatWasAcknowledged) {
  struct Snapshot {
    std::string copy;
    int acknowledged;
    std::string step;
  };
  std::vector<Snapshot> snapshots;
  options_.at_step = [this, &snapshots](std::string_view step) {
    snapshots.push_back({(dir_ / ("kill-" + std::to_string(snapshots.size()))).string(),
                         acknowledged_.load(), std::string(step)});
    copy_all(path_, snapshots.back().copy);
  };
  fill();
  ASSERT_GT(snapshots.size(), 20U);
  for (const auto& [copy, acknowledged, step] : snapshots) {
    SCOPED_TRACE(copy + " " + step);
    EXPECT_EQ(expect_all(copy, acknowledged), "") << "a kill is no damage";
    // And when the store is lost as well.
    if (step == "kept") {
      fs::remove_all(copy + "/store");
      (void)expect_all(copy, acknowledged);
    }
    fs::remove_all(copy);
    if (HasFailure()) return;
  }
}

TEST_F(DamageTest, AKillAtEveryStepOfARebuildIsBegunAnew) {
  fill();
  garble(files("MANIFEST", "").at(0), 4, 30);
  std::vector<std::string> snapshots;
  options_.at_step = [this, &snapshots](std::string_view) {
    snapshots.push_back((dir_ / ("kill-" + std::to_string(snapshots.size()))).string());
    copy_all(path_, snapshots.back());
  };
  {
    ASSERT_TRUE(Database::open(path_, options_).has_value());
  }
  ASSERT_GT(snapshots.size(), 4U);
  for (const std::string& copy : snapshots) {
    SCOPED_TRACE(copy);
    (void)expect_all(copy, 6);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace cache
