// `waystation queue`: writes that wait for a server that is away.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/end_to_end/proxy_fixture.h"

namespace support {
namespace {

using testing::HasSubstr;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class QueueTest : public ProxyFixture {
 protected:
  Finished ask(std::vector<std::string> arguments) const {
    auto ended = proxy_->command(std::move(arguments));
    EXPECT_TRUE(ended) << ended.error().text();
    return ended ? std::move(*ended) : Finished{};
  }
  nlohmann::json ask_json(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    return nlohmann::json::parse(ask(std::move(arguments)).output, nullptr,
                                 /*allow_exceptions=*/false);
  }
  std::string entry_of(const std::string& operation) const {
    for (const auto& row : ask_json({"queue", "list"})) {
      if (row.value("operation", "") == operation) return std::to_string(row.value("seq", 0));
    }
    return {};
  }

  TempDir dir_{"waystation-queue"};
};

TEST_F(QueueTest, IsShownAndHandled) {
  ASSERT_NO_FATAL_FAILURE(start_synced(ServerKind::kDovecot));
  link_->down();
  const auto client = local();
  ASSERT_TRUE(client);
  const std::string message = simple_message("waits", "for upstream\r\n");
  expect_ok(client.get(), "CREATE Later");
  ASSERT_TRUE(client->append("Later", message)->ok());
  expect_ok(client.get(), "SELECT INBOX");
  expect_ok(client.get(), "STORE 2:3 +FLAGS (\\Flagged)");
  const Finished table = ask({"queue", "list"});
  for (const char* expected :
       {"age", "operation", "tries", "CREATE", "APPEND", "UID 1 in Later", "pending"}) {
    EXPECT_THAT(table.output, HasSubstr(expected));
  }
  const std::string append = entry_of("APPEND");
  ASSERT_NE(append, "") << table.output;

  const Finished shown = ask({"queue", "show", "work", append});
  EXPECT_EQ(shown.status.code, 0) << shown.output;
  for (const char* expected :
       {"operation       APPEND", "mailbox         Later", "UID             1",
        "state           pending", "last answer     -"}) {
    EXPECT_THAT(shown.output, HasSubstr(expected));
  }
  const auto json = ask_json({"queue", "show", "work", append});
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["details"].value("mailbox", ""), "Later");

  EXPECT_EQ(ask({"queue", "export", "work", append}).output, message);
  const std::filesystem::path folder = dir_ / "mail";
  const Finished files = ask({"queue", "export", "work", append, "--to", folder.string()});
  EXPECT_EQ(files.status.code, 0) << files.output;
  const std::filesystem::path file = folder / ("work-" + append + "-1.eml");
  EXPECT_EQ(files.output, file.string() + "\n");
  EXPECT_EQ(read_file(file), message);

  const Finished retried = ask({"queue", "retry", "work", append});
  EXPECT_EQ(retried.status.code, 0) << retried.output;
  EXPECT_THAT(retried.output, HasSubstr("entry " + append +
                                        " of work (APPEND, UID 1 in Later) is "
                                        "tried again"));
  const Finished dropped = ask({"queue", "drop", "work", append});
  EXPECT_EQ(dropped.status.code, 0) << dropped.output;
  EXPECT_THAT(dropped.output, HasSubstr("is dropped; its message is kept in Recovered"));
  EXPECT_EQ(entry_of("APPEND"), "");
  const auto recovered = read_mailbox(client.get(), "Recovered");
  ASSERT_TRUE(recovered) << recovered.error().text();
  EXPECT_EQ(recovered->size(), 1U);

  const Finished gone = ask({"queue", "drop", "work", append});
  EXPECT_EQ(gone.status.code, 1);
  EXPECT_THAT(gone.output, HasSubstr("there is no such entry"));
  EXPECT_EQ(ask({"queue", "show", "work", "twelve"}).status.code, 1);
  EXPECT_EQ(ask({"queue", "show", "play", "1"}).status.code, 1);

  // Of two flagged messages, the two as files.
  const Finished both =
      ask({"queue", "export", "work", entry_of("STORE"), "--to", folder.string()});
  EXPECT_EQ(std::ranges::count(both.output, '\n'), 2) << both.output;
  link_->up();
  ASSERT_TRUE(proxy_->wait_until_sent()) << proxy_->log();
  EXPECT_THAT(ask({"queue", "list"}).output, HasSubstr("nothing waits to be sent"));
}

}  // namespace
}  // namespace support
