// Lines: the connections of one account, never more than allowed, and whose turn it is on each.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/event.h"
#include "base/log.h"
#include "base/result.h"
#include "base/task.h"
#include "config/config.h"
#include "net/loop.h"
#include "upstream/client.h"
#include "upstream/connect.h"

namespace upstream {

/// Wrong credentials do not get better by trying; a lock-out does get worse.
inline constexpr std::chrono::milliseconds kRefusedDelay = std::chrono::minutes(2);

enum class Role : std::uint8_t { kMain, kDemand, kBodies, kWatch };

class Lines;

/// Room for one connection. Whoever wants to use it takes a turn; turns are given first come first
/// served, and a turn that can end early does so when another one is waited for.
///
/// Thread: the account's loop.
class Line {
 public:
  /// Holds the line while it lives.
  struct Turn {
    AsyncMutex::Lock lock;
    bool undisturbed = false;  // nobody else had a turn since this role's last one
  };

  Line(Lines* lines, Executor* executor, std::string purpose)
      : lines_(lines), purpose_(std::move(purpose)), mutex_(executor) {}

  Task<Turn> take(Role role);
  /// Whether somebody waits for a turn.
  bool is_wanted() const { return waiting_ > 0; }
  /// Called when somebody begins to wait.
  void set_wanted_listener(std::function<void()> listener) { on_wanted_ = std::move(listener); }

  // ---- With a turn only ----
  /// The connection, which may have died; none when there is none.
  Client* client() const { return client_.get(); }
  /// A connection that lives, opened if need be. Errors: as connect(); kUnavailable on the line
  /// that the main connection alone opens, while it is closed.
  Task<Result<Client*>> ready();
  /// A new connection, in place of the one there is.
  Task<Result<Client*>> fresh();
  Task<Result<Connected*>> connect();
  Task<void> close(bool polite);

  /// Whether it is the one that the main role opens and keeps.
  bool is_main() const { return main_only_; }
  /// Whether more than one role uses it.
  bool is_shared() const { return shared_; }
  /// Raised by each new connection.
  std::uint64_t serial() const { return serial_; }

 private:
  friend class Lines;

  Lines* lines_;
  std::string purpose_;
  AsyncMutex mutex_;
  std::function<void()> on_wanted_;
  std::size_t waiting_ = 0;
  Role last_ = Role::kMain;
  bool compress_ = false;
  bool shared_ = false;
  bool main_only_ = false;  // opened by the main role alone
  std::uint64_t serial_ = 0;
  Connected connected_;
  std::unique_ptr<Client> client_;
};

/// Shares the allowed number of connections out: one for sync and replay, one for what readers wait
/// for, one for bodies, and the rest watch. With three nobody watches but the first, at rest; with
/// two, readers and bodies take turns on the second; with one everything does.
///
/// Thread:   the account's loop.
/// Lifetime: every line is closed before it is destroyed.
class Lines {
 public:
  Lines(net::Loop* loop, config::Upstream settings, Log log);

  Line* main() const { return main_; }
  Line* demand() const { return demand_; }
  Line* bodies() const { return bodies_; }
  const std::vector<Line*>& watch() const { return watch_; }
  bool has_one() const { return lines_.size() == 1; }

  /// Called when a connection has failed.
  void set_end_listener(std::function<void()> listener) { on_end_ = std::move(listener); }
  /// From now on no connection is opened, those under way are given up, and all others end.
  void stop();
  /// IDLE ends everywhere: those that listen find out whether their connections are dead.
  void wake_all();
  void set_trace(bool on);
  /// What of MODSEQ is made use of: CONDSTORE on every connection, QRESYNC on the next ones.
  void set_trust(bool condstore, bool qresync);

  /// Why the server does not accept the credentials; empty unless it is so.
  const std::string& refusal() const { return refusal_; }
  std::uint32_t open_connections() const { return static_cast<std::uint32_t>(clients_.size()); }
  std::uint32_t attempts_last_minute() const;
  std::uint64_t bytes_in() const;
  std::uint64_t bytes_out() const;

 private:
  friend class Line;
  using Clock = std::chrono::steady_clock;

  Line* add(std::string purpose);
  Task<Result<Connected>> open(Line* line);
  void opened(Client* client);
  void closing(Client* client);

  net::Loop* loop_;
  config::Upstream settings_;
  Log log_;
  std::vector<std::unique_ptr<Line>> lines_;
  Line* main_ = nullptr;
  Line* demand_ = nullptr;
  Line* bodies_ = nullptr;
  std::vector<Line*> watch_;

  std::set<Client*> clients_;
  std::function<void()> on_end_;
  std::deque<Clock::time_point> attempts_;
  Clock::time_point refused_until_;
  std::string refusal_;
  bool trace_ = false;
  bool condstore_ = true;
  bool qresync_ = true;
  std::uint64_t bytes_in_ = 0;  // of connections that are closed
  std::uint64_t bytes_out_ = 0;
  std::stop_source stop_;
};

}  // namespace upstream
