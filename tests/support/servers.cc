#include "tests/support/servers.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/support/certificate.h"
#include "tests/support/server_kinds.h"

namespace support {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kStartLimit = std::chrono::seconds(30);

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Gives everything to the user that the server runs as.
void hand_over(const fs::path& path) {
  if (::geteuid() != 0) return;
  const Account account = server_account();
  const auto give = [&](const fs::path& file) {
    return ::lchown(file.c_str(), account.uid, account.gid) == 0;
  };
  give(path);
  for (const auto& entry : fs::recursive_directory_iterator(path)) give(entry.path());
}

// Whether everybody may walk down to `path`: "nobody" runs the servers when root runs the tests.
bool reachable_by_all(fs::path path) {
  for (; path != path.root_path(); path = path.parent_path()) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0 || (info.st_mode & S_IXOTH) == 0) return false;
  }
  return true;
}

Result<fs::path> fetch() {
  fs::path dir = WAYSTATION_SERVERS_DIR;
  auto fetched = run({.argv = {WAYSTATION_FETCH_SERVERS, dir.string()}}, std::chrono::minutes(5));
  if (!fetched) return fail(Errc::kUnavailable, fetched.error().text());
  if (!fetched->status.success()) return fail(Errc::kUnavailable, fetched->output);
  if (::geteuid() != 0 || reachable_by_all(dir)) return dir;
  // A clone below /root: the servers need a copy that their user can reach.
  static const TempDir copy("waystation-servers");
  std::error_code error;
  fs::copy(dir, copy.path(), fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  if (error) return fail(Errc::kIo, "copying the servers: " + error.message());
  std::string libraries = read_file(dir / "lib.path");
  for (std::size_t at = 0; (at = libraries.find(dir.string(), at)) != std::string::npos;) {
    libraries.replace(at, dir.string().size(), copy.path().string());
    at += copy.path().string().size();
  }
  TRY_VOID(write_file(copy / "lib.path", libraries));
  hand_over(copy.path());
  return copy.path();
}

}  // namespace

std::string name_of(ServerKind kind) {
  switch (kind) {
    case ServerKind::kDovecot:
      return "Dovecot";
    case ServerKind::kCyrus:
      return "Cyrus";
    case ServerKind::kCourier:
      return "Courier";
    case ServerKind::kImap4d:
      return "Imap4d";
  }
  return "?";
}

std::vector<ServerKind> all_server_kinds() {
  return {ServerKind::kDovecot, ServerKind::kCyrus, ServerKind::kCourier, ServerKind::kImap4d};
}

std::vector<std::string> all_extensions() {
  return {"QRESYNC",     "CONDSTORE",     "UIDPLUS",          "MOVE",   "ESEARCH",
          "LIST-STATUS", "LIST-EXTENDED", "COMPRESS=DEFLATE", "NOTIFY", "LITERAL+"};
}

Account server_account() {
  const passwd* entry = ::geteuid() == 0 ? ::getpwnam("nobody") : ::getpwuid(::geteuid());
  if (entry == nullptr) return {};
  Account account{entry->pw_uid, entry->pw_gid, entry->pw_name, ""};
  const group* named = ::getgrgid(entry->pw_gid);
  account.group = named != nullptr ? named->gr_name : std::to_string(entry->pw_gid);
  return account;
}

std::map<std::string, std::string> unpacked_environment(const fs::path& servers) {
  std::string libraries = read_file(servers / "lib.path");
  while (libraries.ends_with('\n')) libraries.pop_back();
  // Cyrus' SASL mechanisms: those that came along, where the system has none.
  std::string mechanisms;
  for (const char* library : {"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"}) {
    for (const fs::path& root : {fs::path("/"), servers / "root"}) {
      const fs::path folder = root / (std::string(library).substr(1) + "/sasl2");
      if (fs::exists(folder)) mechanisms += (mechanisms.empty() ? "" : ":") + folder.string();
    }
  }
  return {{"LD_LIBRARY_PATH", libraries}, {"SASL_PATH", mechanisms}};
}

Result<> write_file(const fs::path& path, std::string_view text) {
  std::error_code ignored;
  fs::create_directories(path.parent_path(), ignored);
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) return fail(Errc::kIo, "cannot write " + path.string());
  return {};
}

Result<fs::path> fetched_servers() {
  static const Result<fs::path> found = fetch();
  return found;
}

RealServer::RealServer(ServerKind kind, ServerOptions options)
    : dir_("waystation-" + name_of(kind)), kind_(kind), options_(std::move(options)) {}

Result<std::unique_ptr<RealServer>> RealServer::start(ServerKind kind, ServerOptions options) {
  if (server_account().user.empty()) return fail(Errc::kUnavailable, "no user to run as");
  std::unique_ptr<RealServer> server;
  switch (kind) {
    case ServerKind::kDovecot:
      server = make_dovecot(std::move(options));
      break;
    case ServerKind::kCyrus:
      server = make_cyrus(std::move(options));
      break;
    case ServerKind::kCourier:
      server = make_courier(std::move(options));
      break;
    case ServerKind::kImap4d:
      server = make_imap4d(std::move(options));
      break;
  }
  if (server->options_.tls) {
    TRY_VOID(make_certificate(server->path(), "server", server->options_.certificate));
  }
  Result<> launched;
  for (int attempt = 0; attempt < 3; ++attempt) {  // the ports may be taken meanwhile
    server->port_ = free_port();
    if (server->options_.tls) server->tls_port_ = free_port();
    TRY_VOID(server->prepare());
    launched = server->launch();
    if (launched) break;
    server->stop();
  }
  if (!launched) return fail(std::move(launched).error());

  if (!server->options_.without.empty()) {
    TRY(const auto client, server->login());
    TRY(const std::vector<std::string> all, client->capabilities());
    for (const std::string& name : all) {
      const bool hidden =
          std::ranges::find(server->options_.without, name) != server->options_.without.end();
      if (!hidden) server->advertised_ += name + " ";
    }
    server->stop();
    TRY_VOID(server->prepare());
    TRY_VOID(server->launch());
  }
  return server;
}

Result<> RealServer::launch() {
  hand_over(dir_.path());
  ProcessOptions options = command();
  options.output = dir_ / "server.log";
  options.unprivileged = true;
  TRY(process_, Process::start(std::move(options)));
  const auto deadline = std::chrono::steady_clock::now() + kStartLimit;
  Error last(Errc::kTimeout, "");
  while (std::chrono::steady_clock::now() < deadline && process_->running()) {
    auto client = login();
    if (client) return {};
    last = client.error();
    std::this_thread::sleep_for(milliseconds(20));
  }
  return fail(Errc::kTimeout, name_of(kind_) + " does not come up: " + last.text() + "\n" + log());
}

void RealServer::stop() {
  if (process_) process_->kill_now();
  process_.reset();
}

Result<> RealServer::start_again() { return launch(); }

Result<> RealServer::restart() {
  stop();
  return launch();
}

std::string RealServer::log() const { return read_file(dir_ / "server.log"); }

std::string RealServer::mailbox_name(std::string_view name) const {
  if (name == "INBOX") return "INBOX";
  std::string result = prefix_ + std::string(name);
  std::ranges::replace(result, '/', separator_);
  return result;
}

std::string RealServer::local_name(std::string name) const {
  if (name.starts_with(prefix_)) name.erase(0, prefix_.size());
  std::ranges::replace(name, separator_, '/');
  return name;
}

Result<std::unique_ptr<RawImap>> RealServer::login() const {
  return RawImap::login(port_, user(), password());
}

Result<> RealServer::append(std::string_view mailbox, const std::vector<std::string>& messages,
                            std::string_view flags) const {
  TRY(const auto client, login());
  for (const std::string& message : messages) {
    TRY(Reply reply, client->append(mailbox, message, flags));
    if (!reply.ok()) {
      TRY_VOID(client->command("CREATE \"" + std::string(mailbox) + "\""));
      TRY(reply, client->append(mailbox, message, flags));
    }
    if (!reply.ok()) return fail(Errc::kIo, "APPEND: " + reply.str());
  }
  TRY_VOID(client->command("LOGOUT"));
  return {};
}

}  // namespace support
