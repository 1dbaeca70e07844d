#include "upstream/demand.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "upstream/answers.h"
#include "upstream/bodies.h"
#include "upstream/messages.h"
#include "upstream/select.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;

// A connection that nobody needed for so long is given back.
constexpr std::chrono::milliseconds kLinger = 4min;

}  // namespace

struct Demand::Request {
  explicit Request(Executor* executor) : done(executor) {}
  enum class Kind : std::uint8_t { kSummaries, kBodies, kSearch };
  Kind kind = Kind::kSummaries;
  cache::MailboxId mailbox;
  imap::SequenceSet uids;  // ours
  imap::SearchKey key;
  imap::SequenceSet found;  // kSearch: ours
  bool abandoned = false;   // whoever asked has gone
  Result<> result;
  Event done;
};

Demand::Demand(Executor* executor, cache::Account* account, Line* line)
    : executor_(executor), account_(account), line_(line), work_(executor) {}

Demand::~Demand() = default;

Task<Result<>> Demand::fetch(cache::MailboxId mailbox, imap::SequenceSet uids, bool bodies,
                             std::stop_token stop) {
  auto request = std::make_shared<Request>(executor_);
  request->kind = bodies ? Request::Kind::kBodies : Request::Kind::kSummaries;
  request->mailbox = mailbox;
  request->uids = std::move(uids);
  co_return co_await submit(std::move(request), std::move(stop));
}

Task<Result<imap::SequenceSet>> Demand::search(cache::MailboxId mailbox, imap::SequenceSet uids,
                                               imap::SearchKey key, std::stop_token stop) {
  auto request = std::make_shared<Request>(executor_);
  request->kind = Request::Kind::kSearch;
  request->mailbox = mailbox;
  request->uids = std::move(uids);
  request->key = std::move(key);
  CO_TRY_VOID(co_await submit(request, std::move(stop)));
  co_return std::move(request->found);
}

Task<Result<>> Demand::submit(std::shared_ptr<Request> request, std::stop_token stop) {
  if (closed_) co_return fail(Errc::kCancelled, "closing");
  queue_.push_back(request);
  work_.set();
  const Result<> done = co_await request->done.wait(std::move(stop));
  if (!done) request->abandoned = true;
  if (!done) co_return done;
  co_return request->result;
}

void Demand::fail_waiting(const Error& error) {
  for (const std::shared_ptr<Request>& request : std::exchange(queue_, {})) {
    request->result = fail(error);
    request->done.set();
  }
}

void Demand::warm_up() {
  warm_up_ = true;
  work_.set();
}

Task<void> Demand::run(std::stop_token stop) {
  stop_ = stop;
  while (!stop.stop_requested()) {
    const Result<> waited = co_await work_.wait_for(kLinger, stop);
    work_.reset();
    const bool idle = queue_.empty() && !warm_up_;
    if (idle && !waited && waited.error().code() == Errc::kTimeout) {
      if (!line_->is_main()) {
        const Line::Turn turn = co_await line_->take(Role::kDemand);
        co_await line_->close(true);
      }
      continue;
    }
    // Requests of the same turn go out together.
    co_await yield_to(executor_);
    while (!stop.stop_requested() && (!queue_.empty() || std::exchange(warm_up_, false))) {
      co_await serve_batch(stop);
    }
  }
  closed_ = true;
  fail_waiting(Error(Errc::kCancelled, "closing"));
  if (!line_->is_main()) {
    const Line::Turn turn = co_await line_->take(Role::kDemand);
    co_await line_->close(true);
  }
}

Task<void> Demand::serve_batch(std::stop_token) {
  const Line::Turn turn = co_await line_->take(Role::kDemand);
  const Result<Client*> client = co_await line_->ready();
  if (!client) {
    // All of them: one after the other they would wait for one dead link again and again.
    fail_waiting(Error(Errc::kUnavailable, client.error().text()));
    co_return;
  }
  const bool fresh = std::exchange(line_serial_, line_->serial()) != line_->serial();
  if (fresh || !turn.undisturbed) selected_ = {};
  std::erase_if(queue_, [](const std::shared_ptr<Request>& one) { return one->abandoned; });
  std::vector<std::shared_ptr<Request>> batch;
  if (!queue_.empty()) {
    const std::shared_ptr<Request> first = queue_.front();
    for (auto it = queue_.begin(); it != queue_.end();) {
      const bool joins =
          *it == first || ((*it)->mailbox == first->mailbox && (*it)->kind == first->kind &&
                           first->kind != Request::Kind::kSearch);
      if (joins) batch.push_back(*it);
      it = joins ? queue_.erase(it) : std::next(it);
    }
  }
  if (batch.empty()) co_return;
  const Result<> ready = co_await perform(*client, batch);
  // A connection that had gone stale unnoticed says nothing about the next one.
  if (!ready && !fresh && !(*client)->is_alive()) {
    for (std::shared_ptr<Request>& request : batch) queue_.push_front(std::move(request));
    co_return;
  }
  for (const std::shared_ptr<Request>& request : batch) {
    request->result = ready;
    request->done.set();
  }
}

Task<Result<>> Demand::select(Client* client, cache::MailboxId mailbox) {
  const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
  // After a renumbering the UIDs that we know are not those of the mailbox as it was selected.
  const bool same = record != nullptr && record->upstream.uid_validity == selected_validity_;
  if (selected_ == mailbox && same) co_return Result<>();
  selected_ = {};
  if (record == nullptr || record->upstream.name.empty()) {
    co_return fail(Errc::kUnavailable, "the mailbox is not there upstream");
  }
  const imap::UidValidity known = record->upstream.uid_validity;
  CO_TRY(const SelectedMailbox selected,
         co_await select_mailbox(client, record->upstream.name, false, std::nullopt));
  if (known.is_set() && selected.uid_validity.is_set() && selected.uid_validity != known) {
    co_return fail(Errc::kUnavailable, "upstream is renumbering the mailbox");
  }
  selected_ = mailbox;
  selected_validity_ = known;
  co_return Result<>();
}

// The prefetch may be storing some of them at this moment: then theirs are the bytes that count.
Task<Result<>> Demand::wait_for_others(cache::MailboxRef mailbox, imap::SequenceSet uids) {
  constexpr std::chrono::milliseconds kStep = 20ms;
  constexpr int kSteps = 1'500;  // a large message on a slow line
  for (int step = 0; step < kSteps; ++step) {
    bool being_stored = false;
    for (const std::uint32_t uid : uids) {
      const cache::MessageEntry* entry = mailbox->find(imap::Uid(uid));
      if (entry == nullptr || entry->has(cache::kHaveBody)) continue;
      const auto writer = account_->begin_body(mailbox->id(), imap::Uid(uid));
      being_stored |= !writer && writer.error().code() == Errc::kAlreadyExists;
    }
    if (!being_stored) break;
    CO_TRY_VOID(co_await sleep_for(executor_, kStep, stop_));
  }
  co_return Result<>();
}

Task<Result<>> Demand::perform(Client* client, std::vector<std::shared_ptr<Request>> batch) {
  const std::shared_ptr<Request>& first = batch.front();
  CO_TRY_VOID(co_await select(client, first->mailbox));
  CO_TRY(cache::MailboxRef mailbox, co_await account_->open_mailbox(first->mailbox));
  imap::SequenceSet uids;
  for (const std::shared_ptr<Request>& request : batch) uids = uids.united(request->uids);
  switch (first->kind) {
    case Request::Kind::kSummaries:
      co_return co_await fetch_summaries(client, account_, mailbox, std::move(uids));
    case Request::Kind::kBodies: {
      const imap::SequenceSet wanted = uids;
      const Result<FetchedBodies> fetched = co_await fetch_bodies(
          client, account_, mailbox, [&uids] { return std::exchange(uids, imap::SequenceSet()); });
      if (!fetched) co_return fail(fetched.error());
      co_return co_await wait_for_others(mailbox, wanted);
    }
    case Request::Kind::kSearch:
      break;
  }
  co_return co_await search(client, std::move(mailbox), first.get());
}

Task<Result<>> Demand::search(Client* client, cache::MailboxRef mailbox, Request* request) {
  // UIDs in the key are ours and mean nothing there: the caller's set, translated, takes their
  // place, and what the key says of UIDs was decided here.
  std::map<std::uint32_t, imap::Uid> ours;
  for (const std::uint32_t uid : request->uids) {
    const cache::MessageEntry* entry = mailbox->find(imap::Uid(uid));
    if (entry != nullptr && entry->upstream_uid.is_set()) {
      ours.emplace(entry->upstream_uid.value(), entry->uid);
    }
  }
  std::vector<std::uint32_t> found;
  for (imap::SequenceSet& part :
       split(upstream_uids(*mailbox, request->uids), 100'000, client->profile().set_bytes)) {
    imap::SearchCommand command;
    command.uid = true;
    if (imap::needs_charset(request->key)) command.charset = "UTF-8";
    imap::SearchKey set;
    set.kind = imap::SearchKind::kUid;
    set.set = std::move(part);
    command.key.kind = imap::SearchKind::kAnd;
    command.key.children = {std::move(set), request->key};
    Exchange exchange;
    exchange.on_response = [&](imap::Response& response) {
      const auto* numbers = std::get_if<imap::SearchResponse>(&response);
      if (numbers == nullptr) return false;
      for (const std::uint32_t number : numbers->numbers) {
        const auto one = ours.find(number);
        if (one != ours.end()) found.push_back(one->second.value());
      }
      return true;
    };
    CO_TRY(const Answer answer, co_await client->run(std::move(command), std::move(exchange)));
    if (!answer.ok()) co_return fail(error_of(answer, "SEARCH"));
  }
  std::ranges::sort(found);
  request->found = imap::SequenceSet::from_sorted(std::span<const std::uint32_t>(found));
  co_return Result<>();
}

}  // namespace upstream
