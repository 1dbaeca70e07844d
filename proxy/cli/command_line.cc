#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "base/log.h"
#include "config/load.h"
#include "proxy/cli/commands.h"
#include "proxy/version.h"

namespace proxy {
namespace {

// From the config that is named, that WAYSTATION_CONFIG names, or that lies where a package puts
// it.
std::optional<std::string> data_dir_of(std::string path) {
  if (path.empty()) {
    const char* from_environment = std::getenv("WAYSTATION_CONFIG");
    path = from_environment != nullptr ? from_environment : "/etc/waystation/waystation.json";
  }
  const auto loaded = config::load(path);
  if (loaded) return loaded->config.data_dir;
  std::fprintf(stderr,
               "which data directory? Name it with --data-dir, or the config with --config\n");
  std::fputs(config::describe(loaded.error(), path).c_str(), stderr);
  return std::nullopt;
}

}  // namespace

int run_command_line(int argc, char** argv, MakeWorker make_worker) {
  CLI::App app("A local caching synchronization proxy for mail.", "waystation");
  app.set_version_flag("--version", fmt::format("{} {}", kProgram, kVersion));
  app.require_subcommand(1);

  std::string config;
  std::string data_dir;
  // The data directory is named, or read from the config.
  const auto with_data_dir = [&](CLI::App* command) {
    command->add_option("--data-dir,-d", data_dir, "The data directory of the program that runs");
    command->add_option("--config,-c", config, "Or the config file that names it");
    return command;
  };

  CLI::App* serving = app.add_subcommand("serve", "Serve the accounts of a config file");
  serving->add_option("--config,-c", config, "The config file")->required();

  CLI::App* demo = app.add_subcommand("demo", "Show what a cache does for a far mailbox");
  DemoOptions demo_options;
  demo->add_flag("--once", demo_options.once, "End after the table");
  demo->add_option("--messages", demo_options.messages, "Messages in the far mailbox")
      ->check(CLI::Range(10, 100'000));

  CLI::App* checking = app.add_subcommand("check-config", "List every mistake of a config file");
  bool reference = false;
  checking->add_option("--config,-c,config", config, "The config file");
  checking->add_flag("--reference", reference, "Print the reference of all keys instead");

  CLI::App* status = with_data_dir(app.add_subcommand("status", "Show accounts and sessions"));
  bool json = false;
  bool watch = false;
  status->add_flag("--json", json, "As JSON");
  status->add_flag("--watch,-w", watch, "Again every second");

  CLI::App* queue =
      with_data_dir(app.add_subcommand("queue", "Show and handle writes that wait for upstream"));
  queue->require_subcommand(1);
  queue->fallthrough();
  std::string account;
  std::string entry;
  std::string export_to;
  queue->add_flag("--json", json, "As JSON");
  queue->add_subcommand("list", "A table of entries");
  const auto on_entry = [&](const char* verb, const char* help) {
    CLI::App* command = queue->add_subcommand(verb, help);
    command->add_option("account", account, "The account")->required();
    command->add_option("entry", entry, "The entry's number")->required();
    return command;
  };
  on_entry("show", "Everything about an entry");
  on_entry("retry", "Try an entry again, also one that was given up");
  CLI::App* exporting =
      on_entry("export", "Write the message of an APPEND to standard output, or all messages");
  exporting->add_option("--to", export_to, "A directory: a file for each message of the entry");
  on_entry("drop", "Forget an entry; what it would have changed upstream stays as it is there");

  CLI::App* cache = with_data_dir(app.add_subcommand("cache", "Look after a data directory"));
  cache->require_subcommand(1);
  cache->fallthrough();
  cache->add_flag("--json", json, "As JSON");
  cache->add_subcommand("verify", "Read everything and list all that is wrong");
  cache->add_subcommand("stats", "Sizes on disk");
  cache->add_subcommand("compact", "Give space back");

  CLI::App* trace =
      with_data_dir(app.add_subcommand("trace", "Log a protocol, without secrets and contents"));
  std::string what;
  std::string which;
  std::string on;
  trace->add_option("what", what, "account or session")
      ->required()
      ->check(CLI::IsMember({"account", "session"}));
  trace->add_option("which", which, "Its name or number; session 0 is all")->required();
  trace->add_option("on", on, "on or off")->required()->check(CLI::IsMember({"on", "off"}));

  CLI11_PARSE(app, argc, argv);
  if (serving->parsed()) return serve(config, std::move(make_worker));
  if (demo->parsed()) return run_demo(demo_options, std::move(make_worker));
  if (checking->parsed()) {
    if (config.empty() && !reference) {
      std::fputs("which config file? waystation check-config FILE\n", stderr);
      return 2;
    }
    return check_config(config, reference);
  }
  if (data_dir.empty()) {
    const std::optional<std::string> named = data_dir_of(config);
    if (!named) return 2;
    data_dir = *named;
  }
  if (status->parsed()) return show_status(data_dir, json, watch);
  if (trace->parsed()) return set_trace(data_dir, what, which, on == "on");
  if (cache->parsed())
    return handle_cache(data_dir, cache->get_subcommands().front()->get_name(), json);
  if (exporting->parsed()) return export_entry(data_dir, account, entry, export_to);
  const std::string verb = queue->get_subcommands().front()->get_name();
  return handle_queue(data_dir,
                      verb == "list" ? std::vector{verb} : std::vector{verb, account, entry}, json);
}

}  // namespace proxy
