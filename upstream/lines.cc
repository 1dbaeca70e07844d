#include "upstream/lines.h"

#include <algorithm>

namespace upstream {
namespace {

using namespace std::chrono_literals;

// Sync, what readers wait for, and bodies: only what is beyond them watches.
constexpr std::size_t kRoles = 3;

}  // namespace

Task<Line::Turn> Line::take(Role role) {
  const bool waits = mutex_.is_locked();
  if (waits) {
    ++waiting_;
    if (on_wanted_) on_wanted_();
  }
  AsyncMutex::Lock lock = co_await mutex_.lock();
  if (waits) --waiting_;
  const bool undisturbed = std::exchange(last_, role) == role;
  co_return Turn{std::move(lock), undisturbed};
}

Task<Result<Client*>> Line::ready() {
  if (client_ != nullptr && client_->is_alive()) co_return client_.get();
  if (main_only_) {
    co_return fail(Errc::kUnavailable, "the connection to upstream is closed");
  }
  co_return co_await fresh();
}

Task<Result<Client*>> Line::fresh() {
  CO_TRY_VOID(co_await connect());
  co_return client_.get();
}

Task<Result<Connected*>> Line::connect() {
  co_await close(client_ != nullptr && client_->is_alive());
  CO_TRY(connected_, co_await lines_->open(this));
  client_ = std::move(connected_.client);
  ++serial_;
  lines_->opened(client_.get());
  co_return &connected_;
}

Task<void> Line::close(bool polite) {
  if (client_ == nullptr) co_return;
  lines_->closing(client_.get());
  co_await client_->close(polite);
  client_.reset();
}

Lines::Lines(net::Loop* loop, config::Upstream settings, Log log)
    : loop_(loop), settings_(std::move(settings)), log_(std::move(log)) {
  const std::size_t count = std::max(1U, settings_.max_connections);
  main_ = add("sync");
  demand_ = count > 1 ? add("demand") : main_;
  bodies_ = count > 2 ? add("bodies") : demand_;
  for (std::size_t i = kRoles; i < count; ++i) watch_.push_back(add("watch"));
  main_->main_only_ = true;
  bodies_->compress_ = true;
  main_->shared_ = count == 1;
  demand_->shared_ = count <= 2;
}

Line* Lines::add(std::string purpose) {
  lines_.push_back(std::make_unique<Line>(this, loop_, std::move(purpose)));
  return lines_.back().get();
}

void Lines::stop() {
  stop_.request_stop();
  for (Client* client : std::set<Client*>(clients_)) {
    client->wake();
    client->abort();
  }
}

void Lines::wake_all() {
  for (Client* client : clients_) client->wake();
}

void Lines::set_trust(bool condstore, bool qresync) {
  condstore_ = condstore;
  qresync_ = qresync;
  if (condstore) return;
  for (Client* client : clients_) client->distrust(imap::Capability::kCondstore);
}

void Lines::set_trace(bool on) {
  trace_ = on;
  for (Client* client : clients_) client->set_trace(on);
}

std::uint32_t Lines::attempts_last_minute() const {
  const auto minute_ago = Clock::now() - 1min;
  return static_cast<std::uint32_t>(
      std::ranges::count_if(attempts_, [minute_ago](auto when) { return when > minute_ago; }));
}

std::uint64_t Lines::bytes_in() const {
  std::uint64_t bytes = bytes_in_;
  for (Client* client : clients_) bytes += client->connection().received_bytes();
  return bytes;
}

std::uint64_t Lines::bytes_out() const {
  std::uint64_t bytes = bytes_out_;
  for (Client* client : clients_) bytes += client->connection().sent_bytes();
  return bytes;
}

Task<Result<Connected>> Lines::open(Line* line) {
  // Wrong credentials are tried by the main connection alone, and slowly.
  if (line != main_ && Clock::now() < refused_until_) co_return fail(Errc::kUnavailable, refusal_);
  while (!attempts_.empty() && attempts_.front() < Clock::now() - 1min) attempts_.pop_front();
  attempts_.push_back(Clock::now());
  ConnectRequest request;
  request.settings = settings_;
  request.compress = line->compress_;
  request.qresync = qresync_;
  request.trace = trace_;
  request.log = log_.with_session(line->purpose_);
  Result<Connected> connected =
      co_await upstream::connect(loop_, std::move(request), stop_.get_token());
  if (connected && !condstore_) connected->client->distrust(imap::Capability::kCondstore);
  if (!connected && connected.error().code() == Errc::kPermission) {
    refused_until_ = Clock::now() + kRefusedDelay;
    refusal_ = connected.error().text();
  } else if (connected && line == main_) {
    refused_until_ = {};
    refusal_.clear();
  }
  co_return connected;
}

void Lines::opened(Client* client) {
  clients_.insert(client);
  // Noticed now, not when it is next needed; and what cut one may have cut the others, which would
  // not know before their next renewal.
  client->set_end_listener([this] {
    wake_all();
    if (on_end_) on_end_();
  });
}

void Lines::closing(Client* client) {
  bytes_in_ += client->connection().received_bytes();
  bytes_out_ += client->connection().sent_bytes();
  clients_.erase(client);
}

}  // namespace upstream
