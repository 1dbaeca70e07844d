#include "proxy/demo/client.h"

#include <chrono>

#include "base/log.h"
#include "net/connect.h"

namespace proxy {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::milliseconds kDeadline = 60s;

}  // namespace

Task<Result<DemoClient>> DemoClient::open(net::Loop* loop, std::uint16_t port) {
  CO_TRY(net::Connection connection, co_await net::connect(loop, {"127.0.0.1", port, kDeadline}));
  DemoClient client(std::move(connection));
  CO_TRY_VOID(co_await client.read_until("*"));
  CO_TRY_VOID(co_await client.run("LOGIN demo demo"));
  co_return client;
}

Task<Result<std::string>> DemoClient::run(std::string command) {
  const std::string tag = fmt::format("d{}", ++last_tag_);
  connection_.write(fmt::format("{} {}\r\n", tag, command));
  co_return co_await read_until(tag);
}

Task<Result<std::string>> DemoClient::append(std::string mailbox, std::string message) {
  co_return co_await run(fmt::format("APPEND {} {{{}+}}\r\n{}", mailbox, message.size(), message));
}

// The demo's own messages hold no line that looks like a tagged answer of this client.
Task<Result<std::string>> DemoClient::read_until(std::string tag) {
  std::string all;
  std::size_t line_begin = 0;
  for (;;) {
    for (std::size_t end = all.find('\n', line_begin); end != std::string::npos;
         end = all.find('\n', line_begin)) {
      const std::string_view line = std::string_view(all).substr(line_begin, end - line_begin);
      line_begin = end + 1;
      if (!line.starts_with(tag + " ")) continue;
      if (line.substr(tag.size() + 1).starts_with("OK")) co_return all;
      co_return fail(Errc::kInvalid, std::string(line));
    }
    CO_TRY_VOID(co_await connection_.fill(kDeadline));
    all += connection_.buffered();
    connection_.consume(connection_.buffered().size());
  }
}

}  // namespace proxy
