// waystation demo: a far mailbox, served by Waystation itself behind a simulated line of 150 ms
// that stalls now and then, and a near one that caches it. Shows what a client waits for, far
// against near; cuts the line; restores it.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "base/log.h"
#include "base/on_executor.h"
#include "proxy/admin/text_table.h"
#include "proxy/cli/commands.h"
#include "proxy/demo/client.h"
#include "proxy/demo/messages.h"
#include "proxy/demo/slow_link.h"
#include "proxy/service.h"

namespace proxy {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

double seconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

std::string human_seconds(double seconds) {
  if (seconds < 0.001) return fmt::format("{:.0f} µs", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.1f} ms", seconds * 1e3);
  return fmt::format("{:.2f} s", seconds);
}

void say(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// A folder of the demo's own, gone with it.
class DemoFolder {
 public:
  DemoFolder() {
    char path[] = "/tmp/waystation-demo-XXXXXX";
    if (::mkdtemp(path) != nullptr) path_ = path;
  }
  ~DemoFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  DemoFolder(const DemoFolder&) = delete;
  DemoFolder& operator=(const DemoFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

config::SecretSource plain_secret(std::string text) {
  config::SecretSource source;
  source.kind = config::SecretSource::Kind::kPlain;
  source.plain = Secret(std::move(text));
  return source;
}

config::Config base_config(const std::string& data_dir, std::uint16_t port) {
  config::Config config;
  config.data_dir = data_dir;
  config::Listener listener;
  listener.port = port;
  config.listeners.push_back(listener);
  config::User user;
  user.password = plain_secret("demo");
  user.accounts = {"mail"};
  config.users.emplace("demo", std::move(user));
  return config;
}

config::Config far_config(const std::string& folder) {
  config::Config config = base_config(folder + "/far", 0);
  config.accounts.emplace("mail", config::Account());
  return config;
}

config::Config near_config(const std::string& folder, std::uint16_t link_port) {
  config::Config config = base_config(folder + "/near", 0);
  config::Account account;
  config::Upstream upstream;
  upstream.host = "127.0.0.1";
  upstream.port = link_port;
  upstream.tls = config::Tls::kNone;
  upstream.user = "demo";
  upstream.password = plain_secret("demo");
  account.upstream = std::move(upstream);
  account.sync.reconnect_min = 300ms;
  account.sync.reconnect_max = 3s;
  config.accounts.emplace("mail", std::move(account));
  return config;
}

class Demo {
 public:
  Demo(net::LoopPool* pool, DemoOptions options, MakeWorker make_worker)
      : pool_(pool),
        loop_(pool->loop(0)),
        options_(options),
        make_worker_(std::move(make_worker)),
        interrupted_(loop_),
        tasks_(loop_) {}

  int run() {
    for (const int signal : {SIGINT, SIGTERM}) {
      if (!loop_->on_signal(signal, [this] { interrupted_.set(); })) return 1;
    }
    tasks_.spawn(main());
    pool_->run();
    return status_;
  }

 private:
  Task<void> main() {
    pool_->start();
    const Result<> shown = co_await show();
    if (!shown && !interrupted_.is_set()) {
      std::fprintf(stderr, "the demo failed: %s\n", shown.error().text().c_str());
      status_ = 1;
    }
    if (near_ != nullptr) co_await near_->stop();
    if (link_ != nullptr) co_await link_->stop();
    if (far_ != nullptr) co_await far_->stop();
    pool_->stop();
  }

  Task<Result<>> show() {
    if (folder_.path().empty()) co_return fail(Errc::kIo, "no temporary folder can be made");
    far_ = std::make_unique<Service>(pool_, far_config(folder_.path()), make_worker_);
    CO_TRY_VOID(co_await far_->start());
    say(fmt::format("Far away: a mailbox of {} messages, 150 ms from here ... ",
                    options_.messages));
    CO_TRY_VOID(co_await fill_far());
    say("ready\n");
    SlowLink::Options link;
    link.to_port = far_->imap().ports().front();
    link_ = std::make_unique<SlowLink>(loop_, link);
    CO_TRY_VOID(link_->start());
    near_ =
        std::make_unique<Service>(pool_, near_config(folder_.path(), link_->port()), make_worker_);
    const auto begun = steady_clock::now();
    CO_TRY_VOID(co_await near_->start());
    CO_TRY_VOID(co_await first_screen(begun));
    CO_TRY_VOID(co_await wait_for_bodies(begun));
    CO_TRY_VOID(co_await compare());
    CO_TRY_VOID(co_await cut_and_restore());
    if (options_.once) co_return Result<>();
    tell_how_to_connect();
    (void)co_await interrupted_.wait();
    co_return Result<>();
  }

  // ---- The far mailbox ----

  Task<Result<>> fill_far() {
    const RunningAccount& far = far_->accounts().front();
    std::move_only_function<Task<Result<>>()> fill = [account = far.account.get(),
                                                      count = options_.messages] {
      return fill_account(account, count);
    };
    co_return co_await run_on<Result<>>(far.loop, loop_, std::move(fill));
  }

  static Task<Result<>> fill_account(cache::Account* account, std::size_t count) {
    const cache::MailboxId inbox = account->find_mailbox("INBOX")->id;
    for (const auto& [name, use] :
         {std::pair("Sent", cache::kSpecialSent), std::pair("Drafts", cache::kSpecialDrafts),
          std::pair("Archive", cache::kSpecialArchive), std::pair("Trash", cache::kSpecialTrash)}) {
      CO_TRY_VOID(co_await account->create_mailbox(name, use));
    }
    // Many at once: they share their fsyncs.
    constexpr std::size_t kAtOnce = 100;
    for (std::size_t begin = 0; begin < count; begin += kAtOnce) {
      std::deque<Result<>> results;
      TaskGroup group(account->executor());
      for (std::size_t n = begin; n < std::min(count, begin + kAtOnce); ++n) {
        group.spawn(append_one(account, inbox, n, &results.emplace_back()));
      }
      co_await group.close();
      for (const Result<>& result : results) {
        if (!result) co_return result;
      }
    }
    co_return Result<>();
  }

  static Task<void> append_one(cache::Account* account, cache::MailboxId inbox, std::size_t n,
                               Result<>* result) {
    std::unique_ptr<cache::ContentWriter> content = account->begin_message();
    content->feed(demo_message(n));
    content->finish();
    imap::FlagList flags;
    if (n % 5 != 0) flags.system.add(imap::SystemFlag::kSeen);
    const Result<cache::AppendResult> appended =
        co_await account->append(inbox, std::move(content), std::move(flags), demo_date(n), 0);
    if (!appended) *result = fail(appended.error());
  }

  // ---- The near one ----

  std::uint16_t near_port() const { return near_->imap().ports().front(); }

  std::string newest(std::size_t count) const {
    return fmt::format("FETCH {}:{} (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)",
                       options_.messages - count + 1, options_.messages);
  }

  Task<Result<>> first_screen(steady_clock::time_point begun) {
    CO_TRY(DemoClient client, co_await DemoClient::open(loop_, near_port()));
    CO_TRY_VOID(co_await client.run("SELECT INBOX"));
    CO_TRY_VOID(co_await client.run(newest(10)));
    say(fmt::format("Near: an empty cache shows the newest 10 messages after {}\n",
                    human_seconds(seconds_since(begun))));
    co_return Result<>();
  }

  struct Progress {
    std::uint64_t bodies = 0;
    std::size_t pending = 0;
  };
  Task<Progress> progress() {
    const RunningAccount& near = near_->accounts().front();
    std::move_only_function<Task<Progress>()> look = [account = near.account.get()] {
      return [](cache::Account* on) -> Task<Progress> {
        Progress found;
        found.bodies = on->find_mailbox("INBOX")->bodies;
        found.pending = on->journal().size();
        co_return found;
      }(account);
    };
    co_return co_await run_on<Progress>(near.loop, loop_, std::move(look));
  }

  Task<Result<>> wait_for_bodies(steady_clock::time_point begun) {
    const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    while (!interrupted_.is_set()) {
      const Progress now = co_await progress();
      if (terminal) {
        say(fmt::format("\r{} {} of {} messages are here ",
                        progress_bar(now.bodies, options_.messages, 30), now.bodies,
                        options_.messages));
      }
      if (now.bodies >= options_.messages) {
        say(fmt::format("{}All of them are here after {}\n\n", terminal ? "\n" : "",
                        human_seconds(seconds_since(begun))));
        co_return Result<>();
      }
      if (seconds_since(begun) > 300) co_return fail(Errc::kTimeout, "the messages do not come");
      (void)co_await interrupted_.wait_for(200ms);
    }
    co_return fail(Errc::kCancelled, "interrupted");
  }

  // ---- Far against near ----

  using Action = std::function<Task<Result<>>(DemoClient*)>;

  Task<Result<double>> measure(std::uint16_t port, bool selected, Action action) {
    std::optional<DemoClient> client;
    const auto cold = steady_clock::now();
    CO_TRY(client, co_await DemoClient::open(loop_, port));
    CO_TRY_VOID(co_await client->run("SELECT INBOX"));
    const auto warm = steady_clock::now();
    CO_TRY_VOID(co_await action(&*client));
    co_return seconds_since(selected ? warm : cold);
  }

  static Task<Result<>> run_all(DemoClient* client, std::vector<std::string> commands) {
    for (std::string& command : commands) CO_TRY_VOID(co_await client->run(std::move(command)));
    co_return Result<>();
  }

  Task<Result<>> compare() {
    struct Row {
      const char* what;
      bool selected;
      std::vector<std::string> commands;
    };
    std::vector<std::string> read;
    std::vector<std::string> mark;
    for (std::size_t i = 0; i < 10; ++i) {
      const std::size_t n = options_.messages - i;
      read.push_back(fmt::format("FETCH {} (BODY.PEEK[])", n));
      mark.push_back(fmt::format("STORE {} +FLAGS (\\Seen)", n));
    }
    std::vector<Row> rows;
    rows.push_back({"open the mailbox", false, {}});
    rows.push_back({"list the newest 50", true, {newest(50)}});
    rows.push_back({"read 10 messages", true, std::move(read)});
    rows.push_back({"search the subjects", true, {"SEARCH SUBJECT harbour"}});
    rows.push_back({"search the texts", true, {"SEARCH BODY \"winter music\""}});
    rows.push_back({"mark 10 as read", true, std::move(mark)});
    using enum TextTable::Align;
    TextTable table({{"what a client waits for", kLeft},
                     {"far", kRight},
                     {"near", kRight},
                     {"faster", kRight}});
    for (const Row& row : rows) {
      const Action action = [&row](DemoClient* client) { return run_all(client, row.commands); };
      CO_TRY(const double far, co_await measure(link_->port(), row.selected, action));
      CO_TRY(const double near, co_await measure(near_port(), row.selected, action));
      table.add({row.what, human_seconds(far), human_seconds(near),
                 fmt::format("{:.0f} x", far / std::max(near, 1e-6))});
    }
    say(table.render(100) + '\n');
    co_return Result<>();
  }

  // ---- Without the line ----

  Task<Result<>> cut_and_restore() {
    link_->cut();
    say("The line is cut.\n");
    CO_TRY(DemoClient client, co_await DemoClient::open(loop_, near_port()));
    CO_TRY_VOID(co_await client.run("SELECT INBOX"));
    auto begun = steady_clock::now();
    CO_TRY_VOID(co_await client.run(fmt::format("FETCH {} (BODY.PEEK[])", options_.messages / 2)));
    say(fmt::format("  a message is read in {}\n", human_seconds(seconds_since(begun))));
    begun = steady_clock::now();
    for (std::size_t n = 1; n <= 20; ++n) {
      CO_TRY_VOID(co_await client.run(fmt::format("STORE {} +FLAGS (\\Flagged)", n)));
    }
    CO_TRY_VOID(co_await client.append(
        "Drafts",
        "Subject: written without a line\r\nMessage-ID: <offline.demo@example.org>\r\n"
        "\r\nThis was saved while the server was out of reach.\r\n"));
    CO_TRY_VOID(co_await client.run("COPY 1:3 Archive"));
    say(fmt::format("  20 messages are flagged, a draft is saved, 3 messages are copied: {}\n",
                    human_seconds(seconds_since(begun))));
    const Progress waiting = co_await progress();
    say(fmt::format("  {} writes wait in the journal\n", waiting.pending));
    link_->restore();
    begun = steady_clock::now();
    say("The line is back.\n");
    for (;;) {
      if ((co_await progress()).pending == 0) break;
      if (seconds_since(begun) > 60) co_return fail(Errc::kTimeout, "the writes are not replayed");
      (void)co_await interrupted_.wait_for(20ms);
      if (interrupted_.is_set()) co_return fail(Errc::kCancelled, "interrupted");
    }
    say(fmt::format("  everything is replayed after {}\n", human_seconds(seconds_since(begun))));
    CO_TRY(DemoClient far, co_await DemoClient::open(loop_, link_->port()));
    CO_TRY(const std::string status, co_await far.run("STATUS Drafts (MESSAGES)"));
    CO_TRY_VOID(co_await far.run("SELECT INBOX"));
    CO_TRY(const std::string flagged, co_await far.run("SEARCH RETURN (COUNT) FLAGGED"));
    const bool same = status.find("MESSAGES 1)") != std::string::npos &&
                      flagged.find("COUNT 20") != std::string::npos;
    if (!same) co_return fail(Errc::kBug, "the far mailbox is not as it was left");
    say("  the far mailbox has the 20 flags and the draft, once\n\n");
    co_return Result<>();
  }

  void tell_how_to_connect() const {
    const unsigned far = link_->port();
    const unsigned near = near_port();
    say(fmt::format(
        "Both stay up until Ctrl-C. User and password: demo\n"
        "  near   curl -u demo:demo 'imap://127.0.0.1:{0}/INBOX;UID=1'\n"
        "         neomutt -f imap://demo:demo@127.0.0.1:{0}/INBOX\n"
        "         Thunderbird: IMAP, 127.0.0.1, port {0}, no connection security, normal password\n"
        "  far    curl -u demo:demo 'imap://127.0.0.1:{1}/INBOX;UID=1'\n",
        near, far));
  }

  net::LoopPool* pool_;
  net::Loop* loop_;
  DemoOptions options_;
  MakeWorker make_worker_;
  DemoFolder folder_;
  std::unique_ptr<Service> far_;
  std::unique_ptr<SlowLink> link_;
  std::unique_ptr<Service> near_;
  Event interrupted_;
  int status_ = 0;
  TaskGroup tasks_;
};

}  // namespace

int run_demo(const DemoOptions& options, MakeWorker make_worker) {
  init_log(LogLevel::kError, LogFormat::kText);
  std::signal(SIGPIPE, SIG_IGN);
  const Result<std::unique_ptr<net::LoopPool>> pool = net::LoopPool::create(2);
  if (!pool) {
    std::fprintf(stderr, "%s\n", pool.error().text().c_str());
    return 1;
  }
  Demo demo(pool->get(), options, std::move(make_worker));
  return demo.run();
}

}  // namespace proxy
