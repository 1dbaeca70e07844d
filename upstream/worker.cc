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
#include "upstream/bodies.h"
#include "upstream/connect.h"
#include "upstream/demand.h"
#include "upstream/folders.h"
#include "upstream/mailbox_sync.h"
#include "upstream/messages.h"
#include "upstream/replay.h"
#include "upstream/select.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using State = cache::RemoteStatus::State;

// Wrong credentials do not get better by trying; a lock-out does get worse.
constexpr milliseconds kRefusedDelay = 2min;
// What the newest messages of a mailbox get before bodies are fetched: a first screen or two.
constexpr std::size_t kFirstSummaries = 200;
constexpr std::size_t kBodyBatch = 500;
// A mailbox whose bodies could not be fetched is left alone for so long.
constexpr milliseconds kBodiesLater = 2min;
// Where there is no IDLE.
constexpr milliseconds kPollInstead = 60s;
constexpr const char* kMainPurpose = "sync";
// Losing more than this, and more than half, is looked at twice.
constexpr std::uint64_t kBrakeMessages = 20;

std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

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
        bodies_wake_(loop),
        watch_wake_(loop),
        backoff_(settings_.sync.reconnect_min, settings_.sync.reconnect_max,
                 std::random_device{}()),
        demand_(
            loop, account, [this] { return open_client("demand", false); },
            [this](std::unique_ptr<Client> client, bool polite) {
              return release(std::move(client), polite);
            }),
        tasks_(loop) {
    set_state(State::kConnecting);
  }

  void start() {
    tasks_.spawn(main());
    tasks_.spawn(demand_.run(tasks_.stop_token()));
    tasks_.spawn(prefetch());
    tasks_.spawn(watch());
    // A cold cache will be asked at once: its connection is made while the first one logs in.
    const cache::MailboxRecord* inbox = account_->find_mailbox("INBOX");
    if (inbox == nullptr || inbox->summaries < inbox->messages || !inbox->upstream.uids_known) {
      demand_.warm_up();
    }
  }

  Task<void> stop() {
    tasks_.request_stop();
    for (Client* client : std::set<Client*>(clients_)) {
      client->wake();
      client->abort();
    }
    changed_.set();
    co_await tasks_.close();
  }

  void set_trace(bool on) {
    trace_ = on;
    for (Client* client : clients_) client->set_trace(on);
  }

  bool reachable() const { return state_ == State::kOnline; }

  cache::RemoteStatus status() const {
    cache::RemoteStatus status;
    status.state = state_;
    status.server = fmt::format("{}:{}", settings_.upstream->host, settings_.upstream->port);
    if (!server_.empty()) status.server += " (" + server_ + ")";
    status.last_error = last_error_;
    status.since = since_;
    status.next_try = next_try_;
    status.connections = static_cast<std::uint32_t>(clients_.size());
    const auto minute_ago = steady_clock::now() - 1min;
    status.reconnects_last_minute = static_cast<std::uint32_t>(
        std::ranges::count_if(attempts_, [minute_ago](auto when) { return when > minute_ago; }));
    status.bytes_in = bytes_in_;
    status.bytes_out = bytes_out_;
    for (Client* client : clients_) {
      status.bytes_in += client->connection().received_bytes();
      status.bytes_out += client->connection().sent_bytes();
    }
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
    ++watchers_[mailbox];
    watch_wake_.set();
  }
  void unselected(cache::MailboxId mailbox) {
    const auto found = watchers_.find(mailbox);
    if (found != watchers_.end() && --found->second == 0) watchers_.erase(found);
    watch_wake_.set();
  }
  void poll(cache::MailboxId mailbox) {
    // A mailbox that is watched has nothing to add, and clients that poll in a tight loop are many.
    if (watching_.contains(mailbox)) return;
    const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
    if (record == nullptr || now_seconds() - record->upstream.last_good_check < 10) return;
    mark_dirty(mailbox, false);
  }
  void journal_grew() { wake_.set(); }

 private:
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
    wake_.set();
  }

  // ---- Connections ----

  Task<Result<std::unique_ptr<Client>>> open_client(std::string purpose, bool compress) {
    CO_TRY(Connected connected, co_await open(std::move(purpose), compress));
    co_return std::move(connected.client);
  }

  Task<Result<Connected>> open(std::string purpose, bool compress) {
    // Wrong credentials are tried by the main connection alone, and slowly.
    const bool main = purpose == kMainPurpose;
    if (!main && steady_clock::now() < refused_until_) {
      co_return fail(Errc::kUnavailable, last_error_);
    }
    while (!attempts_.empty() && attempts_.front() < steady_clock::now() - 1min) {
      attempts_.pop_front();
    }
    attempts_.push_back(steady_clock::now());
    ConnectRequest request;
    request.settings = *settings_.upstream;
    request.compress = compress;
    request.qresync = !qresync_lies_;
    request.trace = trace_;
    request.log = log_.with_session(purpose);
    Result<Connected> connected = co_await connect(loop_, std::move(request), tasks_.stop_token());
    if (!connected && connected.error().code() == Errc::kPermission) {
      refused_until_ = steady_clock::now() + kRefusedDelay;
      last_error_ = connected.error().text();
    }
    if (!connected) co_return fail(std::move(connected).error());
    if (main) refused_until_ = {};
    clients_.insert(connected->client.get());
    co_return connected;
  }

  Task<void> release(std::unique_ptr<Client> client, bool polite) {
    if (client == nullptr) co_return;
    bytes_in_ += client->connection().received_bytes();
    bytes_out_ += client->connection().sent_bytes();
    clients_.erase(client.get());
    co_await client->close(polite);
  }

  // ---- The main connection: folder list, sync, replay ----

  Task<void> main() {
    const std::stop_token stop = tasks_.stop_token();
    while (!stop.stop_requested()) {
      ++connection_serial_;
      ++look_serial_;
      Result<Connected> connected = co_await open(kMainPurpose, false);
      const bool refused =
          !connected && (connected.error().code() == Errc::kPermission ||
                         connected.error().code() == Errc::kNotFound);  // no secret
      Result<> served;
      if (connected) {
        server_ = connected->server;
        tier_.condstore = connected->client->has(imap::Capability::kCondstore);
        tier_.qresync = connected->qresync && !qresync_lies_;
        last_error_.clear();
        // A connection that ends is noticed now, not when it is next needed.
        connected->client->set_end_listener([this] { wake_.set(); });
        log_.info("connected to {} ({}), {}", settings_.upstream->host, server_, tier_.name());
        set_state(State::kOnline);
        watch_wake_.set();
        served = co_await serve(connected->client.get());
        co_await release(std::move(connected->client), served.has_value());
      } else {
        served = fail(std::move(connected).error());
      }
      if (stop.stop_requested()) break;
      co_await pause(served ? Error(Errc::kClosed, "closed") : std::move(served).error(), refused);
    }
  }

  Task<void> pause(Error error, bool refused) {
    const milliseconds delay = refused ? std::max(kRefusedDelay, backoff_.next()) : backoff_.next();
    last_error_ = error.text();
    next_try_ = now_seconds() + delay.count() / 1000;
    log_.warning("offline, next try in {:.1f} s: {}", static_cast<double>(delay.count()) / 1000.0,
                 error.text());
    set_state(refused ? State::kRefused : State::kOffline);
    // Those that listen find out whether their links are dead as well.
    for (Client* client : clients_) client->wake();
    (void)co_await sleep_for(loop_, delay, tasks_.stop_token());
    // The state stays what it was until a try has succeeded: readers are not made to wait for hope.
  }

  Task<Result<>> serve(Client* client) {
    CO_TRY_VOID(co_await first_look(client));
    backoff_.reset();
    auto next_poll = steady_clock::now() + settings_.sync.poll_interval;
    auto next_sweep = steady_clock::now() + settings_.sync.flag_sweep_interval;
    while (!tasks_.stop_token().stop_requested()) {
      CO_TRY_VOID(co_await replay_journal(client));
      while (!dirty_.empty()) {
        const cache::MailboxId mailbox = dirty_.front();
        dirty_.pop_front();
        CO_TRY_VOID(co_await sync(client, mailbox));
        // Writes do not wait for a long round of mailboxes.
        CO_TRY_VOID(co_await replay_journal(client));
      }
      bodies_wake_.set();
      if (steady_clock::now() >= next_poll) {
        next_poll = steady_clock::now() + settings_.sync.poll_interval;
        CO_TRY_VOID(co_await look_around(client));
        continue;
      }
      if (steady_clock::now() >= next_sweep) {
        next_sweep = steady_clock::now() + settings_.sync.flag_sweep_interval;
        if (!tier_.condstore) mark_all_dirty();
        continue;
      }
      milliseconds wait = std::chrono::duration_cast<milliseconds>(std::min(next_poll, next_sweep) -
                                                                   steady_clock::now());
      if (replay_again_ != 0) {
        wait = std::min(
            wait,
            milliseconds(1000 * std::max<std::int64_t>(0, replay_again_ - now_seconds()) + 100));
      }
      wait = std::clamp(wait, milliseconds(1), milliseconds(60'000));
      const Result<> waited = co_await wake_.wait_for(wait, tasks_.stop_token());
      wake_.reset();
      if (!client->is_alive()) co_return fail(Errc::kClosed, "the connection is gone");
      // RFC 3501 5.4: a connection that says nothing is hung up on.
      const bool quiet = !waited && steady_clock::now() - last_noop_ > 4min;
      if (quiet) {
        last_noop_ = steady_clock::now();
        CO_TRY_VOID(co_await client->run(imap::NoopCommand{}));
      }
    }
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
    Result<> looked = co_await look_around(client);
    co_await together.close();
    if (inbox_synced && !*inbox_synced) co_return *inbox_synced;
    co_return looked;
  }
  Task<void> sync_into(Client* client, cache::MailboxId mailbox, std::optional<Result<>>* result) {
    result->emplace(co_await sync(client, mailbox));
  }

  // The folder list with counters: what differs from what was last known good is synced.
  Task<Result<>> look_around(Client* client) {
    CO_TRY(FolderList folders, co_await list_folders(client, space_));
    space_ = folders.space;
    CO_TRY_VOID(brake_folders(folders));
    CO_TRY_VOID(co_await account_->set_upstream_mailboxes(folders.mailboxes));
    CO_TRY_VOID(co_await account_->set_upstream_subscriptions(folders.subscribed));
    changed_.notify();

    std::map<cache::MailboxId, imap::StatusItems> known;
    std::vector<std::string> ask;
    for (const auto& [name, record] : account_->mailboxes()) {
      if (!is_syncable(*record)) continue;
      const auto told = folders.status.find(name);
      if (told != folders.status.end()) {
        known.emplace(record->id, told->second);
      } else if (record->upstream.uids_known) {
        ask.push_back(record->upstream.name);
      } else {
        mark_dirty(record->id, name == "INBOX");
      }
    }
    if (!ask.empty()) {
      CO_TRY(const auto told, co_await status_of(client, std::move(ask)));
      for (const auto& [name, record] : account_->mailboxes()) {
        if (!is_syncable(*record) || known.contains(record->id)) continue;
        const auto found = told.find(record->upstream.name);
        if (found != told.end()) known.emplace(record->id, found->second);
      }
    }
    std::vector<cache::MailboxId> unchanged;
    for (const auto& [id, items] : known) {
      const cache::MailboxRecord* record = account_->find_mailbox(id);
      if (record == nullptr) continue;
      if (is_unchanged(*record, items)) {
        unchanged.push_back(id);
      } else {
        mark_dirty(id, record->name == "INBOX");
      }
    }
    co_return co_await confirm(std::move(unchanged));
  }

  static bool is_syncable(const cache::MailboxRecord& record) {
    return (record.attributes & (cache::kNoSelect | cache::kNonExistent)) == 0 &&
           !record.upstream.name.empty();
  }

  bool is_unchanged(const cache::MailboxRecord& record, const imap::StatusItems& items) const {
    const cache::UpstreamState& state = record.upstream;
    if (!state.uids_known || !state.flags_known) return false;
    if (items.uid_validity && *items.uid_validity != state.uid_validity) return false;
    if (!items.uid_next || items.uid_next->value() != state.uid_next) return false;
    if (!items.messages || *items.messages != state.messages) return false;
    // Without MODSEQ nobody tells of flags: they are looked at with every round where somebody may
    // be looking too, and now and then elsewhere.
    if (!tier_.condstore) {
      const auto swept = flags_seen_.find(record.id);
      return record.name != "INBOX" && !watchers_.contains(record.id) &&
             swept != flags_seen_.end() &&
             steady_clock::now() - swept->second < settings_.sync.flag_sweep_interval;
    }
    return items.highest_mod_seq && items.highest_mod_seq->value() == state.highest_modseq;
  }

  // Known good as of now, without a look inside.
  Task<Result<>> confirm(std::vector<cache::MailboxId> mailboxes) {
    std::deque<Result<>> results;
    TaskGroup together(loop_);
    for (const cache::MailboxId id : mailboxes) {
      together.spawn(confirm_one(id, &results.emplace_back()));
    }
    co_await together.close();
    for (const Result<>& result : results) {
      if (!result) co_return result;
    }
    co_return Result<>();
  }
  Task<void> confirm_one(cache::MailboxId id, Result<>* result) {
    const cache::MailboxRecord* record = account_->find_mailbox(id);
    if (record == nullptr) co_return;
    cache::UpstreamState state = record->upstream;
    state.last_good_check = now_seconds();
    *result = co_await account_->set_upstream_state(id, std::move(state));
  }

  void mark_all_dirty() {
    for (const auto& [name, record] : account_->mailboxes()) {
      if (is_syncable(*record)) mark_dirty(record->id, false);
    }
  }

  Task<Result<>> sync(Client* client, cache::MailboxId mailbox, bool second_look = false) {
    const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
    if (record == nullptr || !is_syncable(*record)) co_return Result<>();
    // Its new messages may be ours: they are told apart by replay first.
    if (account_->creation_in_flight(mailbox)) {
      held_.insert(mailbox);
      co_return Result<>();
    }
    MailboxSyncOptions options;
    options.tier = &tier_;
    options.log = log_.with_mailbox(record->name);
    options.sweep_flags = true;
    options.brake = [this](cache::MailboxId id, std::uint64_t gone, std::uint64_t known) {
      return brake_messages(id, gone, known);
    };
    const Log log = options.log;
    const Result<> synced = co_await sync_mailbox(client, account_, mailbox, std::move(options));
    if (!tier_.distrust.empty()) qresync_lies_ = true;
    changed_.notify();
    if (synced) {
      flags_seen_[mailbox] = steady_clock::now();
      failures_.erase(mailbox);
      co_return synced;
    }
    if (!client->is_alive()) co_return synced;
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
    if (braked_.contains(mailbox) && !second_look) co_return co_await look_again(mailbox);
    co_return Result<>();
  }

  // Over another connection than the one that told of the loss. What it sees, or that it sees
  // nothing, counts until the mailbox is looked at next.
  Task<Result<>> look_again(cache::MailboxId mailbox) {
    CO_TRY(Connected connected, co_await open("second look", false));
    ++look_serial_;
    Result<> looked = co_await sync(connected.client.get(), mailbox, true);
    co_await release(std::move(connected.client), looked.has_value());
    co_return looked;
  }

  // ---- Brakes ----

  bool brake_messages(cache::MailboxId mailbox, std::uint64_t gone, std::uint64_t known) {
    // An empty mailbox is as suspicious as a much smaller one.
    if (gone < known && (gone <= kBrakeMessages || gone * 2 < known)) return true;
    const auto held = braked_.find(mailbox);
    if (held != braked_.end() && held->second.serial != look_serial_ && held->second.gone <= gone) {
      braked_.erase(held);
      log_.warning("{} of {} messages are gone upstream, seen twice: removing them", gone, known);
      return true;
    }
    braked_[mailbox] = {look_serial_, gone};
    return false;
  }

  Result<> brake_folders(const FolderList& folders) {
    std::set<std::string> theirs;
    for (const cache::UpstreamMailbox& mailbox : folders.mailboxes) theirs.insert(mailbox.name);
    std::size_t known = 0;
    std::size_t gone = 0;
    for (const auto& [name, record] : account_->mailboxes()) {
      if (record->upstream.name.empty() || !record->upstream.uids_known) continue;
      ++known;
      if (!theirs.contains(name)) ++gone;
    }
    if (gone <= 2 || gone * 2 < known) {
      braked_folders_ = {};
      return {};
    }
    if (braked_folders_.serial != 0 && braked_folders_.serial != connection_serial_ &&
        braked_folders_.gone <= gone) {
      braked_folders_ = {};
      log_.warning("{} of {} mailboxes are gone upstream, seen twice: removing them", gone, known);
      return {};
    }
    braked_folders_ = {connection_serial_, gone};
    return fail(
        Errc::kUnavailable,
        fmt::format("{} of {} mailboxes seem to be gone upstream: looking again before they "
                    "are removed here",
                    gone, known));
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
           co_await replay(client, account_, {*space_, log_.with_session("replay")}));
    replay_again_ = outcome.next_try;
    release_held();
    if (outcome.folders_changed) co_return co_await look_around(client);
    co_return Result<>();
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

  // ---- Watching: IDLE on INBOX and on what clients have selected ----

  Task<void> watch() {
    const std::stop_token stop = tasks_.stop_token();
    while (!stop.stop_requested()) {
      watch_wake_.reset();
      if (state_ == State::kOnline) {
        const cache::MailboxRecord* inbox = account_->find_mailbox("INBOX");
        // Sync, requests and bodies have their connections; the rest may watch.
        const std::size_t room = settings_.upstream->max_connections > 3
                                     ? settings_.upstream->max_connections - 3
                                 : settings_.upstream->max_connections > 1 ? 1
                                                                           : 0;
        if (inbox != nullptr) start_watching(inbox->id, room);
        for (const auto& [mailbox, count] : watchers_) start_watching(mailbox, room);
      }
      (void)co_await watch_wake_.wait_for(30s, stop);
    }
  }

  void start_watching(cache::MailboxId mailbox, std::size_t room) {
    if (watching_.contains(mailbox) || watching_.size() >= room) return;
    watching_.insert(mailbox);
    tasks_.spawn(watch_one(mailbox));
  }

  bool is_wanted(cache::MailboxId mailbox) const {
    const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
    return record != nullptr && (record->name == "INBOX" || watchers_.contains(mailbox));
  }

  Task<void> watch_one(cache::MailboxId mailbox) {
    const std::stop_token stop = tasks_.stop_token();
    Backoff backoff(settings_.sync.reconnect_min, settings_.sync.reconnect_max, mailbox.value());
    while (!stop.stop_requested() && is_wanted(mailbox) && state_ == State::kOnline) {
      Result<std::unique_ptr<Client>> client = co_await open_client("watch", false);
      if (client) {
        const Result<> watched = co_await watch_on(client->get(), mailbox, stop);
        co_await release(std::move(*client), watched.has_value());
        if (watched) break;
      }
      if (!co_await sleep_for(loop_, backoff.next(), stop)) break;
    }
    watching_.erase(mailbox);
  }

  // Ends well when nobody wants it any more, or the server has no IDLE.
  Task<Result<>> watch_on(Client* client, cache::MailboxId mailbox, std::stop_token stop) {
    if (!client->has(imap::Capability::kIdle)) {
      // Without IDLE a NOOP now and then does it; polling covers the rest.
      (void)co_await sleep_for(loop_, kPollInstead, stop);
      mark_dirty(mailbox, false);
      co_return Result<>();
    }
    const cache::MailboxRecord* record = account_->find_mailbox(mailbox);
    if (record == nullptr || record->upstream.name.empty()) co_return Result<>();
    CO_TRY_VOID(co_await select_mailbox(client, record->upstream.name, false, std::nullopt));
    bool news = false;
    struct Listening {
      Client* client;
      ~Listening() { client->set_listener({}); }
    } const listening{client};
    client->set_listener([&news](imap::Response& response) {
      news |= std::holds_alternative<imap::ExistsResponse>(response) ||
              std::holds_alternative<imap::ExpungeResponse>(response) ||
              std::holds_alternative<imap::VanishedResponse>(response) ||
              std::holds_alternative<imap::FetchResponse>(response);
    });
    while (!stop.stop_requested() && is_wanted(mailbox)) {
      CO_TRY(const Answer answer, co_await client->idle(settings_.sync.idle_renewal, stop));
      // One that offers IDLE and refuses it is polled.
      if (!answer.ok()) {
        (void)co_await sleep_for(loop_, kPollInstead, stop);
        if (!client->is_alive()) co_return fail(Errc::kClosed, "the connection is gone");
        news = true;
      }
      if (std::exchange(news, false)) mark_dirty(mailbox, true);
    }
    co_return Result<>();
  }

  // ---- Bodies, before anybody asks for them ----

  Task<void> prefetch() {
    const std::stop_token stop = tasks_.stop_token();
    Backoff backoff(settings_.sync.reconnect_min, settings_.sync.reconnect_max, 1);
    while (!stop.stop_requested()) {
      bodies_wake_.reset();
      const std::vector<cache::MailboxId> work =
          state_ == State::kOnline ? incomplete_mailboxes() : std::vector<cache::MailboxId>();
      if (work.empty()) {
        (void)co_await bodies_wake_.wait_for(60s, stop);
        continue;
      }
      Result<std::unique_ptr<Client>> client = co_await open_client("bodies", true);
      Result<> done;
      if (!client) {
        done = fail(std::move(client).error());
      } else {
        for (const cache::MailboxId mailbox : work) {
          done = co_await complete(client->get(), mailbox);
          if (stop.stop_requested()) break;
          if (done) continue;
          // Our own disk, or the connection; else one mailbox's trouble, and the others go on.
          if (done.error().code() == Errc::kLimit || !(*client)->is_alive()) break;
          log_.info("bodies: {}", done.error().text());
          bodies_later_[mailbox] = steady_clock::now() + kBodiesLater;
          done = {};
        }
        co_await release(std::move(*client), done.has_value());
        // What came meanwhile is looked for again; what upstream does not give has been parked.
        if (done && !stop.stop_requested()) (void)co_await account_->evict();
      }
      if (done) {
        backoff.reset();
      } else if (!stop.stop_requested()) {
        log_.info("bodies: {}", done.error().text());
        (void)co_await sleep_for(loop_, backoff.next(), stop);
      }
    }
  }

  std::vector<cache::MailboxId> incomplete_mailboxes() const {
    std::vector<cache::MailboxId> found;
    const bool headers = settings_.prefetch.kind == config::Prefetch::Kind::kHeaders;
    for (const auto& [name, record] : account_->mailboxes()) {
      if (!is_syncable(*record) || !record->upstream.flags_known) continue;
      const auto later = bodies_later_.find(record->id);
      if (later != bodies_later_.end() && steady_clock::now() < later->second) continue;
      const auto parked = parked_.find(record->id);
      const std::size_t given_up = parked == parked_.end() ? 0 : parked->second.size();
      const std::size_t have = headers ? record->summaries : record->bodies;
      if (have + given_up >= record->messages) continue;
      if (completed_.contains(record->id) && completed_.at(record->id) == record->uid_next)
        continue;
      name == "INBOX" ? void(found.insert(found.begin(), record->id)) : found.push_back(record->id);
    }
    return found;
  }

  Task<Result<>> complete(Client* client, cache::MailboxId id) {
    const cache::MailboxRecord* record = account_->find_mailbox(id);
    if (record == nullptr || record->upstream.name.empty()) co_return Result<>();
    const imap::UidValidity validity = record->upstream.uid_validity;
    const imap::Uid until = record->uid_next;
    CO_TRY(const SelectedMailbox selected,
           co_await select_mailbox(client, record->upstream.name, false, std::nullopt));
    if (validity.is_set() && selected.uid_validity.is_set() && selected.uid_validity != validity) {
      mark_dirty(id, false);
      co_return fail(Errc::kStale, "upstream gave the mailbox a new UIDVALIDITY");
    }
    CO_TRY(const cache::MailboxRef mailbox, co_await account_->open_mailbox(id));
    const bool headers = settings_.prefetch.kind == config::Prefetch::Kind::kHeaders;
    const bool all = settings_.prefetch.kind == config::Prefetch::Kind::kAll;
    imap::SequenceSet to_list =
        newest_without(*mailbox, cache::kHaveSummary, all ? kFirstSummaries : SIZE_MAX);
    if (!to_list.empty()) {
      CO_TRY_VOID(
          co_await upstream::fetch_summaries(client, account_, mailbox, std::move(to_list)));
    }
    if (!headers) {
      std::set<imap::Uid> tried;
      NextBodies next = [this, &mailbox, &tried, validity] {
        imap::SequenceSet wanted;
        // Renumbered meanwhile: the UIDs that we know now are not those of this connection.
        if (mailbox->record().upstream.uid_validity != validity) return wanted;
        std::size_t count = 0;
        const std::int64_t oldest = settings_.prefetch.kind == config::Prefetch::Kind::kRecent
                                        ? now_seconds() - settings_.prefetch.recent.count() / 1000
                                        : INT64_MIN;
        const std::span<const cache::MessageEntry> entries = mailbox->messages();
        for (std::size_t i = entries.size(); i-- > 0 && count < kBodyBatch;) {
          const cache::MessageEntry& entry = entries[i];
          if (entry.has(cache::kHaveBody) || !entry.upstream_uid.is_set()) continue;
          if (entry.internal_date < oldest || !tried.insert(entry.uid).second) continue;
          wanted.add(entry.uid);
          ++count;
        }
        return wanted;
      };
      CO_TRY_VOID(co_await upstream::fetch_bodies(client, account_, mailbox, std::move(next)));
      for (const imap::Uid uid : tried) {
        const cache::MessageEntry* entry = mailbox->find(uid);
        if (entry != nullptr && !entry->has(cache::kHaveBody)) parked_[id].insert(uid);
      }
    }
    completed_[id] = until;
    co_return Result<>();
  }

  static imap::SequenceSet newest_without(const cache::Mailbox& mailbox, cache::Have bit,
                                          std::size_t limit) {
    imap::SequenceSet found;
    std::size_t count = 0;
    const std::span<const cache::MessageEntry> entries = mailbox.messages();
    for (std::size_t i = entries.size(); i-- > 0 && count < limit;) {
      ++count;
      if (!entries[i].has(bit) && entries[i].upstream_uid.is_set()) found.add(entries[i].uid);
    }
    return found;
  }

  struct Failure {
    std::uint64_t count = 0;
    std::string why;
  };
  struct Held {
    std::uint64_t serial = 0;  // of the connection that saw it
    std::uint64_t gone = 0;
  };

  net::Loop* loop_;
  cache::Account* account_;
  config::Account settings_;
  Log log_;
  bool trace_ = false;

  State state_ = State::kNone;
  std::int64_t since_ = 0;
  std::int64_t next_try_ = 0;
  std::string last_error_;
  std::string server_;
  Tier tier_;
  bool qresync_lies_ = false;
  std::optional<Namespace> space_;
  std::deque<steady_clock::time_point> attempts_;
  std::uint64_t connection_serial_ = 0;  // of the main connection: the folder list's brake
  std::uint64_t look_serial_ = 0;        // of connections that look at mailboxes: theirs
  std::uint64_t bytes_in_ = 0;           // of connections that are closed
  std::uint64_t bytes_out_ = 0;
  std::set<Client*> clients_;
  steady_clock::time_point last_noop_ = steady_clock::now();

  std::deque<cache::MailboxId> dirty_;  // to be synced, the urgent ones in front
  std::int64_t replay_again_ = 0;
  std::map<cache::MailboxId, Held> braked_;
  std::map<cache::MailboxId, Failure> failures_;  // since it was last in step
  std::set<cache::MailboxId> held_;               // wait for a creating write to be told apart
  std::map<cache::MailboxId, steady_clock::time_point> bodies_later_;
  steady_clock::time_point refused_until_;
  Held braked_folders_;
  std::map<cache::MailboxId, std::uint32_t> watchers_;  // sessions that have it selected
  std::set<cache::MailboxId> watching_;
  std::map<cache::MailboxId, std::set<imap::Uid>> parked_;  // bodies that upstream does not give
  std::map<cache::MailboxId, steady_clock::time_point> flags_seen_;  // plain tier: all of them
  std::map<cache::MailboxId, imap::Uid> completed_;  // looked through up to this UIDNEXT

  Event wake_;
  Event changed_;
  Event bodies_wake_;
  Event watch_wake_;
  Backoff backoff_;
  Demand demand_;
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
