#include <CLI/CLI.hpp>

#include "proxy/cli/commands.h"
#include "proxy/version.h"

namespace proxy {

int run_command_line(int argc, char** argv, MakeWorker make_worker) {
  CLI::App app("A local caching synchronization proxy for mail.", "waystation");
  app.set_version_flag("--version", fmt::format("{} {}", kProgram, kVersion));
  app.require_subcommand(1);

  std::string config;
  CLI::App* serving = app.add_subcommand("serve", "Serve the accounts of a config file");
  serving->add_option("--config,-c", config, "The config file")->required();

  CLI::App* checking = app.add_subcommand("check-config", "List every mistake of a config file");
  bool reference = false;
  checking->add_option("--config,-c,config", config, "The config file");
  checking->add_flag("--reference", reference, "Print the reference of all keys instead");

  CLI11_PARSE(app, argc, argv);
  if (serving->parsed()) return serve(config, std::move(make_worker));
  if (checking->parsed()) return check_config(config, reference);
  return 2;
}

}  // namespace proxy
