#include "upstream/worker.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "upstream/answers.h"
#include "upstream/backoff.h"
#include "upstream/brakes.h"
#include "upstream/clock.h"
#include "upstream/demand.h"
#include "upstream/first_look.h"
#include "upstream/lines.h"
#include "upstream/mailbox_sync.h"
#include "upstream/prefetch.h"
#include "upstream/replay.h"
#include "upstream/survey.h"
#include "upstream/watch.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using State = cache::RemoteStatus::State;

// After so long without being throttled a server is treated as if it never had.
constexpr milliseconds kForgotten = 10min;
// With MODSEQ the server tells of flags. Whether it tells of all is looked at so much less often
// than flags are without it.
constexpr std::uint64_t kAuditEvery = 24;
// New mailboxes are looked into together while they are few and small: one is usable when all are
// told of.
constexpr std::size_t kFirstLooks = 50;
constexpr std::uint64_t kFirstMessages = 2'000;

// How a mailbox is looked at.
struct Look {
  bool is_second = false;      // over another connection, before a loss is believed
  FirstLook* first = nullptr;  // what has been seen already
};

}  // namespace

class Worker::Impl {
 public:
  Impl(net::Loop* loop, cache::Account* account, config::Account settings)
      : loop_(loop),
        account_(account),
        settings_(std::move(settings)),
        log_(account->log()),
        wake_(loop),
        changed_(loop),
        backoff_(settings_.sync.reconnect_min, settings_.sync.reconnect_max,
                 std::random_device{}()),
        lines_(loop, *settings_.upstream, log_),
        line_(lines_.main()),
        brakes_(log_),
        demand_(loop, account, lines_.demand()),
        prefetch_(loop, account, &settings_, lines_.bodies(), prefetch_hooks()),
        watch_(loop, account, &settings_, lines_.watch(), watch_hooks()),
        tasks_(loop) {
    set_state(State::kConnecting);
    line_->set_wanted_listener([this] { end_rest(); });
    lines_.set_end_listener([this] { wake_.set(); });
  }

  void start() {
    tasks_.spawn(main());
    tasks_.spawn(demand_.run(tasks_.stop_token()));
    tasks_.spawn(prefetch_.run(tasks_.stop_token()));
    tasks_.spawn(watch_.run(tasks_.stop_token()));
    // A cold cache will be asked at once: its connection is made while the first one logs in.
    if (is_cold()) demand_.warm_up();
  }

  Task<void> stop() {
    tasks_.request_stop();
    lines_.stop();
    changed_.set();
    co_await tasks_.close();
  }

  void set_trace(bool on) { lines_.set_trace(on); }

  bool reachable() const { return state_ == State::kOnline; }

  cache::RemoteStatus status() const {
    cache::RemoteStatus status;
    status.state = state_;
    status.server = fmt::format("{}:{}", settings_.upstream->host, settings_.upstream->port);
    if (!server_.empty()) status.server += " (" + server_ + ")";
    status.last_error = last_error_.empty() ? lines_.refusal() : last_error_;
    status.since = since_;
    status.next_try = next_try_;
    status.connections = lines_.open_connections();
    status.reconnects_last_minute = lines_.attempts_last_minute();
    status.bytes_in = lines_.bytes_in();
    status.bytes_out = lines_.bytes_out();
    if (state_ == State::kOnline) status.tier = tier_.name();
    return status;
  }

  Task<Result<>> ensure_listed(std::stop_token stop) {
    co_return co_await wait_until([this] { return account_->is_listed(); }, std::move(stop));
  }

  Task<Result<>> ensure_selectable(cache::MailboxId mailbox, std::stop_token stop) {
    const cache::MailboxRecord* asked = account_->find_mailbox(mailbox);
    if (asked != nullptr && (asked->attributes & (cache::kNoSelect | cache::kNonExistent)) != 0) {
      co_return fail(Errc::kUnavailable, "the mailbox cannot be selected upstream");
    }
    mark_dirty(mailbox, true);
    const std::uint64_t failures = failures_[mailbox].count;
    CO_TRY_VOID(co_await wait_until(
        [this, mailbox, failures] {
          const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
          // One that is not on upstream's list was made here and has what it has.
          return record == nullptr || record->upstream.uids_known ||
                 (record->upstream.name.empty() && account_->is_listed()) ||
                 failures_[mailbox].count != failures;
        },
        std::move(stop)));
    // A mailbox that upstream does not open is not waited for.
    const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
    if (record != nullptr && !record->upstream.uids_known && failures_[mailbox].count != failures) {
      co_return fail(Errc::kUnavailable, failures_[mailbox].why);
    }
    co_return Result<>();
  }

  Task<Result<>> fetch(cache::MailboxId mailbox, imap::SequenceSet uids, bool bodies,
                       std::stop_token stop) {
    if (state_ == State::kOffline || state_ == State::kRefused) {
      co_return fail(Errc::kUnavailable, last_error_);
    }
    co_return co_await demand_.fetch(mailbox, std::move(uids), bodies, std::move(stop));
  }

  Task<Result<imap::SequenceSet>> search(cache::MailboxId mailbox, imap::SequenceSet uids,
                                         imap::SearchKey key, std::stop_token stop) {
    if (state_ == State::kOffline || state_ == State::kRefused) {
      co_return fail(Errc::kUnavailable, last_error_);
    }
    co_return co_await demand_.search(mailbox, std::move(uids), std::move(key), std::move(stop));
  }

  void selected(cache::MailboxId mailbox) {
    watch_.selected(mailbox);
    wake();
  }
  void unselected(cache::MailboxId mailbox) {
    watch_.unselected(mailbox);
    if (resting_) wake();  // it may be what this connection listens to, instead of INBOX
  }
  void poll(cache::MailboxId mailbox) {
    // A mailbox that is watched has nothing to add, and clients that poll in a tight loop are many.
    if (watch_.listens_to(mailbox)) return;
    const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
    if (record == nullptr || now_seconds() - record->upstream.last_good_check < 10) return;
    mark_dirty(mailbox, false);
  }
  void journal_grew() { wake(); }

 private:
  bool is_cold() const {
    const cache::MailboxRecord* inbox = account_->find_mailbox("INBOX");
    return inbox == nullptr || inbox->summaries < inbox->messages || !inbox->upstream.uids_known;
  }

  Prefetch::Hooks prefetch_hooks() {
    return {[this] { return reachable(); }, [this](cache::MailboxId id) { mark_dirty(id, false); },
            [this](std::string text) { last_error_ = std::move(text); }};
  }
  Watch::Hooks watch_hooks() {
    return {[this] { return reachable(); },
            [this](cache::MailboxId id, bool urgent) { mark_dirty(id, urgent); }};
  }

  // ---- State ----

  void set_state(State state) {
    if (state != state_) since_ = now_seconds();
    state_ = state;
    changed_.notify();
  }

  // Waits for progress, for as long as there is hope for it.
  Task<Result<>> wait_until(std::function<bool()> done, std::stop_token stop) {
    while (!done()) {
      if (state_ == State::kOffline || state_ == State::kRefused) {
        co_return fail(Errc::kUnavailable, last_error_);
      }
      const Result<> waited = co_await changed_.wait_for(1s, stop);
      if (!waited && waited.error().code() == Errc::kCancelled) co_return waited;
      if (tasks_.stop_token().stop_requested()) co_return fail(Errc::kCancelled, "closing");
    }
    co_return Result<>();
  }

  void mark_dirty(cache::MailboxId mailbox, bool urgent) {
    const auto found = std::ranges::find(dirty_, mailbox);
    if (found != dirty_.end()) {
      if (!urgent || found == dirty_.begin()) return;
      dirty_.erase(found);
    }
    urgent ? dirty_.push_front(mailbox) : dirty_.push_back(mailbox);
    wake();
  }

  // There is something to do.
  void wake() {
    wake_.set();
    end_rest();
  }
  void end_rest() {
    if (resting_) line_->client()->wake();
  }

  // ---- The main connection: folder list, sync, replay ----

  Task<void> main() {
    const std::stop_token stop = tasks_.stop_token();
    while (!stop.stop_requested()) {
      bool refused = false;
      Result<> served = co_await begin(&refused);
      if (served) served = co_await serve();
      {
        const Line::Turn turn = co_await line_->take(Role::kMain);
        co_await line_->close(served.has_value());
      }
      if (stop.stop_requested()) break;
      co_await pause(served ? Error(Errc::kClosed, "closed") : std::move(served).error(), refused);
    }
  }

  // Connects and looks around for the first time.
  Task<Result<>> begin(bool* refused) {
    brakes_.new_connection();
    const Line::Turn turn = co_await line_->take(Role::kMain);
    Result<Connected*> connected = co_await line_->connect();
    if (!connected) {
      *refused = connected.error().code() == Errc::kPermission ||
                 connected.error().code() == Errc::kNotFound;  // no secret
      co_return fail(std::move(connected).error());
    }
    Client* client = line_->client();
    server_ = (*connected)->server;
    tier_.offer(client->has(imap::Capability::kCondstore), (*connected)->qresync);
    last_error_.clear();
    put_off_.clear();
    log_.info("connected to {} ({}), {}", settings_.upstream->host, server_, tier_.name());
    set_state(State::kOnline);
    watch_.set_idle(client->has(imap::Capability::kIdle));
    // What waits to be written goes first: a server has much to do for each that looks at a large
    // mailbox.
    if (account_->journal().empty()) watch_.wake();
    if (is_cold()) prefetch_.warm_up();  // now: a wrong password is not tried once more
    CO_TRY_VOID(co_await first_look(client));
    backoff_.reset();
    co_return Result<>();
  }

  Task<void> pause(Error error, bool refused) {
    milliseconds delay = backoff_.next();
    if (refused) delay = std::max(delay, kRefusedDelay);
    if (const auto throttle = throttle_of(error)) {
      // A connection that was made says nothing of whether the server has recovered: each time in a
      // row waits twice as long.
      if (steady_clock::now() - throttled_ > kForgotten) throttles_ = 0;
      delay =
          std::min<milliseconds>(1h, std::max(delay, *throttle * (1 << std::min(throttles_, 6))));
      ++throttles_;
      throttled_ = steady_clock::now() + delay;
    }
    last_error_ = error.text();
    next_try_ = now_seconds() + delay.count() / 1000;
    log_.warning("offline, next try in {:.1f} s: {}", static_cast<double>(delay.count()) / 1000.0,
                 error.text());
    set_state(refused ? State::kRefused : State::kOffline);
    lines_.wake_all();
    (void)co_await sleep_for(loop_, delay, tasks_.stop_token());
    // The state stays what it was until a try has succeeded: readers are not made to wait for hope.
  }

  Task<Result<>> serve() {
    auto next_poll = steady_clock::now() + settings_.sync.poll_interval;
    auto next_sweep = steady_clock::now() + settings_.sync.flag_sweep_interval;
    while (!tasks_.stop_token().stop_requested()) {
      wake_.reset();
      // Its end may have been told before the reset.
      if (!line_->client()->is_alive()) co_return fail(Errc::kClosed, "the connection is gone");
      CO_TRY_VOID(co_await work());
      prefetch_.wake();
      if (steady_clock::now() >= next_poll) {
        next_poll = steady_clock::now() + settings_.sync.poll_interval;
        const Line::Turn turn = co_await line_->take(Role::kMain);
        CO_TRY_VOID(co_await look_around(line_->client()));
        continue;
      }
      if (steady_clock::now() >= next_sweep) {
        next_sweep = steady_clock::now() + settings_.sync.flag_sweep_interval;
        ++sweeps_;
        if (!tier_.condstore || sweeps_ % kAuditEvery == 0) sweep_all();
        continue;
      }
      milliseconds wait = std::chrono::duration_cast<milliseconds>(std::min(next_poll, next_sweep) -
                                                                   steady_clock::now());
      if (replay_again_ != 0) {
        wait = std::min(
            wait,
            milliseconds(1000 * std::max<std::int64_t>(0, replay_again_ - now_seconds()) + 100));
      }
      CO_TRY_VOID(co_await rest(std::clamp(wait, milliseconds(1), milliseconds(60'000))));
    }
    co_return Result<>();
  }

  // Replay and sync, a turn for each mailbox: where there is one connection, others need it too.
  Task<Result<>> work() {
    for (;;) {
      const Line::Turn turn = co_await line_->take(Role::kMain);
      // Writes do not wait for a long round of mailboxes.
      const bool has_writes = !account_->journal().empty();
      CO_TRY_VOID(co_await replay_journal(line_->client()));
      if (has_writes) watch_.wake();
      if (dirty_.empty()) co_return Result<>();
      if (std::vector<cache::MailboxId> fresh = fresh_mailboxes(); fresh.size() > 1) {
        CO_TRY_VOID(co_await look_first(line_->client(), std::move(fresh)));
        continue;
      }
      const cache::MailboxId mailbox = dirty_.front();
      dirty_.pop_front();
      CO_TRY_VOID(co_await sync(line_->client(), mailbox));
    }
  }

  // What is next to be synced, as far as it is small and nothing is known of it.
  std::vector<cache::MailboxId> fresh_mailboxes() const {
    std::vector<cache::MailboxId> fresh;
    std::uint64_t messages = 0;
    for (const cache::MailboxId mailbox : dirty_) {
      const auto size = sizes_.find(mailbox);
      if (size == sizes_.end() || fresh.size() == kFirstLooks) break;
      messages += size->second;
      if (messages > kFirstMessages) break;
      fresh.push_back(mailbox);
    }
    return fresh;
  }

  Task<Result<>> look_first(Client* client, std::vector<cache::MailboxId> mailboxes) {
    for (const cache::MailboxId mailbox : mailboxes) {
      sizes_.erase(mailbox);
      std::erase(dirty_, mailbox);
    }
    CO_TRY(std::vector<FirstLook> looks,
           co_await first_looks(client, account_, mailboxes, tier_.condstore));
    std::deque<std::optional<Result<>>> results;
    TaskGroup together(loop_);
    for (FirstLook& look : looks) {
      together.spawn(sync_into(client, look.mailbox, &results.emplace_back(), {.first = &look}));
    }
    co_await together.close();
    for (const auto& result : results) CO_TRY_VOID(*result);
    for (const cache::MailboxId mailbox : mailboxes) {
      const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
      if (record != nullptr && !record->upstream.uids_known) mark_dirty(mailbox, false);
    }
    co_return Result<>();
  }

  // Until there is something to do, `limit` at most. What no other connection listens to, this one
  // does; else it shows now and then that it lives.
  Task<Result<>> rest(milliseconds limit) {
    const cache::MailboxId mailbox = watch_.has_idle() ? watch_.unheard() : cache::MailboxId();
    if (mailbox == cache::MailboxId()) {
      const Result<> waited = co_await wake_.wait_for(limit, tasks_.stop_token());
      const Line::Turn turn = co_await line_->take(Role::kMain);
      if (!line_->client()->is_alive()) co_return fail(Errc::kClosed, "the connection is gone");
      co_return waited ? Result<>() : co_await keep_alive(line_->client());
    }
    Result<bool> listened = true;
    {
      const Line::Turn turn = co_await line_->take(Role::kWatch);
      Client* client = line_->client();
      if (!client->is_alive()) co_return fail(Errc::kClosed, "the connection is gone");
      resting_ = true;
      listened = co_await watch_.listen(
          client, mailbox, std::min(limit, idle_limit(*client, settings_)),
          [this] { return !wake_.is_set() && !line_->is_wanted(); }, tasks_.stop_token());
      resting_ = false;
      if (!client->is_alive()) {
        co_return fail(listened ? Error(Errc::kClosed, "the connection is gone")
                                : listened.error());
      }
    }
    // A mailbox that cannot be opened is its own trouble, reported when it is synced, and not tried
    // again without a pause.
    if (!listened) (void)co_await wake_.wait_for(limit, tasks_.stop_token());
    if (listened && !*listened) watch_.set_idle(false);
    watch_.poll_others(mailbox);
    co_return Result<>();
  }

  // RFC 3501 5.4: a connection that says nothing is hung up on; and a dead one is to be noticed.
  Task<Result<>> keep_alive(Client* client) {
    const Profile& profile = client->profile();
    if (steady_clock::now() - client->last_heard() < profile.keepalive) co_return Result<>();
    imap::Command command = imap::NoopCommand{};
    if (profile.keepalive_by_status) {
      command = imap::StatusCommand{imap::MailboxName::inbox(), {imap::StatusItem::kMessages}};
    }
    CO_TRY_VOID(co_await client->run(std::move(command)));
    co_return Result<>();
  }

  // After connecting: INBOX and the folder list go out together, so that a client that waits for
  // the first screen waits for few round trips.
  Task<Result<>> first_look(Client* client) {
    const cache::MailboxRecord* inbox = account_->find_mailbox("INBOX");
    std::optional<Result<>> inbox_synced;
    TaskGroup together(loop_);
    if (inbox != nullptr && !inbox->upstream.uids_known) {
      if (inbox->upstream.name.empty()) {
        cache::UpstreamState state = inbox->upstream;
        state.name = "INBOX";
        CO_TRY_VOID(co_await account_->set_upstream_state(inbox->id, std::move(state)));
      }
      together.spawn(sync_into(client, inbox->id, &inbox_synced));
    }
    Result<> looked = co_await look_around(client, [&together] { return together.close(); });
    co_await together.close();
    if (inbox_synced && !*inbox_synced) co_return *inbox_synced;
    co_return looked;
  }
  Task<void> sync_into(Client* client, cache::MailboxId mailbox, std::optional<Result<>>* result,
                       Look look = {}) {
    result->emplace(co_await sync(client, mailbox, look));
  }

  Task<Result<>> look_around(Client* client, std::function<Task<void>()> beside = {}) {
    SurveyOptions options;
    options.space = space_;
    options.condstore = tier_.condstore;
    // Without MODSEQ nobody tells of flags: they are looked at with every round where somebody may
    // be looking too, and now and then elsewhere.
    options.flags_are_fresh = [this](const cache::MailboxRecord& record) {
      const auto swept = flags_seen_.find(record.id);
      return record.name != "INBOX" && !watch_.is_open(record.id) && swept != flags_seen_.end() &&
             steady_clock::now() - swept->second < settings_.sync.flag_sweep_interval;
    };
    options.check = [this](const FolderList& folders) {
      space_ = folders.space;
      return brakes_.check(*account_, folders);
    };
    options.on_listed = [this] { changed_.notify(); };
    options.beside = std::move(beside);
    options.on_changed = [this](const cache::MailboxRecord& record,
                                std::optional<std::uint64_t> messages) {
      if (messages && !record.upstream.uids_known) sizes_[record.id] = *messages;
      mark_dirty(record.id, record.name == "INBOX");
    };
    co_return co_await survey(client, account_, std::move(options));
  }

  void sweep_all() {
    for (const auto& [name, record] : account_->mailboxes()) {
      if (!is_syncable(*record)) continue;
      audits_.insert(record->id);
      mark_dirty(record->id, false);
    }
  }

  Task<Result<>> sync(Client* client, cache::MailboxId mailbox, Look look = {}) {
    const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
    if (record == nullptr || !is_syncable(*record)) co_return Result<>();
    MailboxSyncOptions options;
    // Its new messages may be ours: they are told apart by replay first.
    if (account_->creation_in_flight(mailbox)) {
      held_.insert(mailbox);
      if (!renumbered_.contains(mailbox)) co_return Result<>();
      options.finds_sent = true;
    }
    options.tier = &tier_;
    options.log = log_.with_mailbox(record->name);
    options.sweep_flags = true;
    options.audit_flags = audits_.contains(mailbox);
    options.first_look = look.first;
    options.on_selectable = [this] { changed_.notify(); };
    options.brake = [this](cache::MailboxId id, std::uint64_t gone, std::uint64_t known) {
      return brakes_.allow(id, gone, known);
    };
    const Log log = options.log;
    const Result<> synced = co_await sync_mailbox(client, account_, mailbox, std::move(options));
    lines_.set_trust(!tier_.condstore_lies, !tier_.qresync_lies);
    changed_.notify();
    if (synced) {
      audits_.erase(mailbox);
      if (renumbered_.erase(mailbox) > 0) put_off_.clear();
      flags_seen_[mailbox] = steady_clock::now();
      failures_.erase(mailbox);
      co_return synced;
    }
    if (look.first != nullptr && synced.error().code() == Errc::kStale) co_return Result<>();
    if (!client->is_alive()) co_return synced;
    // Overused: the other mailboxes would only make it worse.
    if (throttle_of(synced.error())) co_return synced;
    Failure& failure = failures_[mailbox];
    ++failure.count;
    failure.why = synced.error().text();
    changed_.notify();
    log.warning("not in step: {}", synced.error().text());
    last_error_ = fmt::format("{}: {}", log.context().mailbox, synced.error().text());
    if (synced.error().code() == Errc::kLimit || synced.error().code() == Errc::kIo) {
      co_return synced;  // our own disk
    }
    // The brake wants another look over another connection; everything else is one mailbox's own
    // trouble, and the others go on.
    if (brakes_.holds(mailbox) && !look.is_second) co_return co_await look_again(mailbox);
    co_return Result<>();
  }

  // Over another connection than the one that told of the loss. What it sees, or that it sees
  // nothing, counts until the mailbox is looked at next.
  Task<Result<>> look_again(cache::MailboxId mailbox) {
    if (lines_.has_one()) {
      mark_dirty(mailbox, true);
      co_return fail(Errc::kUnavailable, "looking again over a new connection");
    }
    Line* other = lines_.bodies();
    const Line::Turn turn = co_await other->take(Role::kMain);
    CO_TRY(Client * client, co_await other->fresh());
    brakes_.new_look();
    co_return co_await sync(client, mailbox, {.is_second = true});
  }

  // ---- Replay ----

  Task<Result<>> replay_journal(Client* client) {
    release_held();
    if (account_->journal().empty()) {
      replay_again_ = 0;
      co_return Result<>();
    }
    if (!space_) co_return Result<>();
    CO_TRY(const ReplayOutcome outcome,
           co_await replay(client, account_,
                           {*space_, settle_time(), !tier_.uid_next_lies, &put_off_,
                            log_.with_session("replay"), tasks_.stop_token()}));
    replay_again_ = outcome.next_try;
    for (const cache::MailboxId mailbox : outcome.renumbered) {
      // One that cannot be brought in step is not tried without a pause.
      if (failures_.contains(mailbox)) continue;
      renumbered_.insert(mailbox);
      mark_dirty(mailbox, true);
    }
    for (const cache::MailboxId mailbox : outcome.doubtful) mark_dirty(mailbox, false);
    release_held();
    if (outcome.folders_changed) co_return co_await look_around(client);
    co_return Result<>();
  }

  // A server under load may be at a message for a while after the connection that brought it broke.
  std::chrono::milliseconds settle_time() const {
    constexpr std::chrono::milliseconds kMost = std::chrono::seconds(2);
    return std::min<std::chrono::milliseconds>(kMost, 10 * settings_.sync.reconnect_min);
  }

  // Mailboxes that waited until a creating write was told apart.
  void release_held() {
    for (const cache::MailboxId mailbox : std::exchange(held_, {})) {
      if (account_->creation_in_flight(mailbox)) {
        held_.insert(mailbox);
      } else {
        mark_dirty(mailbox, false);
      }
    }
  }

  struct Failure {
    std::uint64_t count = 0;
    std::string why;
  };

  net::Loop* loop_;
  cache::Account* account_;
  config::Account settings_;
  Log log_;

  State state_ = State::kNone;
  std::int64_t since_ = 0;
  std::int64_t next_try_ = 0;
  std::string last_error_;
  std::string server_;
  Tier tier_;
  std::optional<Namespace> space_;

  std::deque<cache::MailboxId> dirty_;  // to be synced, the urgent ones in front
  std::int64_t replay_again_ = 0;
  std::map<cache::JournalSeq, std::int64_t> put_off_;  // on this connection
  int throttles_ = 0;                                  // in a row
  steady_clock::time_point throttled_;
  std::map<cache::MailboxId, std::uint64_t> sizes_;  // of those of which nothing is known: messages
  std::map<cache::MailboxId, Failure> failures_;     // since it was last in step
  std::set<cache::MailboxId> held_;                  // wait for a creating write to be told apart
  std::set<cache::MailboxId> renumbered_;  // what was under way there is to be found again
  std::set<cache::MailboxId> audits_;      // all of their flags are to be looked at
  std::uint64_t sweeps_ = 0;
  std::map<cache::MailboxId, steady_clock::time_point> flags_seen_;  // plain tier: all of them
  bool resting_ = false;                                             // the main connection listens

  Event wake_;
  Event changed_;
  Backoff backoff_;
  Lines lines_;
  Line* line_;
  Brakes brakes_;
  Demand demand_;
  Prefetch prefetch_;
  Watch watch_;
  TaskGroup tasks_;  // last: its tasks use the rest
};

Worker::Worker(net::Loop* loop, cache::Account* account, config::Account settings)
    : impl_(std::make_unique<Impl>(loop, account, std::move(settings))) {
  account->attach(this);
}
Worker::~Worker() = default;

void Worker::start() { impl_->start(); }
Task<void> Worker::stop() { return impl_->stop(); }
void Worker::set_trace(bool on) { impl_->set_trace(on); }
bool Worker::reachable() const { return impl_->reachable(); }
cache::RemoteStatus Worker::status() const { return impl_->status(); }
Task<Result<>> Worker::ensure_listed(std::stop_token stop) {
  return impl_->ensure_listed(std::move(stop));
}
Task<Result<>> Worker::ensure_selectable(cache::MailboxId mailbox, std::stop_token stop) {
  return impl_->ensure_selectable(mailbox, std::move(stop));
}
Task<Result<>> Worker::fetch_summaries(cache::MailboxId mailbox, imap::SequenceSet uids,
                                       std::stop_token stop) {
  return impl_->fetch(mailbox, std::move(uids), false, std::move(stop));
}
Task<Result<>> Worker::fetch_bodies(cache::MailboxId mailbox, imap::SequenceSet uids,
                                    std::stop_token stop) {
  return impl_->fetch(mailbox, std::move(uids), true, std::move(stop));
}
Task<Result<imap::SequenceSet>> Worker::search(cache::MailboxId mailbox, imap::SequenceSet uids,
                                               imap::SearchKey key, std::stop_token stop) {
  return impl_->search(mailbox, std::move(uids), std::move(key), std::move(stop));
}
void Worker::selected(cache::MailboxId mailbox) { impl_->selected(mailbox); }
void Worker::unselected(cache::MailboxId mailbox) { impl_->unselected(mailbox); }
void Worker::poll(cache::MailboxId mailbox) { impl_->poll(mailbox); }
void Worker::journal_grew() { impl_->journal_grew(); }

}  // namespace upstream
