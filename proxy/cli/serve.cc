#include <chrono>
#include <csignal>
#include <cstdio>
#include <span>

#include "base/log.h"
#include "base/task_group.h"
#include "config/load.h"
#include "proxy/admin/control.h"
#include "proxy/cli/commands.h"
#include "proxy/version.h"

namespace proxy {
namespace {

void log_mistakes(const config::Mistakes& mistakes, const std::string& path) {
  for (const config::Mistake& mistake : mistakes) {
    std::string line = config::describe(std::span(&mistake, 1), path);
    line.pop_back();  // its line end
    if (mistake.severity == config::Mistake::Severity::kError) {
      Log().error("{}", line);
    } else {
      Log().warning("{}", line);
    }
  }
}

// What runs between the first log line and the last.
class Serving {
 public:
  Serving(net::LoopPool* pool, std::string path, config::Config config, MakeWorker make_worker)
      : pool_(pool),
        path_(std::move(path)),
        service_(pool, std::move(config), std::move(make_worker)),
        control_(&service_, std::chrono::duration_cast<std::chrono::seconds>(
                                std::chrono::system_clock::now().time_since_epoch())
                                .count()),
        tasks_(pool->loop(0)) {}

  int run() {
    for (const int signal : {SIGINT, SIGTERM}) {
      if (Result<> on = pool_->loop(0)->on_signal(signal, [this] { ask_to_stop(); }); !on) {
        Log().error("{}", on.error().text());
        return 1;
      }
    }
    if (Result<> on = pool_->loop(0)->on_signal(SIGHUP, [this] { tasks_.spawn(reload()); }); !on) {
      Log().error("{}", on.error().text());
      return 1;
    }
    tasks_.spawn(main());
    pool_->run();
    return exit_status_;
  }

 private:
  void ask_to_stop() {
    if (std::exchange(stopping_, true)) return;
    Log().info("stopping");
    stop_asked_.set();
  }

  Task<void> main() {
    pool_->start();
    if (const Result<> started = co_await service_.start(); !started) {
      Log().error("{}", started.error().text());
      exit_status_ = 1;
      pool_->stop();
      co_return;
    }
    if (const Result<> listening = control_.start(); !listening) {
      Log().warning("waystation status will not work: {}", listening.error().text());
    }
    Log().info("{} {} is ready", kProgram, kVersion);
    (void)co_await stop_asked_.wait();
    co_await control_.stop();
    co_await service_.stop();
    Log().info("stopped");
    pool_->stop();
  }

  Task<void> reload() {
    const auto load = [&path = path_] { return config::load(path); };
    const auto loaded = co_await run_blocking(static_cast<Executor*>(pool_->loop(0)), load);
    if (!loaded) {
      log_mistakes(loaded.error(), path_);
      Log().error("the config is not reloaded: nothing has changed");
      co_return;
    }
    log_mistakes(loaded->warnings, path_);
    const Result<std::vector<std::string>> restart = co_await service_.reload(loaded->config);
    if (!restart) {
      Log().error("the config is not reloaded, nothing has changed: {}", restart.error().text());
      co_return;
    }
    for (const std::string& key : *restart) {
      Log().warning("{} has changed: this takes effect after a restart", key);
    }
    Log().info("config and certificates reloaded");
  }

  net::LoopPool* pool_;
  std::string path_;
  Service service_;
  ControlServer control_;
  Event stop_asked_{pool_->loop(0)};
  bool stopping_ = false;
  int exit_status_ = 0;
  TaskGroup tasks_;
};

}  // namespace

int serve(const std::string& config_path, MakeWorker make_worker) {
  const auto loaded = config::load(config_path);
  if (!loaded) {
    std::fputs(config::describe(loaded.error(), config_path).c_str(), stderr);
    return 2;
  }
  std::fputs(config::describe(loaded->warnings, config_path).c_str(), stderr);
  init_log(loaded->config.log.level, loaded->config.log.format);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is an error to report
  Result<std::unique_ptr<net::LoopPool>> pool = net::LoopPool::create(loaded->config.threads);
  if (!pool) {
    Log().error("{}", pool.error().text());
    return 1;
  }
  Serving serving(pool->get(), config_path, loaded->config, std::move(make_worker));
  return serving.run();
}

int check_config(const std::string& config_path, bool reference) {
  if (reference) {
    std::fputs(config::reference_markdown().c_str(), stdout);
    return 0;
  }
  const auto loaded = config::load(config_path);
  if (!loaded) {
    std::fputs(config::describe(loaded.error(), config_path).c_str(), stderr);
    return 2;
  }
  std::fputs(config::describe(loaded->warnings, config_path).c_str(), stderr);
  std::printf("%s: no mistakes\n", config_path.c_str());
  return 0;
}

}  // namespace proxy
