#include "tests/unit/proxy/imap/backend.h"

#include <optional>
#include <utility>

#include "proxy/imap/login.h"
#include "proxy/imap/session.h"

namespace proxy {

std::shared_ptr<const Users> make_users(
    net::Loop* loop, const std::vector<std::unique_ptr<cache::Account>>& accounts) {
  // Deriving a key takes milliseconds: once for all tests.
  static const std::shared_ptr<const sasl::UserTable> table = [] {
    auto made = std::make_shared<sasl::UserTable>();
    CHECK(made->add("me", Secret("secret")).has_value());
    return made;
  }();
  auto users = std::make_shared<Users>();
  users->table = table;
  User& me = users->by_name["me"];
  me.name = "me";
  me.loop = loop;
  for (const auto& account : accounts) {
    me.mounts.push_back({me.mounts.empty() ? std::string() : account->name(), account.get()});
  }
  return users;
}

Backend::Backend(const std::vector<std::string>& accounts,
                 const std::vector<std::string>& far_mailboxes) {
  cache::StoreOptions options;
  options.block_cache_bytes = std::size_t{1} << 20;
  options.write_buffer_bytes = std::size_t{1} << 20;
  store_ = cache::open_rocks_store(directory_ / "store", options).value();
  for (const std::string& name : accounts) {
    const bool local = far_mailboxes.empty() || !accounts_.empty();
    accounts_.push_back(
        fixture_.run(cache::Account::open(store_.get(), loop(), {.name = name, .local = local}))
            .value());
  }
  if (!far_mailboxes.empty()) {
    far_side_ = std::make_unique<FarSide>(account());
    CHECK(fixture_.run(far_side_->list(far_mailboxes)).has_value());
  }
  users_ = make_users(loop(), accounts_);
  limits_.failed_login_delay = std::chrono::milliseconds(1);
  sessions_ = std::make_unique<TaskGroup>(loop());
}

Backend::~Backend() {
  fixture_.run(sessions_->close());
  for (const auto& account : accounts_) fixture_.run(account->close());
}

net::Connection Backend::connect(Entry entry) {
  auto [client, server] = net::Connection::pair(loop()).value();
  sessions_->spawn(serve(std::move(server), entry));
  return std::move(client);
}

std::size_t Backend::unread_bytes() const {
  std::size_t bytes = 0;
  for (const net::Connection* connection : served_) bytes += connection->queued_bytes();
  return bytes;
}

Task<void> Backend::serve(net::Connection connection, Entry entry) {
  const std::stop_token stop = sessions_->stop_token();
  LoggedIn who{&users_->by_name.find("me")->second, "login", {}};
  if (entry != Entry::kLoggedIn) {
    Login login(&connection, users_, std::nullopt, entry != Entry::kInsecureGreeting, limits_,
                &failed_logins_, Log());
    std::optional<LoggedIn> found = co_await login.run(stop);
    if (!found) {
      co_await connection.close();
      co_return;
    }
    who = std::move(*found);
  }
  {
    served_.insert(&connection);
    Session session(&connection, users_, who.user, limits_, Log());
    co_await session.run(std::move(who.tag), stop);
    served_.erase(&connection);
  }
  co_await connection.close();
}

}  // namespace proxy
