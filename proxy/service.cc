#include "proxy/service.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>
#include <utility>

#include "base/log.h"
#include "base/on_executor.h"
#include "config/secret_source.h"
#include "proxy/fault_point.h"

namespace proxy {
namespace {

// Accounts that a user sees together live on one loop, so that one session can use all of them.
// Gives each account the number of its group (union of the users' lists).
std::map<std::string, std::size_t> group_accounts(const config::Config& config) {
  std::vector<std::string> names;
  std::map<std::string, std::size_t> index;
  for (const auto& [name, account] : config.accounts) {
    index[name] = names.size();
    names.push_back(name);
  }
  std::vector<std::size_t> leader(names.size());
  std::iota(leader.begin(), leader.end(), std::size_t{0});
  const auto find = [&leader](std::size_t i) {
    while (leader[i] != i) i = leader[i];
    return i;
  };
  for (const auto& [name, user] : config.users) {
    for (const std::string& account : user.accounts) {
      const auto found = index.find(account);
      if (found != index.end()) leader[find(found->second)] = find(index[user.accounts.front()]);
    }
  }
  std::map<std::size_t, std::size_t> group_of_leader;
  std::map<std::string, std::size_t> groups;
  for (const auto& [name, i] : index) {
    groups[name] = group_of_leader.try_emplace(find(i), group_of_leader.size()).first->second;
  }
  return groups;
}

}  // namespace

Service::Service(net::LoopPool* pool, config::Config config, MakeWorker make_worker)
    : pool_(pool),
      config_(std::move(config)),
      make_worker_(std::move(make_worker)),
      tasks_(pool->loop(0)) {}

Service::~Service() = default;

Task<Result<>> Service::start() {
  const auto open = [&config = config_]() -> Result<std::unique_ptr<cache::Database>> {
    cache::StoreOptions options;
    options.block_cache_bytes = config.memory.block_cache_bytes;
    options.write_buffer_bytes = config.memory.write_buffer_bytes;
    options.at_step = kill_at_commit();
    return cache::Database::open(config.data_dir, options);
  };
  Result<std::unique_ptr<cache::Database>> database =
      co_await run_blocking(static_cast<Executor*>(pool_->loop(0)), open);
  if (!database) co_return fail(std::move(database).error());
  database_ = std::move(*database);
  if (!database_->rebuilt().empty()) {
    Log().error("the cache was damaged and is rebuilt from upstream: {}", database_->rebuilt());
  }

  Result<> started = co_await open_accounts();
  if (started) {
    Result<std::shared_ptr<const Users>> users = co_await make_users(config_);
    if (!users) {
      started = fail(std::move(users).error());
    } else {
      imap_ = std::make_unique<ImapServer>(pool_, std::move(*users), config_.limits);
      started = imap_->start(config_.listeners);
    }
  }
  if (!started) {
    co_await stop();
    co_return started;
  }
  for (RunningAccount& running : accounts_) {
    if (running.worker == nullptr) continue;
    running.loop->post([worker = running.worker.get()] { worker->start(); });
  }
  tasks_.spawn(return_memory(tasks_.stop_token()));
  co_return Result<>();
}

Task<void> Service::return_memory(std::stop_token stop) {
  constexpr std::chrono::seconds kBetweenLooks(3);
  while (co_await sleep_for(pool_->loop(0), kBetweenLooks, stop)) {
    (void)co_await run_blocking(pool_->loop(0), [this] { return memory_.look(); });
  }
}

Task<Result<>> Service::open_accounts() {
  const std::map<std::string, std::size_t> groups = group_accounts(config_);
  for (const auto& [name, settings] : config_.accounts) {
    RunningAccount running;
    running.name = name;
    running.loop = pool_->loop(groups.at(name) % pool_->size());
    cache::AccountOptions options;
    options.name = name;
    options.local = !settings.upstream.has_value();
    options.cache_limit_bytes =
        settings.cache_limit_bytes == config::kUnlimited ? 0 : settings.cache_limit_bytes;
    std::move_only_function<Task<Result<std::unique_ptr<cache::Account>>>()> open =
        [store = database_->store(), loop = running.loop, options] {
          return cache::Account::open(store, loop, options);
        };
    auto account = co_await run_on<Result<std::unique_ptr<cache::Account>>>(
        running.loop, pool_->loop(0), std::move(open));
    if (!account) co_return fail(std::move(account).error().within("account " + name));
    running.account = std::move(*account);
    if (settings.upstream) {
      running.worker = make_worker_(running.loop, running.account.get(), settings);
      running.worker->set_trace(settings.trace);
    }
    accounts_.push_back(std::move(running));
  }
  co_return Result<>();
}

Task<Result<std::shared_ptr<const Users>>> Service::make_users(config::Config config) {
  const auto users = std::make_shared<Users>();
  for (const auto& [name, settings] : config.users) {
    User user;
    user.name = name;
    for (const std::string& account : settings.accounts) {
      const auto found = std::ranges::find(accounts_, account, &RunningAccount::name);
      if (found == accounts_.end()) {
        co_return fail(
            Errc::kNotFound,
            fmt::format("user {}: account {} is not running: restart to add it", name, account));
      }
      if (user.loop == nullptr) user.loop = found->loop;
      if (user.loop != found->loop) {
        co_return fail(Errc::kLimit, fmt::format("user {}: account {} runs on another thread than "
                                                 "its first one: restart to join them",
                                                 name, account));
      }
      user.mounts.push_back({user.mounts.empty() ? std::string() : account, found->account.get()});
    }
    users->by_name.emplace(name, std::move(user));
  }
  // Passwords may come from commands, and deriving keys takes time: off the loop.
  const auto table = std::make_shared<sasl::UserTable>();
  const Result<> added = co_await run_blocking(pool_->loop(0), [&config, &table]() -> Result<> {
    for (const auto& [name, settings] : config.users) {
      const Result<Secret> password = config::resolve(settings.password);
      if (!password) return fail(Error(password.error()).within("password of user " + name));
      if (Result<> done = table->add(name, *password); !done) {
        return fail(std::move(done).error().within("user " + name));
      }
    }
    return {};
  });
  if (!added) co_return fail(added.error());
  users->table = table;
  co_return std::shared_ptr<const Users>(users);
}

Task<void> Service::stop() {
  tasks_.request_stop();
  co_await tasks_.close();
  if (imap_ != nullptr) co_await imap_->stop();
  for (RunningAccount& running : accounts_) {
    // The account and its worker end on the thread that they live on.
    std::move_only_function<Task<bool>()> end = [&running]() -> Task<bool> {
      return [](RunningAccount* on) -> Task<bool> {
        if (on->worker != nullptr) co_await on->worker->stop();
        on->worker.reset();
        co_await on->account->close();
        on->account.reset();
        co_return true;
      }(&running);
    };
    co_await run_on<bool>(running.loop, pool_->loop(0), std::move(end));
  }
  accounts_.clear();
  imap_.reset();
  std::unique_ptr<cache::Database> database = std::move(database_);
  co_await run_blocking(pool_->loop(0), [&database] { database.reset(); });
}

Task<Result<std::vector<std::string>>> Service::reload(config::Config config) {
  std::vector<std::string> restart = config::needs_restart(config_, config);
  Result<std::shared_ptr<const Users>> users = co_await make_users(config);
  if (!users) co_return fail(std::move(users).error());
  const bool same_listeners = std::ranges::find(restart, "listeners") == restart.end();
  CO_TRY_VOID(
      co_await imap_->reload_certificates(same_listeners ? config.listeners : config_.listeners));
  imap_->set_users(std::move(*users));
  set_log_level(config.log.level);
  for (RunningAccount& running : accounts_) {
    const auto found = config.accounts.find(running.name);
    if (found == config.accounts.end() || running.worker == nullptr) continue;
    running.loop->post(
        [worker = running.worker.get(), trace = found->second.trace] { worker->set_trace(trace); });
  }
  if (same_listeners) config_.listeners = std::move(config.listeners);
  config_.users = std::move(config.users);
  co_return restart;
}

}  // namespace proxy
