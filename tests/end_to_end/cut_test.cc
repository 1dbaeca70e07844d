// The link to a real server is cut after every byte of a write, in either direction: what was
// written is there once, and both sides end equal.
//
// WAYSTATION_EVERY_BYTE=1 does just that, for hours. Without it each test cuts after one byte in
// 211 for each kind of messages, and begins at another one: a sample, no proof.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/support/servers.h"
#include "tests/support/writes_fixture.h"

namespace upstream {
namespace {

using namespace std::chrono_literals;
using support::CutStyle;
using support::LinkDirection;
using support::ServerKind;

struct Server {
  const char* name;
  ServerKind kind;
  bool is_plain = false;  // without all extensions
};
void PrintTo(const Server& server, std::ostream* out) { *out << server.name; }
constexpr Server kServers[] = {{"Dovecot", ServerKind::kDovecot},
                               {"DovecotPlain", ServerKind::kDovecot, true},
                               {"Cyrus", ServerKind::kCyrus},
                               {"Courier", ServerKind::kCourier},
                               {"Imap4d", ServerKind::kImap4d}};

enum class Write { kAppendThenExpunge, kCopyThenExpunge, kMoveToAndFro, kCreateAppendRenameDelete };
struct NamedWrite {
  const char* name;
  Write write;
};
void PrintTo(const NamedWrite& write, std::ostream* out) { *out << write.name; }
constexpr NamedWrite kWrites[] = {{"AppendThenExpunge", Write::kAppendThenExpunge},
                                  {"CopyThenExpunge", Write::kCopyThenExpunge},
                                  {"MoveToAndFro", Write::kMoveToAndFro},
                                  {"CreateAppendRenameDelete", Write::kCreateAppendRenameDelete}};

using Case = std::tuple<Server, NamedWrite, LinkDirection>;

std::string name_of(const testing::TestParamInfo<Case>& info) {
  const auto& [server, write, direction] = info.param;
  return std::string(server.name) + write.name +
         (direction == LinkDirection::kToServer ? "ToServer" : "ToClient");
}

// Nothing passes the link for so long: what followed a write has come to its end.
constexpr auto kQuiet = 20ms;

class CutTest : public WritesFixture, public testing::WithParamInterface<Case> {
 protected:
  void SetUp() override {
    WritesFixture::SetUp();
    // The two looks for what was under way are 250 ms apart, and not 2 s: the server is near, and
    // has little else to do.
    settings_.sync.reconnect_min = 25ms;
    settings_.sync.reconnect_max = 50ms;
    const auto& server = std::get<Server>(GetParam());
    support::ServerOptions options;
    if (server.is_plain) options.without = support::all_extensions();
    auto started = support::RealServer::start(server.kind, std::move(options));
    ASSERT_TRUE(started) << started.error().text();
    server_ = std::move(*started);
    // imap4d numbers a mailbox anew that has become empty.
    residents_ = {mail(0)};
    for (const char* name : {"INBOX", "Work"}) {
      ASSERT_TRUE(server_->append(server_->mailbox_name(name), {mail(0)}));
    }
    auto link = support::FaultyLink::start(server_->port());
    ASSERT_TRUE(link) << link.error().text();
    link_ = std::move(*link);
    settings_.upstream->compress = false;  // each byte of the protocol
    settings_.upstream->user = server_->user();
    settings_.upstream->password.plain = Secret(server_->password());
    start(link_->port());
    worker_->set_trace(std::getenv("WAYSTATION_TRACE") != nullptr);
    ASSERT_EQ(settled(), "");
  }

  Result<Tree> there() override {
    TRY(const auto client, server_->login());
    TRY(const std::vector<std::string> names, list_mailboxes(client.get()));
    Tree tree;
    for (const std::string& name : names) {
      TRY(tree[server_->local_name(name)], read_mailbox(client.get(), name, true));
    }
    return tree;
  }

  void cut(Direction direction, std::uint64_t after) override {
    link_->cut_after(direction, after, after % 2 == 0 ? CutStyle::kClose : CutStyle::kReset);
    is_under_way_ = true;
  }
  bool was_cut() override { return was_cut_; }
  bool is_quiet() override {
    if (std::exchange(is_under_way_, false)) {
      was_cut_ = link_->cut_done();
      link_->up();  // what follows a write is not cut any more
      cuts_ += was_cut_ ? 1 : 0;
    }
    const support::LinkCounters now = link_->counters();
    const std::uint64_t passed = now.bytes_to_server + now.bytes_to_client;
    if (std::exchange(passed_, passed) != passed) quiet_since_ = std::chrono::steady_clock::now();
    return std::chrono::steady_clock::now() - quiet_since_ >= kQuiet;
  }

  // The steps for messages of this kind.
  std::vector<Step> steps(Letters kind) {
    switch (std::get<NamedWrite>(GetParam()).write) {
      case Write::kAppendThenExpunge:
        return append_then_expunge(kind);
      case Write::kCopyThenExpunge:
        return copy_then_expunge();
      case Write::kMoveToAndFro:
        return move_to_and_fro();
      case Write::kCreateAppendRenameDelete:
        return create_append_rename_delete(kind);
    }
    return {};
  }

  std::unique_ptr<support::RealServer> server_;
  std::unique_ptr<support::FaultyLink> link_;
  std::uint64_t passed_ = 0;
  std::chrono::steady_clock::time_point quiet_since_;
  bool is_under_way_ = false;
  bool was_cut_ = false;
  std::uint64_t cuts_ = 0;
};

TEST_P(CutTest, EveryWriteHappensOnce) {
  const bool is_every_byte = std::getenv("WAYSTATION_EVERY_BYTE") != nullptr;
  std::uint64_t first = std::hash<std::string>()(name_of({GetParam(), 0}));
  for (const Letters kind : {Letters::kWithId, Letters::kWithoutId, Letters::kTwins}) {
    SCOPED_TRACE(letters(kind, 0)[0]);
    const std::uint64_t stride = !is_every_byte ? 211 : kind == Letters::kWithId ? 1 : 11;
    append_all("INBOX", letters(kind, 0));
    ASSERT_EQ(settled(), "");
    ASSERT_NO_FATAL_FAILURE(
        sweep(std::get<Direction>(GetParam()), first++ % stride, stride, steps(kind)));
    ASSERT_TRUE(run(account_->expunge(id_of("INBOX"), uids_of("INBOX"), true)));
    ASSERT_EQ(settled(), "");
  }
  std::printf("%s cuts\n", std::to_string(cuts_).c_str());
}

INSTANTIATE_TEST_SUITE_P(Each, CutTest,
                         testing::Combine(testing::ValuesIn(kServers), testing::ValuesIn(kWrites),
                                          testing::Values(LinkDirection::kToServer,
                                                          LinkDirection::kToClient)),
                         name_of);

}  // namespace
}  // namespace upstream
