#include "tests/unit/proxy/imap/server_fixture.h"

#include <chrono>

namespace proxy {

using namespace std::chrono_literals;

ServerFixture::ServerFixture(config::Config config) : config_(std::move(config)) {
  config_.data_dir = directory_ / "data";
  if (config_.listeners.empty()) config_.listeners.emplace_back();
  for (const auto& [user, account] : {std::pair("me", "home"), std::pair("you", "work")}) {
    config_.accounts[account];
    config_.users[user].password = {.kind = config::SecretSource::Kind::kPlain,
                                    .plain = Secret("secret")};
    config_.users[user].accounts = {account};
  }
  config_.memory.block_cache_bytes = std::uint64_t{1} << 20;
  config_.memory.write_buffer_bytes = std::uint64_t{1} << 20;

  std::promise<Result<>> started;
  std::future<Result<>> outcome = started.get_future();
  // A pool belongs to the thread that made it.
  thread_ = std::thread([this, started = std::move(started)]() mutable {
    pool_ = net::LoopPool::create(2).value();
    pool_->start();
    service_ = std::make_unique<Service>(pool_.get(), config_, MakeWorker());
    tasks_ = std::make_unique<TaskGroup>(pool_->loop(0));
    pool_->loop(0)->post([this, started = std::move(started)]() mutable {
      tasks_->spawn([](Service* service, std::promise<Result<>> promise) -> Task<void> {
        Result<> done = co_await service->start();
        promise.set_value(std::move(done));
      }(service_.get(), std::move(started)));
    });
    pool_->run();
    tasks_.reset();
    service_.reset();
    pool_.reset();
  });
  const Result<> done = outcome.get();
  if (!done) Log().error("{}", done.error().text());
  CHECK(done.has_value());
  ports_ = service_->imap().ports();
}

ServerFixture::~ServerFixture() {
  if (thread_.joinable()) stop();
}

config::Listener ServerFixture::tls_listener(config::Tls tls, const support::TempDir& directory) {
  config::Listener listener;
  listener.tls = tls;
  listener.certificate = directory / "server.crt";
  listener.private_key = directory / "server.key";
  return listener;
}

std::vector<SessionInfo> ServerFixture::sessions() {
  return on_loop<std::vector<SessionInfo>>([this] { return service_->imap().sessions(); });
}

bool ServerFixture::wait_for_sessions(std::size_t count) {
  const auto until = std::chrono::steady_clock::now() + 30s;
  while (sessions().size() != count) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

Result<std::vector<std::string>> ServerFixture::reload() {
  return on_loop<Result<std::vector<std::string>>>([this] { return service_->reload(config_); });
}

void ServerFixture::stop() {
  pool_->loop(0)->post([this] {
    tasks_->spawn([](ServerFixture* self) -> Task<void> {
      co_await self->service_->stop();
      self->pool_->stop();
    }(this));
  });
  thread_.join();
}

}  // namespace proxy
