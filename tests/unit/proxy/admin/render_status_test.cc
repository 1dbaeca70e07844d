#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "proxy/admin/status.h"
#include "proxy/admin/text_table.h"

namespace proxy {
namespace {

using testing::HasSubstr;
using testing::Not;

StatusReport report() {
  StatusReport report;
  report.version = "1.2.3";
  report.pid = 77;
  report.started = 1'000'000;
  report.now = 1'000'120;
  AccountStatus work;
  work.name = "work";
  work.remote.state = cache::RemoteStatus::State::kOnline;
  work.remote.since = 1'000'060;
  work.remote.server = "imap.example.org (Dovecot)";
  work.remote.tier = "QRESYNC";
  work.mailboxes = {{.name = "INBOX",
                     .messages = 200,
                     .summaries = 150,
                     .bodies = 50,
                     .pending = 0,
                     .last_good_check = 1'000'115},
                    {.name = "Entwürfe", .messages = 0, .last_good_check = 0}};
  report.accounts.push_back(std::move(work));
  return report;
}

std::size_t widest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t widest = 0;
  for (std::string line; std::getline(lines, line);) {
    widest = std::max(widest, display_width(line));
  }
  return widest;
}

TEST(RenderStatusTest, ShowsProgressWhileBodiesAreComing) {
  const std::string text = render_status(report(), 100, false);
  EXPECT_THAT(text, HasSubstr("work  online for 1 min  imap.example.org (Dovecot)  QRESYNC\n"));
  EXPECT_THAT(text, HasSubstr(progress_bar(1, 4, 30) + " 50 of 200 messages here\n"));
  EXPECT_THAT(text, HasSubstr("mailbox   messages  listed  bodies  pending  checked\n"
                              "────────  ────────  ──────  ──────  ───────  ───────\n"
                              "INBOX          200     150      50        0  5 s ago\n"
                              "Entwürfe         0       0       0        0    never\n"));
}

TEST(RenderStatusTest, ACompleteAccountHasNoBar) {
  StatusReport complete = report();
  complete.accounts[0].mailboxes[0].bodies = 200;
  EXPECT_THAT(render_status(complete, 100, false), Not(HasSubstr("messages here")));
}

TEST(RenderStatusTest, TellsWhyAnAccountIsNotOnlineAndWhatWaits) {
  StatusReport away = report();
  AccountStatus& work = away.accounts[0];
  work.remote.state = cache::RemoteStatus::State::kOffline;
  work.remote.last_error = "connection refused";
  work.remote.next_try = away.now + 30;
  work.pending = 1;
  work.parked = 2;
  work.oldest_pending = away.now - 7200;
  const std::string text = render_status(away, 100, false);
  EXPECT_THAT(text, HasSubstr("offline for 1 min, next try in 30 s"));
  EXPECT_THAT(text, HasSubstr("  last error: connection refused\n"));
  EXPECT_THAT(text, HasSubstr("  1 write waits for upstream, the oldest for 2 h\n"));
  EXPECT_THAT(text, HasSubstr("  2 writes were refused: see waystation queue list\n"));
}

TEST(RenderStatusTest, OnlyATerminalGetsColors) {
  EXPECT_THAT(render_status(report(), 100, true), HasSubstr("\x1b["));
  EXPECT_THAT(render_status(report(), 100, false), Not(HasSubstr("\x1b")));
}

TEST(RenderStatusTest, TheTableKeepsWithinANarrowTerminal) {
  StatusReport narrow = report();
  narrow.accounts[0].mailboxes[1].name = std::string(200, 'x');
  narrow.accounts[0].remote.server.clear();
  EXPECT_LE(widest_line(render_status(narrow, 70, false)), 70U);
}

TEST(RenderStatusTest, JsonGivesBackWhatItWasMadeOf) {
  StatusReport before = report();
  before.accounts[0].remote.last_error = "not \xff UTF-8";
  SessionInfo session;
  session.user = "me";
  session.idle = true;
  before.sessions.push_back(session);
  const Result<StatusReport> after = status_from_json(status_to_json(before));
  ASSERT_TRUE(after) << after.error().text();
  before.accounts[0].remote.last_error = "not \uFFFD UTF-8";
  EXPECT_EQ(render_status(*after, 100, false), render_status(before, 100, false));
  ASSERT_EQ(after->sessions.size(), 1U);
  EXPECT_TRUE(after->sessions[0].idle);
}

}  // namespace
}  // namespace proxy
