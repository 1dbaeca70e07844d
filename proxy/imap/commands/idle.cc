// IDLE: RFC 2177.
//
// C: A1 IDLE
// S: + idling
// S: * 4 EXISTS
// C: DONE
// S: A1 OK IDLE completed
#include <strings.h>

#include "base/task_group.h"
#include "proxy/imap/handlers.h"

namespace proxy {
namespace {

// Tells the client of each change as it comes, until it says DONE.
Task<void> tell(Session* session, std::stop_token stop) {
  while (!stop.stop_requested()) {
    if (session->selected()) {
      if (!co_await session->selected()->view->changed().wait(stop)) co_return;
      session->write_updates(true, false);
    } else if (!co_await sleep_for(session->loop(), std::chrono::hours(24), stop)) {
      co_return;
    }
    if (!co_await session->push()) co_return;
    if (session->state() != imap::SessionState::kSelected) co_return;
  }
}

}  // namespace

Handled handle(Session* session, imap::IdleCommand) {
  session->connection().write("+ idling\r\n");
  session->set_idle(true);
  Result<std::string> line = std::string();
  {
    TaskGroup teller(session->loop());
    teller.spawn(tell(session, teller.stop_token()));
    line = co_await session->reader().next_line(session->limits().idle_timeout, session->stop());
    co_await teller.close();
  }
  session->set_idle(false);
  if (!line) co_return fail(std::move(line).error());
  if (::strcasecmp(line->c_str(), "DONE") != 0) co_return Reply::bad("DONE ends IDLE");
  co_return Reply::ok("IDLE completed");
}

}  // namespace proxy
