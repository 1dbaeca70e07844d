// WritesFixture: a worker before a server whose link and answers break, and what must come of what
// is written here.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/faulty_link.h"
#include "tests/support/raw_imap.h"
#include "tests/support/worker_fixture.h"

namespace upstream {

/// What a server has, by our names.
using Tree = std::map<std::string, std::vector<support::MessageView>>;
/// What it is to have: the bytes of the messages of each mailbox.
using Contents = std::map<std::string, std::multiset<std::string>>;

/// Messages that are hard to tell apart, or easy.
enum class Letters {
  kWithId,      // one, with a Message-ID
  kWithoutId,   // one, without
  kSameId,      // two, the same Message-ID, other headers
  kSameHeader,  // two, the same header without a Message-ID, other bodies
  kTwins,       // two, the same bytes
};

class WritesFixture : public WorkerFixture {
 protected:
  using Direction = support::LinkDirection;

  void SetUp() override {
    WorkerFixture::SetUp();
    settings_.upstream->max_connections = 1;
  }

  // ---- The server, seen and disturbed behind the worker's back ----
  virtual Result<Tree> there() = 0;
  /// Whether nothing is on its way any more; asked when all writes are done.
  virtual bool is_quiet() { return true; }
  /// The link breaks before the next byte but `after` in this direction; UINT64_MAX: never.
  virtual void cut(Direction direction, std::uint64_t after) = 0;
  virtual bool was_cut() = 0;

  /// Waits until the local view is the server's and nothing waits to be sent. Returns what is
  /// different still; empty: nothing.
  std::string settled() { return run(settle(this)); }

  Contents contents() {
    const Result<Tree> tree = there();
    EXPECT_TRUE(tree) << tree.error().text();
    return tree ? contents_of(*tree) : Contents();
  }

  // ---- Cuts ----
  /// What is written here, with what the server has before. Returns what it must have once all has
  /// settled.
  using Step = std::function<Contents(std::uint64_t round, Contents contents)>;

  /// Does `steps` in turn, again and again: each time the link is cut one byte later (`stride`
  /// bytes) within each step, until none is cut any more.
  void sweep(Direction direction, std::uint64_t first, std::uint64_t stride,
             const std::vector<Step>& steps) {
    std::uint64_t reached = 0;
    Contents expected = contents();
    bool is_cut = true;
    for (std::uint64_t after = first; is_cut; after += stride) {
      is_cut = false;
      for (std::size_t i = 0; i < steps.size(); ++i) {
        cut(direction, after);
        expected = steps[i](after, std::move(expected));
        ASSERT_EQ(settled(), "") << "step " << i << " cut after " << after;
        ASSERT_EQ(contents_of(settled_as_), expected) << "step " << i << " cut after " << after;
        ASSERT_EQ(recovered(), 0U) << "step " << i << " cut after " << after;
        is_cut |= was_cut();
      }
      if (is_cut) reached = after;
    }
    cut(direction, UINT64_MAX);
    EXPECT_GT(reached + stride, 70U) << "the link was hardly cut";
  }

  std::vector<Step> append_then_expunge(Letters kind) {
    return {[this, kind](std::uint64_t round, Contents expected) {
              const std::vector<std::string> batch = letters(kind, round);
              expected["Work"].insert(batch.begin(), batch.end());
              append_all("Work", batch);
              return expected;
            },
            expunge_work()};
  }
  std::vector<Step> copy_then_expunge() {
    return {[this](std::uint64_t, Contents expected) {
              expected["Work"].merge(without_residents(expected["INBOX"]));
              EXPECT_TRUE(run(account_->copy(id_of("INBOX"), uids_of("INBOX"), id_of("Work"))));
              return expected;
            },
            expunge_work()};
  }
  std::vector<Step> move_to_and_fro() {
    const auto move = [this](std::string from, std::string to) {
      return [this, from, to](std::uint64_t, Contents expected) {
        expected[to].merge(without_residents(std::exchange(expected[from], residents_)));
        EXPECT_TRUE(run(account_->move(id_of(from), uids_of(from), id_of(to))));
        return expected;
      };
    };
    return {move("INBOX", "Work"), move("Work", "INBOX")};
  }
  std::vector<Step> create_append_rename_delete(Letters kind) {
    return {[this, kind](std::uint64_t round, Contents expected) {
              const std::vector<std::string> batch = letters(kind, round);
              expected["New"] = {batch.begin(), batch.end()};
              EXPECT_TRUE(run(account_->create_mailbox("New", 0)));
              append_all("New", batch);
              return expected;
            },
            [this](std::uint64_t, Contents expected) {
              expected["Newer"] = expected["New"];
              expected.erase("New");
              EXPECT_TRUE(run(account_->rename_mailbox("New", "Newer")));
              return expected;
            },
            [this](std::uint64_t, Contents expected) {
              expected.erase("Newer");
              EXPECT_TRUE(run(account_->delete_mailbox("Newer")));
              return expected;
            }};
  }

  // ---- Messages ----
  std::uint32_t recovered() const { return messages("Recovered"); }

  imap::SequenceSet append_all(std::string_view mailbox, const std::vector<std::string>& letters) {
    imap::SequenceSet uids;
    for (const std::string& letter : letters) {
      const auto appended = append(mailbox, letter);
      EXPECT_TRUE(appended) << (appended ? "" : appended.error().text());
      if (appended) uids.add(appended->uid.value());
    }
    return uids;
  }

  static std::vector<std::string> letters(Letters kind, std::uint64_t round) {
    const std::string n = std::to_string(round);
    const auto letter = [](const std::string& id, const std::string& subject,
                           const std::string& text) {
      return (id.empty() ? "" : "Message-ID: <" + id + "@example.org>\r\n") +
             "Subject: " + subject + "\r\n\r\n" + text + "\r\n";
    };
    switch (kind) {
      case Letters::kWithId:
        return {letter(n, n, "a")};
      case Letters::kWithoutId:
        return {letter("", n, "a")};
      case Letters::kSameId:
        return {letter(n, n, "a"), letter(n, n + "b", "b")};
      case Letters::kSameHeader:
        return {letter("", n, "a"), letter("", n, "longer")};
      case Letters::kTwins:
        return {letter(n, n, "a"), letter(n, n, "a")};
    }
    return {};
  }

  Task<Result<std::string>> bytes_of(cache::MessageEntry entry) {
    if (!entry.has(cache::kHaveBody)) co_return fail(Errc::kNotFound, "not cached");
    co_return co_await run_blocking(account_->executor(),
                                    [reader = account_->reader(), entry]() -> Result<std::string> {
                                      std::string bytes;
                                      TRY_VOID(reader.body(entry.message, 0, entry.size, &bytes));
                                      return bytes;
                                    });
  }

  /// Of all but the residents.
  imap::SequenceSet uids_of(std::string_view mailbox) {
    imap::SequenceSet uids;
    std::size_t number = 0;
    for (const std::uint32_t uid : all_uids(mailbox)) {
      if (++number > residents_.size()) uids.add(uid);
    }
    return uids;
  }

  bool bodies_expected_ = true;
  /// What was in INBOX and Work first, and stays there.
  std::multiset<std::string> residents_;

 private:
  static Contents contents_of(const Tree& tree) {
    Contents all;
    for (const auto& [mailbox, messages] : tree) {
      std::multiset<std::string>& bytes = all[mailbox];
      for (const support::MessageView& message : messages) bytes.insert(message.body);
    }
    return all;
  }

  Step expunge_work() {
    return [this](std::uint64_t, Contents expected) {
      expected["Work"] = residents_;
      EXPECT_TRUE(run(account_->expunge(id_of("Work"), uids_of("Work"), true)));
      return expected;
    };
  }
  std::multiset<std::string> without_residents(std::multiset<std::string> bytes) const {
    for (const std::string& resident : residents_) bytes.erase(bytes.find(resident));
    return bytes;
  }
  static Task<std::string> settle(WritesFixture* self) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(45);
    for (;;) {
      std::string difference = co_await self->difference();
      if (difference.empty() || std::chrono::steady_clock::now() > end) co_return difference;
      (void)co_await sleep_for(self->loop(), std::chrono::milliseconds(1));
    }
  }

  Task<std::string> difference() {
    if (!account_->journal().empty()) {
      const cache::JournalEntry& first = account_->journal().begin()->second;
      co_return std::string(cache::name_of(first.op)) + " waits: " + first.last_answer;
    }
    if (!is_quiet()) co_return "something is on its way";
    Result<Tree> tree = there();
    if (!tree) co_return tree.error().text();
    settled_as_ = std::move(*tree);
    std::vector<std::string> ours;
    for (const auto& [name, record] : account_->mailboxes()) {
      if ((record->attributes & cache::kLocalOnly) == 0) ours.push_back(name);
    }
    std::vector<std::string> theirs;
    for (const auto& [name, messages] : settled_as_) theirs.push_back(name);
    if (ours != theirs) co_return "other mailboxes";
    for (const auto& [name, messages] : settled_as_) {
      std::string difference = co_await difference_of(name, messages);
      if (!difference.empty()) co_return name + ": " + difference;
    }
    co_return "";
  }

  Task<std::string> difference_of(std::string name, std::vector<support::MessageView> theirs) {
    const Result<cache::MailboxRef> box = co_await account_->open_mailbox(id_of(name));
    if (!box) co_return box.error().text();
    const std::span<const cache::MessageEntry> rows = (*box)->messages();
    const std::vector<cache::MessageEntry> ours(rows.begin(), rows.end());
    if (ours.size() != theirs.size()) {
      co_return std::to_string(ours.size()) + " here, " + std::to_string(theirs.size()) + " there";
    }
    if (!(*box)->hidden().empty()) co_return "hidden rows are left";
    for (const cache::MessageEntry& entry : ours) {
      const auto there =
          std::ranges::find(theirs, entry.upstream_uid.value(), &support::MessageView::uid);
      if (there == theirs.end()) co_return "one here is not there";
      for (const auto& [flag, text] : {std::pair(imap::SystemFlag::kSeen, "\\Seen"),
                                       {imap::SystemFlag::kFlagged, "\\Flagged"},
                                       {imap::SystemFlag::kDeleted, "\\Deleted"}}) {
        const bool is_set = std::ranges::find(there->flags, text) != there->flags.end();
        if (entry.visible.system.has(flag) != is_set) co_return std::string("other ") + text;
      }
      if (!bodies_expected_ && !entry.has(cache::kHaveBody)) continue;
      const Result<std::string> bytes = co_await bytes_of(entry);
      if (!bytes) co_return "the body is not here";
      if (*bytes != there->body) co_return "other bytes under a UID";
    }
    co_return "";
  }

  Tree settled_as_;  // by the last settled()
};

}  // namespace upstream
