// ServerFixture: a whole service on loops of its own, for clients on real sockets.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/task_group.h"
#include "config/config.h"
#include "net/loop_pool.h"
#include "proxy/service.h"
#include "tests/support/raw_imap.h"
#include "tests/support/temp_dir.h"

namespace proxy {

/// Two loops; user "me" (password "secret") has the account "home" on the loop that accepts, and
/// "you" (password "secret") has "work" on the other one. Both accounts are local.
///
/// Thread: the test's; the service runs on others.
class ServerFixture {
 public:
  /// One plain listener on a free port of 127.0.0.1, when `config` has none.
  explicit ServerFixture(config::Config config = {});
  ~ServerFixture();
  ServerFixture(const ServerFixture&) = delete;
  ServerFixture& operator=(const ServerFixture&) = delete;

  std::uint16_t port(std::size_t listener = 0) const { return ports_.at(listener); }
  /// A listener with a certificate in `directory`.
  static config::Listener tls_listener(config::Tls tls, const support::TempDir& directory);

  std::vector<SessionInfo> sessions();
  /// Waits until there are so many connections; false when that does not happen.
  bool wait_for_sessions(std::size_t count);
  Result<std::vector<std::string>> reload();
  /// The service ends, as on SIGTERM.
  void stop();

 private:
  template <class T>
  T on_loop(std::move_only_function<Task<T>()> make) {
    std::promise<T> promise;
    std::future<T> future = promise.get_future();
    pool_->loop(0)->post([this, &make, promise = std::move(promise)]() mutable {
      tasks_->spawn(finish<T>(&make, std::move(promise)));
    });
    return future.get();
  }
  template <class T>
  static Task<void> finish(std::move_only_function<Task<T>()>* make, std::promise<T> promise) {
    T value = co_await (*make)();
    promise.set_value(std::move(value));
  }

  support::TempDir directory_;
  config::Config config_;
  std::unique_ptr<net::LoopPool> pool_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<TaskGroup> tasks_;
  std::vector<std::uint16_t> ports_;
  std::thread thread_;
};

}  // namespace proxy
