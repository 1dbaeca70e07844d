#include "tests/support/waystation_process.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "tests/support/certificate.h"

namespace support {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr auto kStartLimit = std::chrono::seconds(30);

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string quoted(const std::string& text) { return Json(text).dump(); }

template <class T>
T value_of(const Json& json, const char* key) {
  return json.value(key, T{});
}

}  // namespace

void short_pause() { std::this_thread::sleep_for(milliseconds(50)); }

bool WaystationStatus::complete() const {
  return !mailboxes.empty() && std::ranges::all_of(mailboxes, [](const Mailbox& mailbox) {
    return mailbox.last_good_check != 0 && mailbox.summaries == mailbox.messages &&
           mailbox.bodies == mailbox.messages;
  });
}

WaystationProcess::WaystationProcess(WaystationOptions options)
    : dir_("waystation-under-test"), options_(std::move(options)) {}

Result<> WaystationProcess::write_config() const {
  std::string listener = R"({"protocol": "imap", "address": "127.0.0.1", "port": )" +
                         std::to_string(port_) + R"(, "tls": ")" + options_.local_tls + "\"";
  if (options_.local_tls != "none") {
    TRY(const Certificate made, make_certificate(dir_.path(), "local"));
    listener += ", \"certificate\": " + quoted(made.certificate.string()) +
                ", \"private_key\": " + quoted(made.private_key.string());
  }
  std::string account;
  if (!options_.local) {
    account = R"("upstream": {"host": "localhost", "port": )" +
              std::to_string(options_.upstream_port) + R"(, "tls": ")" + options_.upstream_tls +
              R"(", "user": )" + quoted(options_.upstream_user) + R"(, "password": {"file": )" +
              quoted((dir_ / "upstream.password").string()) + "}";
    if (!options_.upstream_ca_file.empty()) {
      account += ", \"ca_file\": " + quoted(options_.upstream_ca_file.string());
    }
    if (!options_.compress) account += ", \"compress\": false";
    if (!options_.extra_upstream.empty()) account += ", " + options_.extra_upstream;
    account += "}, ";
  }
  account += "\"prefetch\": " + quoted(options_.prefetch);
  if (!options_.extra_account.empty()) account += ", " + options_.extra_account;
  const std::string extra = options_.extra_config.empty() ? "" : ", " + options_.extra_config;

  std::ofstream config(config_file(), std::ios::binary);
  // The shortest waits that the config allows: tests should not wait for minutes.
  config
      << "{\n  \"data_dir\": " << quoted(data_dir().string()) << ",\n  \"listeners\": [" << listener
      << "}],\n  \"accounts\": {\"work\": {" << account
      << "}},\n  \"users\": {\"me\": {\"password\": {\"file\": "
      << quoted((dir_ / "local.password").string()) << "}, \"accounts\": [\"work\"]}},\n"
      << R"(  "sync": {"poll_interval": "10s", "reconnect_min": "100ms", "reconnect_max": "1s"},)"
      << "\n  \"log\": {\"level\": " << quoted(options_.log_level)
      << ", \"format\": " << quoted(options_.log_format) << "}" << extra << "\n}\n";
  for (const auto& [name, secret] : {std::pair("upstream.password", options_.upstream_password),
                                     std::pair("local.password", password())}) {
    std::ofstream(dir_ / name) << secret << "\n";
    std::filesystem::permissions(
        dir_ / name, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  if (!config.flush()) return fail(Errc::kIo, "cannot write " + config_file().string());
  return {};
}

Result<std::unique_ptr<WaystationProcess>> WaystationProcess::start(WaystationOptions options) {
  std::unique_ptr<WaystationProcess> started(new WaystationProcess(std::move(options)));
  Result<> running;
  for (int attempt = 0; attempt < 3; ++attempt) {  // the port may be taken meanwhile
    started->port_ = free_port();
    TRY_VOID(started->write_config());
    running = started->start_again();
    if (running) return started;
    if (started->log().find("listens there already") == std::string::npos) break;
  }
  return fail(std::move(running).error());
}

Result<> WaystationProcess::start_again(std::map<std::string, std::string> env) {
  ProcessOptions options;
  options.env = std::move(env);
  options.argv = options_.run_under;
  options.argv.insert(options.argv.end(),
                      {options_.program.string(), "serve", "--config", config_file().string()});
  options.directory = dir_.path();
  options.output = dir_ / "waystation.log";
  TRY(process_, Process::start(std::move(options)));
  const auto deadline = std::chrono::steady_clock::now() + kStartLimit;
  while (process_->running() && std::chrono::steady_clock::now() < deadline) {
    if (wait_for_port(port_, milliseconds(50))) return {};
  }
  return fail(Errc::kTimeout, "waystation does not listen; its log:\n" + log());
}

ExitStatus WaystationProcess::stop() { return process_->stop(std::chrono::seconds(20)); }

void WaystationProcess::kill_hard() { process_->kill_now(); }

std::string WaystationProcess::log() const { return read_file(dir_ / "waystation.log"); }

Result<std::uint64_t> WaystationProcess::memory_bytes() const {
  std::ifstream status("/proc/" + std::to_string(pid()) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6)) * 1024;
  }
  return fail(Errc::kNotFound, "waystation does not run");
}

Result<std::unique_ptr<RawImap>> WaystationProcess::login() const {
  return RawImap::login(port_, user(), password());
}

Result<Finished> WaystationProcess::command(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), options_.program.string());
  arguments.insert(arguments.end(), {"--config", config_file().string()});
  return run({.argv = std::move(arguments), .directory = dir_.path()});
}

Result<WaystationStatus> WaystationProcess::status() const {
  TRY(const Finished said, command({"status", "--json"}));
  const Json json = Json::parse(said.output, nullptr, /*allow_exceptions=*/false);
  if (!said.status.success() || !json.is_object() || json["accounts"].empty()) {
    return fail(Errc::kProtocol, "status: " + said.output);
  }
  const Json& account = json["accounts"].front();
  WaystationStatus status{
      .state = value_of<std::string>(account, "state"),
      .last_error = value_of<std::string>(account, "last_error"),
      .tier = value_of<std::string>(account, "tier"),
      .pending = value_of<std::uint64_t>(account, "pending"),
      .parked = value_of<std::uint64_t>(account, "parked"),
      .reconnects_last_minute = value_of<std::uint64_t>(account, "reconnects_last_minute"),
      .mailboxes = {}};
  for (const Json& mailbox : account.value("mailboxes", Json::array())) {
    status.mailboxes.push_back(
        {.name = value_of<std::string>(mailbox, "name"),
         .messages = value_of<std::uint64_t>(mailbox, "messages"),
         .summaries = value_of<std::uint64_t>(mailbox, "summaries"),
         .bodies = value_of<std::uint64_t>(mailbox, "bodies"),
         .last_good_check = value_of<std::int64_t>(mailbox, "last_good_check")});
  }
  return status;
}

Result<> WaystationProcess::wait_until_complete(milliseconds limit) const {
  Result<WaystationStatus> last = fail(Errc::kTimeout, "never asked");
  const bool complete = eventually(
      [&] {
        last = status();
        return last && last->complete();
      },
      limit);
  if (complete) return {};
  if (!last) return fail(std::move(last).error());
  std::string missing = "not complete: " + last->state + " " + last->last_error;
  for (const auto& mailbox : last->mailboxes) {
    missing += "\n  " + mailbox.name + ": " + std::to_string(mailbox.messages) + " messages, " +
               std::to_string(mailbox.summaries) + " summaries, " + std::to_string(mailbox.bodies) +
               " bodies, checked " + std::to_string(mailbox.last_good_check);
  }
  return fail(Errc::kTimeout, missing);
}

Result<> WaystationProcess::wait_until_sent(milliseconds limit) const {
  Result<WaystationStatus> last = fail(Errc::kTimeout, "never asked");
  const bool sent = eventually(
      [&] {
        last = status();
        return last && last->pending == 0;
      },
      limit);
  if (sent) return {};
  if (!last) return fail(std::move(last).error());
  return fail(Errc::kTimeout, std::to_string(last->pending) + " writes wait: " + last->state + " " +
                                  last->last_error);
}

}  // namespace support
