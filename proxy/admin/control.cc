#include "proxy/admin/control.h"

#include <charconv>
#include <chrono>

#include "base/log.h"
#include "net/connect.h"
#include "proxy/admin/cache_report.h"
#include "proxy/admin/queue.h"
#include "proxy/admin/status.h"

namespace proxy {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kDeadline = 10s;
constexpr std::size_t kMaxLineBytes = 64 << 10;

std::vector<std::string> split_tabs(std::string_view line) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t tab = line.find('\t');
    words.emplace_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return words;
    line.remove_prefix(tab + 1);
  }
}

Task<Result<std::string>> read_line(net::Connection* connection, std::chrono::milliseconds deadline,
                                    std::stop_token stop) {
  for (;;) {
    const std::string_view bytes = connection->buffered();
    const std::size_t end = bytes.find('\n');
    if (end != std::string_view::npos) {
      std::string line(bytes.substr(0, end));
      connection->consume(end + 1);
      co_return line;
    }
    if (bytes.size() > kMaxLineBytes) co_return fail(Errc::kInvalid, "the request is too long");
    CO_TRY_VOID(co_await connection->fill(deadline, stop));
  }
}

Task<Result<std::string>> ask(net::Loop* loop, std::string path, std::string request,
                              std::chrono::milliseconds deadline) {
  Result<net::Connection> connection = co_await net::connect_unix(loop, path, kDeadline);
  if (!connection) {
    co_return fail(Errc::kUnavailable, fmt::format("no waystation serves here ({}): {}", path,
                                                   connection.error().text()));
  }
  connection->write(std::move(request));
  CO_TRY(const std::string head, co_await read_line(&*connection, deadline, {}));
  if (head.starts_with("NO ")) co_return fail(Errc::kInvalid, head.substr(3));
  if (!head.starts_with("OK ")) co_return fail(Errc::kProtocol, "the answer is not understood");
  const std::size_t size = std::strtoull(head.c_str() + 3, nullptr, 10);
  std::string body;
  while (body.size() < size) {
    if (connection->buffered().empty()) CO_TRY_VOID(co_await connection->fill(kDeadline));
    const std::string_view bytes = connection->buffered().substr(0, size - body.size());
    body.append(bytes);
    connection->consume(bytes.size());
  }
  co_return body;
}

}  // namespace

ControlServer::ControlServer(Service* service, std::int64_t started)
    : service_(service), started_(started), tasks_(service->loop()) {}

Result<> ControlServer::start() {
  TRY(net::Listener listener,
      net::Listener::unix_socket(service_->loop(), socket_path(service_->config().data_dir)));
  tasks_.spawn(accept(std::move(listener)));
  return {};
}

Task<void> ControlServer::stop() { return tasks_.close(); }

Task<void> ControlServer::accept(net::Listener listener) {
  for (;;) {
    Result<net::Connection> accepted = co_await listener.accept(tasks_.stop_token());
    if (!accepted) co_return;
    tasks_.spawn(serve(std::move(*accepted)));
  }
}

Task<void> ControlServer::serve(net::Connection connection) {
  Result<std::string> line = co_await read_line(&connection, kDeadline, tasks_.stop_token());
  if (!line) co_return;
  Result<std::string> reply = co_await answer(split_tabs(*line));
  if (reply) {
    connection.write(fmt::format("OK {}\n", reply->size()));
    connection.write(std::move(*reply));
  } else {
    connection.write(fmt::format("NO {}\n", reply.error().text()));
  }
  (void)co_await connection.flush(kDeadline, tasks_.stop_token());
  co_await connection.close();
}

Task<Result<std::string>> ControlServer::answer(std::vector<std::string> words) {
  if (words[0] == "status") {
    co_return status_to_json(co_await gather_status(service_, started_));
  }
  if (words[0] == "trace") co_return co_await trace(std::move(words));
  if (words[0] == "queue") {
    words.erase(words.begin());
    co_return co_await answer_queue(service_, std::move(words));
  }
  if (words[0] == "cache" && words.size() == 2) co_return co_await cache(std::move(words[1]));
  co_return fail(Errc::kInvalid, "unknown request");
}

// Long: on a worker, beside everything else.
Task<Result<std::string>> ControlServer::cache(std::string verb) {
  const auto look = [database = &service_->database(), verb = std::move(verb),
                     stop = tasks_.stop_token()] {
    return look_after_cache(*database, verb, [](double) {}, stop);
  };
  CO_TRY(const CacheReport report,
         co_await run_blocking(static_cast<Executor*>(service_->loop()), look));
  co_return cache_report_to_json(report);
}

// trace account NAME on|off; trace session ID on|off (0: all)
Task<Result<std::string>> ControlServer::trace(std::vector<std::string> words) {
  if (words.size() != 4) co_return fail(Errc::kInvalid, "trace needs what, which, and on or off");
  const bool on = words[3] == "on";
  if (words[1] == "session") {
    std::uint64_t id = 0;
    const char* const end = words[2].data() + words[2].size();
    const auto [rest, error] = std::from_chars(words[2].data(), end, id);
    if (error != std::errc() || rest != end) {
      co_return fail(Errc::kInvalid, fmt::format("\"{}\" is no session number", words[2]));
    }
    if (!co_await service_->imap().set_trace(id, on)) {
      co_return fail(Errc::kNotFound, fmt::format("no session {} is logged in", id));
    }
    co_return std::string();
  }
  for (const RunningAccount& running : service_->accounts()) {
    if (running.name != words[2] || running.worker == nullptr) continue;
    running.loop->post([worker = running.worker.get(), on] { worker->set_trace(on); });
    co_return std::string();
  }
  co_return fail(Errc::kNotFound, fmt::format("no account \"{}\" with an upstream", words[2]));
}

Result<std::string> ask_control(const std::string& data_dir, const std::vector<std::string>& words,
                                std::chrono::milliseconds deadline) {
  TRY(const std::unique_ptr<net::Loop> loop, net::Loop::create());
  std::string request;
  for (const std::string& word : words) {
    if (!request.empty()) request += '\t';
    request += word;
  }
  request += '\n';
  Result<std::string> reply = fail(Errc::kCancelled, "interrupted");
  {
    TaskGroup group(loop.get());
    group.spawn([](net::Loop* on, std::string path, std::string text,
                   std::chrono::milliseconds limit, Result<std::string>* into) -> Task<void> {
      *into = co_await ask(on, std::move(path), std::move(text), limit);
      on->stop();
    }(loop.get(), ControlServer::socket_path(data_dir), std::move(request), deadline, &reply));
    loop->run();
  }
  return reply;
}

}  // namespace proxy
