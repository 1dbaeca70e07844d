#include "upstream/bodies.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "upstream/answers.h"
#include "upstream/messages.h"

namespace upstream {
namespace {

// What is asked for and not here yet: keeps a line of 50 Mbit/s and 100 ms busy several times over.
constexpr std::uint64_t kBytesUnderWay = std::uint64_t{4} << 20;
constexpr std::uint64_t kBriefBytes = std::uint64_t{256} << 10;
constexpr std::uint64_t kBytesOfCommand = std::uint64_t{1} << 20;
constexpr std::size_t kMessagesOfCommand = 100;
// Larger ones get a command and a writer of their own.
constexpr std::uint64_t kLargeBytes = std::uint64_t{200} << 10;
constexpr std::size_t kStoreBytes = std::size_t{512} << 10;

using Writers = std::vector<std::pair<imap::Uid, std::unique_ptr<cache::ContentWriter>>>;

// Parses and stores what one command brought.
Task<Result<>> put(cache::Account* account, cache::MailboxId mailbox,
                   std::vector<std::pair<imap::Uid, std::string>> bodies) {
  Writers writers;
  std::vector<std::string> bytes;
  for (auto& [uid, body] : bodies) {
    Result<std::unique_ptr<cache::ContentWriter>> writer = account->begin_body(mailbox, uid);
    // Gone meanwhile, or here already under another name.
    if (!writer) continue;
    writers.emplace_back(uid, std::move(*writer));
    bytes.push_back(std::move(body));
  }
  if (writers.empty()) co_return Result<>();
  co_await run_blocking(account->executor(), [&writers, &bytes] {
    for (std::size_t i = 0; i < writers.size(); ++i) {
      writers[i].second->feed(bytes[i]);
      writers[i].second->finish();
    }
  });
  co_return co_await account->put_contents(mailbox, std::move(writers));
}

// One large message on its way into its writer.
class BodySink final : public LiteralSink {
 public:
  BodySink(cache::Account* account, imap::Uid upstream,
           std::unique_ptr<cache::ContentWriter> writer)
      : account_(account), upstream_(upstream), writer_(std::move(writer)) {}

  bool begin(const imap::PendingFetchData& what, std::uint64_t) override {
    if (!what.section.is_whole_message() || begun_) return false;
    if (what.uid && *what.uid != upstream_) return false;
    begun_ = true;
    return true;
  }
  Task<Result<>> feed(std::string bytes) override {
    gathered_ += bytes;
    if (gathered_.size() < kStoreBytes / 2) co_return Result<>();
    co_return co_await flush();
  }
  Task<Result<>> flush() {
    co_await run_blocking(account_->executor(),
                          [this, bytes = std::exchange(gathered_, {})] { writer_->feed(bytes); });
    if (writer_->pending_bytes() > kStoreBytes) co_return co_await writer_->store();
    co_return Result<>();
  }
  bool begun() const { return begun_; }
  // The response that the bytes came in was about this message: only now are they believed.
  void confirm() { confirmed_ = true; }
  bool complete() const { return begun_ && confirmed_; }
  std::unique_ptr<cache::ContentWriter> take() { return std::move(writer_); }

 private:
  cache::Account* account_;
  imap::Uid upstream_;
  std::unique_ptr<cache::ContentWriter> writer_;
  std::string gathered_;
  bool begun_ = false;
  bool confirmed_ = false;
};

class Fetching {
 public:
  Fetching(Client* client, cache::Account* account, cache::MailboxRef mailbox, NextBodies more,
           bool brief)
      : client_(client),
        account_(account),
        mailbox_(std::move(mailbox)),
        more_(std::move(more)),
        bytes_ahead_(brief ? kBriefBytes : kBytesUnderWay),
        progress_(client->connection().loop()),
        commands_(client->connection().loop()) {}

  Task<Result<FetchedBodies>> run() {
    while (result_) {
      if (queue_.empty() && !ended_) refill();
      const bool is_full = under_way_ >= bytes_ahead_;
      if (queue_.empty() && running_ == 0) break;
      if (!queue_.empty() && !is_full) {
        start_command();
        continue;
      }
      // What a command did not bring comes back into the queue.
      progress_.reset();
      (void)co_await progress_.wait();
    }
    co_await commands_.close();
    if (!result_) co_return fail(std::move(result_).error());
    co_return std::move(fetched_);
  }

 private:
  struct Wanted {
    imap::Uid uid;  // ours
    imap::Uid upstream;
    std::uint64_t size;
    bool alone = false;  // a batch did not bring it: in a command of its own, streamed
  };

  void refill() {
    const imap::SequenceSet next = more_();
    if (next.empty()) {
      ended_ = true;
      return;
    }
    for (const std::uint32_t uid : next) {
      const cache::MessageEntry* entry = mailbox_->find(imap::Uid(uid));
      if (entry == nullptr || !entry->upstream_uid.is_set() || entry->has(cache::kHaveBody)) {
        continue;
      }
      queue_.push_front({entry->uid, entry->upstream_uid, entry->size});
    }
  }

  static bool is_alone(const Wanted& one) { return one.alone || one.size > kLargeBytes; }

  void start_command() {
    std::vector<Wanted> batch;
    std::uint64_t bytes = 0;
    constexpr std::size_t kUidBytes = sizeof("4294967295,") - 1;
    const std::size_t most = std::min(kMessagesOfCommand, client_->profile().set_bytes / kUidBytes);
    while (!queue_.empty() && batch.size() < most) {
      const Wanted& next = queue_.front();
      const bool alone = is_alone(next);
      if (!batch.empty() && (alone || bytes + next.size > kBytesOfCommand)) break;
      bytes += next.size;
      batch.push_back(next);
      queue_.pop_front();
      if (alone) break;
    }
    under_way_ += bytes;
    ++running_;
    const bool alone = is_alone(batch.front());
    commands_.spawn(alone ? fetch_alone(batch.front(), bytes)
                          : fetch_together(std::move(batch), bytes));
  }

  static imap::FetchCommand command_for(std::vector<imap::Uid> uids) {
    std::ranges::sort(uids);
    imap::FetchCommand command;
    command.uid = true;
    command.set = imap::SequenceSet::from_sorted(std::span<const imap::Uid>(uids));
    command.items = {{imap::FetchKind::kUid}, imap::FetchItem::body({}, true)};
    return command;
  }

  void ended(std::uint64_t bytes, Result<> result) {
    under_way_ -= bytes;
    --running_;
    if (!result && result_) result_ = std::move(result);
    progress_.set();
  }

  Task<void> fetch_together(std::vector<Wanted> batch, std::uint64_t bytes) {
    std::vector<imap::Uid> upstream;
    std::unordered_map<std::uint32_t, Wanted> left;
    for (const Wanted& one : batch) {
      upstream.push_back(one.upstream);
      left.emplace(one.upstream.value(), one);
    }
    std::vector<std::pair<imap::Uid, std::string>> bodies;
    Exchange exchange;
    exchange.side_by_side = true;
    exchange.on_response = [&](imap::Response& response) {
      auto* fetched = std::get_if<imap::FetchResponse>(&response);
      if (fetched == nullptr) return false;
      if (!fetched->uid) return false;
      const auto wanted = left.find(fetched->uid->value());
      if (wanted == left.end()) return false;
      for (imap::FetchedData& data : fetched->data) {
        if (data.form != imap::FetchedData::Form::kInline || !data.section.is_whole_message()) {
          continue;
        }
        bodies.emplace_back(wanted->second.uid, std::move(data.bytes));
        left.erase(wanted);
        return true;
      }
      return !fetched->data.empty();
    };
    const Result<Answer> answer =
        co_await client_->run(command_for(std::move(upstream)), std::move(exchange));
    // The next ones may come while these are stored.
    fetched_.stored += bodies.size();
    Result<> stored = co_await put(account_, mailbox_->id(), std::move(bodies));
    if (!answer) stored = fail(answer.error());
    // One that the server chokes on, or that is far larger than it said, must not take the others
    // of its command along.
    for (auto& [uid, one] : left) {
      one.alone = true;
      queue_.push_back(one);
    }
    ended(bytes, std::move(stored));
  }

  // A NO, or no bytes, for a message that was asked for alone. When it goes on like that it is the
  // server's trouble and not that of the messages.
  Result<> miss(const Wanted& wanted, const Answer& answer) {
    constexpr std::uint32_t kPatience = 3;
    std::string why = "the server does not give it";
    if (!answer.ok()) {
      Error error = error_of(answer, "FETCH");
      if (is_passing(error) && ++refusals_ >= kPatience) return fail(std::move(error));
      why = error.text();
    }
    fetched_.missing.emplace(wanted.uid, std::move(why));
    return {};
  }

  Task<void> fetch_alone(Wanted wanted, std::uint64_t bytes) {
    Result<std::unique_ptr<cache::ContentWriter>> writer =
        account_->begin_body(mailbox_->id(), wanted.uid);
    if (!writer) {
      ended(bytes, Result<>());
      co_return;
    }
    const auto sink = std::make_shared<BodySink>(account_, wanted.upstream, std::move(*writer));
    std::optional<std::string> inline_body;
    Exchange exchange;
    exchange.side_by_side = true;
    exchange.sink = sink;
    exchange.on_response = [&](imap::Response& response) {
      auto* fetched = std::get_if<imap::FetchResponse>(&response);
      if (fetched == nullptr) return false;
      if (!fetched->uid || *fetched->uid != wanted.upstream) return false;
      for (imap::FetchedData& data : fetched->data) {
        if (!data.section.is_whole_message()) continue;
        // Whatever its size promised.
        if (data.form == imap::FetchedData::Form::kInline) {
          inline_body = std::move(data.bytes);
        } else if (sink->begun()) {
          sink->confirm();
        }
      }
      return true;
    };
    const Result<Answer> answer =
        co_await client_->run(command_for({wanted.upstream}), std::move(exchange));
    Result<> result;
    if (!answer) {
      result = fail(answer.error());
    } else if (sink->begun() ? !sink->complete() : !inline_body.has_value()) {
      result = miss(wanted, *answer);
    } else {
      refusals_ = 0;
      if (!sink->begun()) result = co_await sink->feed(std::move(*inline_body));
      if (result) result = co_await sink->flush();
      if (result) {
        std::unique_ptr<cache::ContentWriter> content = sink->take();
        co_await run_blocking(account_->executor(), [&content] { content->finish(); });
        Writers writers;
        writers.emplace_back(wanted.uid, std::move(content));
        result = co_await account_->put_contents(mailbox_->id(), std::move(writers));
        if (result) ++fetched_.stored;
      }
    }
    ended(bytes, std::move(result));
  }

  Client* client_;
  cache::Account* account_;
  cache::MailboxRef mailbox_;
  NextBodies more_;
  std::deque<Wanted> queue_;  // newest first
  std::uint64_t under_way_ = 0;
  std::uint64_t bytes_ahead_;
  FetchedBodies fetched_;
  std::size_t running_ = 0;
  std::uint32_t refusals_ = 0;  // in a row
  bool ended_ = false;
  Result<> result_;
  Event progress_;
  TaskGroup commands_;  // last: its tasks use the rest
};

}  // namespace

Task<Result<FetchedBodies>> fetch_bodies(Client* client, cache::Account* account,
                                         cache::MailboxRef mailbox, NextBodies more, bool brief) {
  Fetching fetching(client, account, std::move(mailbox), std::move(more), brief);
  co_return co_await fetching.run();
}

}  // namespace upstream
