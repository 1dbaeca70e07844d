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

// Tells the client of each change as it comes, until it says DONE. A session that ends here (its
// mailbox was deleted) no longer waits for that.
Task<void> tell(Session* session, std::stop_source* listening, std::stop_token stop) {
  while (session->selected() && !session->is_logged_out()) {
    if (!co_await session->selected()->view->changed().wait(stop)) co_return;
    session->write_updates(true, false);
    if (!co_await session->push()) break;
  }
  listening->request_stop();
}

}  // namespace

Handled handle(Session* session, imap::IdleCommand) {
  session->connection().write("+ idling\r\n");
  session->set_idle(true);
  Result<std::string> line = std::string();
  {
    std::stop_source listening;
    const std::stop_callback stopped(session->stop(), [&listening] { listening.request_stop(); });
    TaskGroup teller(session->loop());
    if (session->selected()) teller.spawn(tell(session, &listening, teller.stop_token()));
    line =
        co_await session->reader().next_line(session->limits().idle_timeout, listening.get_token());
    co_await teller.close();
  }
  session->set_idle(false);
  if (!line) {
    session->end(line.error());
    co_return fail(std::move(line).error());
  }
  if (::strcasecmp(line->c_str(), "DONE") != 0) co_return Reply::bad("DONE ends IDLE");
  co_return Reply::ok("IDLE completed");
}

}  // namespace proxy
