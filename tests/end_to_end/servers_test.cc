// The real servers themselves: they start, they are what the other tests take them for.
#include "tests/support/servers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace support {
namespace {

using namespace std::chrono_literals;

bool has(const std::vector<std::string>& capabilities, const std::string& name) {
  return std::ranges::find(capabilities, name) != capabilities.end();
}

class ServersTest : public testing::TestWithParam<ServerKind> {
 protected:
  void SetUp() override {
    auto started = RealServer::start(GetParam());
    ASSERT_TRUE(started) << started.error().text();
    server_ = std::move(*started);
    auto client = server_->login();
    ASSERT_TRUE(client) << client.error().text();
    client_ = std::move(*client);
  }
  Reply command(std::string_view text) {
    auto reply = client_->command(text);
    EXPECT_TRUE(reply) << reply.error().text() << "\n" << server_->log();
    return reply ? *reply : Reply{};
  }

  std::unique_ptr<RealServer> server_;
  std::unique_ptr<RawImap> client_;
};

TEST_P(ServersTest, KeepsAMessageAsItIs) {
  const std::string message = simple_message("as it is", "line one\r\n\r\nline three\r\n");
  const auto appended = client_->append("INBOX", message, "\\Seen");
  ASSERT_TRUE(appended && appended->ok()) << appended->str();
  const auto seen = read_mailbox(client_.get(), "INBOX", true);
  ASSERT_TRUE(seen) << seen.error().text();
  ASSERT_EQ(seen->size(), 1U);
  EXPECT_EQ(seen->front().body, message);
  EXPECT_EQ(seen->front().uid, 1U);
}

TEST_P(ServersTest, MailSurvivesARestart) {
  ASSERT_TRUE(server_->append("INBOX", {simple_message("a"), simple_message("b")}));
  const auto port = server_->port();
  const auto restarted = server_->restart();
  ASSERT_TRUE(restarted) << restarted.error().text();
  EXPECT_EQ(server_->port(), port);
  auto client = server_->login();
  ASSERT_TRUE(client) << client.error().text();
  EXPECT_EQ(read_mailbox(client->get(), "INBOX")->size(), 2U);
}

TEST_P(ServersTest, NothingListensWhileStopped) {
  server_->stop();
  EXPECT_FALSE(RawImap::connect(server_->port()));
  ASSERT_TRUE(server_->start_again());
  EXPECT_TRUE(server_->login());
}

TEST_P(ServersTest, MailboxesCopiesFlagsAndExpunge) {
  const std::string work = server_->mailbox_name("Work");
  const std::string nested = server_->mailbox_name("Work/Old");
  ASSERT_TRUE(server_->append("INBOX", {simple_message("a"), simple_message("b")}));
  EXPECT_TRUE(command("CREATE " + work).ok());
  EXPECT_TRUE(command("CREATE " + nested).ok());
  const auto names = list_mailboxes(client_.get());
  ASSERT_TRUE(names) << names.error().text();
  for (const std::string& name : {std::string("INBOX"), work, nested}) {
    EXPECT_TRUE(has(*names, name)) << name;
  }
  EXPECT_TRUE(command("SELECT INBOX").ok());
  EXPECT_TRUE(command("UID COPY 1 " + nested).ok());
  EXPECT_TRUE(command("UID STORE 2 +FLAGS (\\Deleted)").ok());
  EXPECT_TRUE(command("EXPUNGE").ok());
  EXPECT_EQ(read_mailbox(client_.get(), "INBOX")->size(), 1U);
  EXPECT_EQ(read_mailbox(client_.get(), nested)->size(), 1U);
}

TEST_P(ServersTest, IdleSeesNewMail) {
  if (GetParam() == ServerKind::kImap4d) {
    // It accepts IDLE and tells nothing before DONE. It compares times in whole seconds: mail that
    // comes in the second of the SELECT it never notices.
    EXPECT_TRUE(command("SELECT INBOX").ok());
    const std::string tag = *client_->send_command("IDLE");
    ASSERT_TRUE(client_->read_line()->starts_with("+"));
    std::this_thread::sleep_for(1100ms);
    ASSERT_TRUE(server_->append("INBOX", {simple_message("first")}));
    ASSERT_TRUE(client_->send_raw("DONE\r\n"));
    EXPECT_TRUE(client_->collect(tag)->find("1 EXISTS"));
    return;
  }
  EXPECT_TRUE(command("SELECT INBOX").ok());
  ASSERT_TRUE(server_->append("INBOX", {simple_message("first")}));
  EXPECT_TRUE(command("NOOP").ok());
  const std::string tag = *client_->send_command("IDLE");
  ASSERT_TRUE(client_->read_line()->starts_with("+"));
  ASSERT_TRUE(server_->append("INBOX", {simple_message("second")}));
  client_->set_timeout(20s);
  for (;;) {
    const auto line = client_->read_line();
    ASSERT_TRUE(line) << line.error().text();
    if (line->starts_with("* 2 EXISTS")) break;
  }
  ASSERT_TRUE(client_->send_raw("DONE\r\n"));
  EXPECT_TRUE(client_->collect(tag)->ok());
}

TEST_P(ServersTest, OffersWhatTheOtherTestsExpect) {
  const auto all = client_->capabilities();
  ASSERT_TRUE(all) << all.error().text();
  const bool modern = GetParam() == ServerKind::kDovecot || GetParam() == ServerKind::kCyrus;
  for (const char* name : {"CONDSTORE", "QRESYNC", "MOVE", "ESEARCH", "LIST-STATUS",
                           "COMPRESS=DEFLATE", "SPECIAL-USE", "ENABLE"}) {
    if (std::string_view(name) == "ENABLE" && GetParam() == ServerKind::kCourier) continue;
    EXPECT_EQ(has(*all, name), modern) << name;
  }
  EXPECT_EQ(has(*all, "OBJECTID"), GetParam() == ServerKind::kCyrus);
  EXPECT_EQ(has(*all, "NOTIFY"), GetParam() == ServerKind::kDovecot);
  EXPECT_EQ(has(*all, "UIDPLUS"), GetParam() != ServerKind::kImap4d);
  EXPECT_TRUE(has(*all, "IDLE"));
}

TEST_P(ServersTest, ServesManyConnections) {
  std::vector<std::unique_ptr<RawImap>> clients;
  for (int i = 0; i < 25; ++i) {
    auto client = server_->login();
    ASSERT_TRUE(client) << i << ": " << client.error().text();
    ASSERT_TRUE((*client)->command("SELECT INBOX")->ok());
    clients.push_back(std::move(*client));
  }
}

INSTANTIATE_TEST_SUITE_P(Each, ServersTest, testing::ValuesIn(all_server_kinds()),
                         [](const auto& info) { return name_of(info.param); });

TEST(DovecotTest, WrongPasswordIsRefused) {
  auto server = RealServer::start(ServerKind::kDovecot);
  ASSERT_TRUE(server) << server.error().text();
  EXPECT_EQ(RawImap::login((*server)->port(), "alice", "wrong").error().code(), Errc::kPermission);
}

TEST(DovecotTest, SpeaksTls) {
  auto server = RealServer::start(ServerKind::kDovecot, {.tls = true});
  ASSERT_TRUE(server) << server.error().text();
  auto client = RawImap::connect((*server)->tls_port(), (*server)->ca_file());
  ASSERT_TRUE(client) << client.error().text();
  EXPECT_TRUE((*client)->command("LOGIN alice wonderland")->ok());
  auto plain = RawImap::connect((*server)->port());
  ASSERT_TRUE(plain) << plain.error().text();
  const auto secured = (*plain)->start_tls((*server)->ca_file());
  ASSERT_TRUE(secured) << secured.error().text();
  EXPECT_TRUE((*plain)->command("LOGIN alice wonderland")->ok());
}

TEST(DovecotTest, HasAPrefixWhenAskedTo) {
  auto server = RealServer::start(ServerKind::kDovecot, {.inbox_prefix = true});
  ASSERT_TRUE(server) << server.error().text();
  auto client = (*server)->login();
  ASSERT_TRUE(client) << client.error().text();
  const auto space = (*client)->command("NAMESPACE");
  EXPECT_TRUE(space->find("NAMESPACE ((\"INBOX.\" \".\"))")) << space->str();
  EXPECT_TRUE((*client)->command("CREATE " + (*server)->mailbox_name("a/b"))->ok());
  EXPECT_TRUE(has(*list_mailboxes(client->get()), "INBOX.a.b"));
}

TEST(DovecotTest, RefusesMailBeyondTheQuota) {
  auto server = RealServer::start(ServerKind::kDovecot, {.quota_kib = 20});
  ASSERT_TRUE(server) << server.error().text();
  auto client = (*server)->login();
  ASSERT_TRUE(client) << client.error().text();
  const std::string big = simple_message("big", std::string(12'000, 'x') + "\r\n");
  EXPECT_TRUE((*client)->append("INBOX", big)->ok());
  const auto refused = (*client)->append("INBOX", big);
  EXPECT_EQ(refused->status, "NO");
  EXPECT_EQ(refused->code(), "OVERQUOTA") << refused->str();
}

TEST(DovecotTest, HidesCapabilities) {
  auto server = RealServer::start(ServerKind::kDovecot, {.without = {"QRESYNC", "MOVE"}});
  ASSERT_TRUE(server) << server.error().text();
  const auto all = (*(*server)->login())->capabilities();
  EXPECT_FALSE(has(*all, "QRESYNC"));
  EXPECT_FALSE(has(*all, "MOVE"));
  EXPECT_TRUE(has(*all, "CONDSTORE"));
}

// What imap4d does wrong, and what is done against it (docs/sync.md). None of it needs a broken
// link: a write that is repeated after a cut just names messages that are gone more often.
class Imap4dTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = RealServer::start(ServerKind::kImap4d);
    ASSERT_TRUE(started) << started.error().text();
    server_ = std::move(*started);
    client_ = connect();
  }
  std::unique_ptr<RawImap> connect() const {
    auto client = server_->login();
    EXPECT_TRUE(client) << client.error().text();
    return client ? std::move(*client) : nullptr;
  }
  static Reply ok(RawImap* client, std::string_view command) {
    auto reply = client->command(command);
    EXPECT_TRUE(reply && reply->ok()) << command;
    return reply ? *reply : Reply{};
  }
  // "1 2 \\Seen": UIDs and flags, as a new connection sees them.
  std::string seen() const {
    std::string text;
    const auto messages = read_mailbox(connect().get(), "INBOX");
    EXPECT_TRUE(messages) << messages.error().text();
    if (!messages) return text;
    for (const MessageView& message : *messages) {
      text += (text.empty() ? "" : " ") + std::to_string(message.uid);
      for (const std::string& flag : message.flags) text += " " + flag;
    }
    return text;
  }
  void fill(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(server_->append("INBOX", {simple_message("m" + std::to_string(i))}));
    }
  }

  std::unique_ptr<RealServer> server_;
  std::unique_ptr<RawImap> client_;
};

// RFC 3501 6.4.8: a UID that is not there is passed over.
TEST_F(Imap4dTest, TakesANeighbourForAMessageThatIsNotThere) {
  ASSERT_NO_FATAL_FAILURE(fill(4));
  ok(client_.get(), "CREATE b");
  ok(client_.get(), "SELECT INBOX");
  ok(client_.get(), "UID STORE 3:4 +FLAGS.SILENT (\\Deleted)");
  ok(client_.get(), "EXPUNGE");
  ok(client_.get(), "SELECT INBOX");
  ok(client_.get(), "UID STORE 3:4 +FLAGS.SILENT (\\Seen)");
  ok(client_.get(), "UID COPY 3:4 b");
  ok(client_.get(), "SELECT b");
  EXPECT_EQ(seen(), "1 2 \\Seen");
  EXPECT_TRUE(ok(client_.get(), "STATUS b (MESSAGES)").find("MESSAGES 1"));
  // So a removal that is repeated takes one that nobody wanted to remove.
  ok(client_.get(), "SELECT INBOX");
  ok(client_.get(), "UID STORE 3:4 +FLAGS.SILENT (\\Deleted)");
  ok(client_.get(), "EXPUNGE");
  EXPECT_EQ(seen(), "1");
}

TEST_F(Imap4dTest, SaysBadToAMessageThatIsNotThereBetweenOthers) {
  ASSERT_NO_FATAL_FAILURE(fill(3));
  ok(client_.get(), "SELECT INBOX");
  ok(client_.get(), "UID STORE 2 +FLAGS.SILENT (\\Deleted)");
  ok(client_.get(), "EXPUNGE");
  ok(client_.get(), "SELECT INBOX");
  EXPECT_EQ(client_->command("UID FETCH 1:2 (FLAGS)")->status, "BAD");
  EXPECT_EQ(client_->command("UID STORE 2:3 +FLAGS (\\Seen)")->status, "OK");
}

// Flags are part of a file's name: the second one does not find the file any more.
TEST_F(Imap4dTest, LosesTheFlagsOfTheSecondOfTwoConnections) {
  ASSERT_NO_FATAL_FAILURE(fill(1));
  ok(client_.get(), "SELECT INBOX");
  const auto other = connect();
  ok(other.get(), "SELECT INBOX");
  ok(other.get(), "UID STORE 1 +FLAGS.SILENT (\\Answered)");
  ok(client_.get(), "UID STORE 1 +FLAGS.SILENT (\\Flagged)");
  (void)other->command("LOGOUT");
  (void)client_->command("LOGOUT");
  EXPECT_EQ(seen(), "1 \\Answered");
}

TEST_F(Imap4dTest, SaysOkToAnExpungeThatRemovesNothing) {
  ASSERT_NO_FATAL_FAILURE(fill(2));
  ok(client_.get(), "SELECT INBOX");
  const auto other = connect();
  ok(other.get(), "SELECT INBOX");
  ok(other.get(), "UID STORE 1 +FLAGS.SILENT (\\Answered)");
  (void)other->command("LOGOUT");
  ok(client_.get(), "UID STORE 1 +FLAGS.SILENT (\\Deleted)");
  ok(client_.get(), "EXPUNGE");
  EXPECT_EQ(seen(), "1 \\Answered 2");
}

TEST(CyrusTest, GivesObjectIds) {
  auto server = RealServer::start(ServerKind::kCyrus);
  ASSERT_TRUE(server) << server.error().text();
  ASSERT_TRUE((*server)->append("INBOX", {simple_message("a")}));
  auto client = (*server)->login();
  ASSERT_TRUE(client) << client.error().text();
  const auto selected = (*client)->command("SELECT INBOX");
  EXPECT_TRUE(selected->find("MAILBOXID")) << selected->str();
  const auto fetched = (*client)->command("FETCH 1 (EMAILID THREADID)");
  EXPECT_TRUE(fetched->find("EMAILID (")) << fetched->str();
}

}  // namespace
}  // namespace support
