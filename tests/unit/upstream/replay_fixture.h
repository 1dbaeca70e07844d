// ReplayFixture: a worker before a server whose link and answers break, and what must come of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/model_server.h"
#include "tests/unit/upstream/worker_fixture.h"

namespace upstream {

/// What a server is to have: the bytes of the messages of each mailbox.
using Contents = std::map<std::string, std::multiset<std::string>>;

/// Messages that are hard to tell apart, or easy.
enum class Letters {
  kWithId,      // one, with a Message-ID
  kWithoutId,   // one, without
  kSameId,      // two, the same Message-ID, other headers
  kSameHeader,  // two, the same header without a Message-ID, other bodies
  kTwins,       // two, the same bytes
};

class ReplayFixture : public WorkerFixture {
 protected:
  using Direction = support::Direction;

  void SetUp() override {
    WorkerFixture::SetUp();
    settings_.sync.reconnect_min = std::chrono::milliseconds(1);
    settings_.sync.reconnect_max = std::chrono::milliseconds(4);
    settings_.upstream->max_connections = 1;
  }

  /// Starts the worker before a server that has INBOX and Work.
  void serve(support::ModelOptions options = {}) {
    auto server = support::ModelServer::start(std::move(options));
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
    server_->create("Work");
    start(server_->port());
    ASSERT_EQ(settled(), "");
  }

  /// Bodies are not fetched before somebody asks. REQUIRES: before serve().
  void serve_headers_alone() {
    settings_.prefetch.kind = config::Prefetch::Kind::kHeaders;
    bodies_expected_ = false;
  }

  /// Waits until the local view is the server's and nothing waits to be sent. Returns what is
  /// different still; empty: nothing.
  std::string settled() { return run(settle(this)); }

  Contents contents() const {
    Contents all;
    for (const std::string& mailbox : server_->mailboxes()) {
      std::multiset<std::string>& bytes = all[mailbox];
      for (const support::ModelMessage& message : server_->messages(mailbox)) {
        bytes.insert(message.bytes);
      }
    }
    return all;
  }

  /// Does `steps` in turn, again and again: each time the link is cut one byte later (`stride`
  /// bytes) within each step, until none is cut any more. A step returns what the server must have
  /// once all has settled.
  using Step = std::function<Contents(std::uint64_t round)>;
  void sweep(Direction direction, std::uint64_t first, std::uint64_t stride,
             const std::vector<Step>& steps) {
    std::uint64_t after = first;
    for (bool cut = true; cut; after += stride) {
      cut = false;
      for (std::size_t i = 0; i < steps.size(); ++i) {
        server_->cut(direction, after);
        const Contents expected = steps[i](after);
        ASSERT_EQ(settled(), "") << "step " << i << " cut after " << after;
        ASSERT_EQ(contents(), expected) << "step " << i << " cut after " << after;
        ASSERT_EQ(recovered(), 0U) << "step " << i << " cut after " << after;
        cut |= server_->was_cut();
      }
    }
    server_->cut(direction, UINT64_MAX);
    EXPECT_GT(after, 70U) << "the link was hardly cut";
  }

  /// The operator asks for another try at once.
  void retry_now() {
    std::vector<cache::JournalSeq> entries;
    for (const auto& [seq, entry] : account_->journal()) entries.push_back(seq);
    ASSERT_TRUE(run(account_->unpark(std::move(entries))));
    worker_->journal_grew();
  }

  /// A round of looking at every mailbox, as it comes with time.
  void look_around() {
    for (const auto& [name, record] : account_->mailboxes()) {
      run(worker_->ensure_selectable(record->id, {}));
    }
  }

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

  std::unique_ptr<support::ModelServer> server_;

 private:
  bool bodies_expected_ = true;

  static Task<std::string> settle(ReplayFixture* self) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
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
    std::vector<std::string> ours;
    for (const auto& [name, record] : account_->mailboxes()) {
      if ((record->attributes & cache::kLocalOnly) == 0) ours.push_back(name);
    }
    if (ours != server_->mailboxes()) co_return "other mailboxes";
    for (const std::string& name : ours) {
      std::string difference = co_await difference_of(name);
      if (!difference.empty()) co_return name + ": " + difference;
    }
    co_return "";
  }

  Task<std::string> difference_of(std::string name) {
    const Result<cache::MailboxRef> box = co_await account_->open_mailbox(id_of(name));
    if (!box) co_return box.error().text();
    const std::vector<support::ModelMessage> theirs = server_->messages(name);
    const std::span<const cache::MessageEntry> rows = (*box)->messages();
    const std::vector<cache::MessageEntry> ours(rows.begin(), rows.end());
    if (ours.size() != theirs.size()) {
      co_return std::to_string(ours.size()) + " here, " + std::to_string(theirs.size()) + " there";
    }
    if (!(*box)->hidden().empty()) co_return "hidden rows are left";
    for (const cache::MessageEntry& entry : ours) {
      const auto there =
          std::ranges::find(theirs, entry.upstream_uid.value(), &support::ModelMessage::uid);
      if (there == theirs.end()) co_return "one here is not there";
      for (const auto& [flag, text] : {std::pair(imap::SystemFlag::kSeen, "\\Seen"),
                                       {imap::SystemFlag::kFlagged, "\\Flagged"},
                                       {imap::SystemFlag::kDeleted, "\\Deleted"}}) {
        const bool is_set = there->flags.find(text) != std::string::npos;
        if (entry.visible.system.has(flag) != is_set) co_return std::string("other ") + text;
      }
      if (!bodies_expected_ && !entry.has(cache::kHaveBody)) continue;
      const Result<std::string> bytes = co_await bytes_of(entry);
      if (!bytes) co_return "the body is not here";
      if (*bytes != there->bytes) co_return "other bytes under a UID";
    }
    co_return "";
  }
};

}  // namespace upstream
