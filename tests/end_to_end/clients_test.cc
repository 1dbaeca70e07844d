// Real mail clients before Waystation, and before the server itself, which checks the scripts.
#include "tests/end_to_end/proxy_fixture.h"

namespace support {
namespace {

using namespace std::chrono_literals;

struct Case {
  const char* name;    // letters only
  const char* client;  // tests/end_to_end/clients/check_<client>.py
  ServerKind server;
};
constexpr Case kCases[] = {
    {"CurlOnDovecot", "curl", ServerKind::kDovecot},
    {"MbsyncOnDovecot", "mbsync", ServerKind::kDovecot},
    {"OfflineimapOnDovecot", "offlineimap", ServerKind::kDovecot},
    {"NeomuttOnDovecot", "neomutt", ServerKind::kDovecot},
    {"ImapflowOnDovecot", "imapflow", ServerKind::kDovecot},
    {"CurlOnCyrus", "curl", ServerKind::kCyrus},
    {"MbsyncOnCyrus", "mbsync", ServerKind::kCyrus},
    {"OfflineimapOnCyrus", "offlineimap", ServerKind::kCyrus},
    {"NeomuttOnCyrus", "neomutt", ServerKind::kCyrus},
    {"ImapflowOnCyrus", "imapflow", ServerKind::kCyrus},
};

class ClientsTest : public ProxyFixture, public testing::WithParamInterface<Case> {
 protected:
  static void check(std::uint16_t port, const std::string& user, const std::string& password) {
    const auto ended = run(
        {.argv = {std::string(WAYSTATION_SOURCE_DIR) +
                      "/tests/end_to_end/clients/run",  // NOLINT(bugprone-suspicious-missing-comma)
                  "127.0.0.1", std::to_string(port), user, password, GetParam().client}},
        280s);
    ASSERT_TRUE(ended) << ended.error().text();
    EXPECT_TRUE(ended->status.success()) << ended->output;
  }
};

TEST_P(ClientsTest, WorksOnTheServerItself) {
  ASSERT_NO_FATAL_FAILURE(start_server(GetParam().server));
  check(server_->port(), server_->user(), server_->password());
}

TEST_P(ClientsTest, WorksOnWaystation) {
  ASSERT_NO_FATAL_FAILURE(start_synced(GetParam().server));
  check(proxy_->port(), proxy_->user(), proxy_->password());
  if (HasFailure()) {
    ADD_FAILURE() << proxy_->log();
    return;
  }
  ASSERT_TRUE(proxy_->wait_until_sent()) << proxy_->log();
  expect_convergence();
}

INSTANTIATE_TEST_SUITE_P(Real, ClientsTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace support
