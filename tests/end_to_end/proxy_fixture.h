// ProxyFixture: a real server, a link that can fail, and Waystation in front of both.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/faulty_link.h"
#include "tests/support/servers.h"
#include "tests/support/waystation_process.h"

namespace support {

/// A mailbox tree as somebody sees it: by local name, the messages in any order.
struct SeenMessage {
  std::string body;
  std::vector<std::string> flags;
  auto operator<=>(const SeenMessage&) const = default;
};
using SeenTree = std::map<std::string, std::vector<SeenMessage>>;

inline std::string describe(const SeenTree& tree) {
  std::string text;
  for (const auto& [name, messages] : tree) {
    text += name + ":\n";
    for (const SeenMessage& message : messages) {
      const std::size_t subject = message.body.find("Subject: ");
      text += "  " + message.body.substr(subject, message.body.find('\r', subject) - subject);
      for (const std::string& flag : message.flags) text += " " + flag;
      text += "\n";
    }
  }
  return text;
}

/// Reads everything that `client` can see; `local_name` turns its names into ours.
template <class F>
Result<SeenTree> read_tree(RawImap* client, F local_name) {
  SeenTree tree;
  TRY(const std::vector<std::string> names, list_mailboxes(client));
  for (const std::string& name : names) {
    const auto messages = read_mailbox(client, name, true);
    if (!messages && messages.error().code() == Errc::kNotFound) continue;  // \Noselect
    if (!messages) return fail(messages.error());
    std::vector<SeenMessage>& seen = tree[local_name(name)];
    for (const MessageView& message : *messages) seen.push_back({message.body, message.flags});
    std::ranges::sort(seen);
  }
  return tree;
}

class ProxyFixture : public testing::Test {
 protected:
  void start_server(ServerKind kind, ServerOptions options = {}, LinkOptions link = {}) {
    auto server = RealServer::start(kind, std::move(options));
    ASSERT_TRUE(server) << server.error().text();
    server_ = std::move(*server);
    auto line = FaultyLink::start(server_->port(), link);
    ASSERT_TRUE(line) << line.error().text();
    link_ = std::move(*line);
  }

  WaystationOptions options() const {
    WaystationOptions options;
    options.program = WAYSTATION_PROGRAM;
    options.upstream_port = link_->port();
    options.upstream_user = server_->user();
    options.upstream_password = server_->password();
    return options;
  }

  void start_proxy() { start_proxy(options()); }
  void start_proxy(WaystationOptions options) {
    auto started = WaystationProcess::start(std::move(options));
    ASSERT_TRUE(started) << started.error().text();
    proxy_ = std::move(*started);
  }
  void start_synced(ServerKind kind) {
    ASSERT_NO_FATAL_FAILURE(start_server(kind));
    ASSERT_NO_FATAL_FAILURE(fill_server());
    ASSERT_NO_FATAL_FAILURE(start_proxy());
    const auto complete = proxy_->wait_until_complete();
    ASSERT_TRUE(complete) << complete.error().text() << "\n" << proxy_->log();
  }

  /// INBOX with five messages, Work with three, Work/Old with one.
  void fill_server() {
    const auto put = [this](const char* name, int count) {
      std::vector<std::string> messages;
      for (int i = 0; i < count; ++i) {
        messages.push_back(simple_message(std::string(name) + " " + std::to_string(i)));
      }
      const auto done = server_->append(server_->mailbox_name(name), messages);
      ASSERT_TRUE(done) << done.error().text() << server_->log();
    };
    put("INBOX", 5);
    put("Work", 3);
    put("Work/Old", 1);
  }

  std::unique_ptr<RawImap> local() const {
    auto client = proxy_->login();
    EXPECT_TRUE(client) << client.error().text() << "\n" << proxy_->log();
    return client ? std::move(*client) : nullptr;
  }
  std::unique_ptr<RawImap> upstream() const {
    auto client = server_->login();
    EXPECT_TRUE(client) << client.error().text();
    return client ? std::move(*client) : nullptr;
  }

  static Reply expect_ok(RawImap* client, std::string_view command) {
    auto reply = client->command(command);
    EXPECT_TRUE(reply) << command << ": " << reply.error().text();
    if (!reply) return {};
    EXPECT_TRUE(reply->ok()) << command << ":\n" << reply->str();
    return *reply;
  }

  Result<SeenTree> local_tree() const {
    TRY(const auto client, proxy_->login());
    return read_tree(client.get(), [](const std::string& name) { return name; });
  }
  Result<SeenTree> upstream_tree() const {
    TRY(const auto client, server_->login());
    return read_tree(client.get(),
                     [this](const std::string& name) { return server_->local_name(name); });
  }

  /// Promise 3 of the design: when writes stop and the link is up, both sides are equal.
  void expect_convergence(std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    Result<SeenTree> here = fail(Errc::kBug, "not read");
    Result<SeenTree> there = fail(Errc::kBug, "not read");
    const bool equal = eventually(
        [&] {
          here = local_tree();
          there = upstream_tree();
          return here && there && *here == *there;
        },
        limit);
    EXPECT_TRUE(equal) << "here:\n"
                       << (here ? describe(*here) : here.error().text()) << "upstream:\n"
                       << (there ? describe(*there) : there.error().text()) << "\n"
                       << proxy_->log();
  }

  /// Waits until a mailbox looks as it should, here or upstream.
  template <class F>
  static bool mailbox_becomes(RawImap* client, const std::string& mailbox, F right,
                              std::chrono::milliseconds limit = std::chrono::seconds(40)) {
    return eventually(
        [&] {
          const auto seen = read_mailbox(client, mailbox);
          return seen && right(*seen);
        },
        limit);
  }
  static bool has_flag(const MessageView& message, const std::string& flag) {
    return std::ranges::find(message.flags, flag) != message.flags.end();
  }

  std::unique_ptr<RealServer> server_;
  std::unique_ptr<FaultyLink> link_;
  std::unique_ptr<WaystationProcess> proxy_;
};

}  // namespace support
