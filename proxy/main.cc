// The program: what the user typed, and the one place where upstream/ and proxy/ meet.
#include "base/allocator.h"
#include "proxy/cli/commands.h"
#include "upstream/worker.h"

namespace {

// An upstream worker, as the service sees it.
class Worker final : public proxy::AccountWorker {
 public:
  Worker(net::Loop* loop, cache::Account* account, const config::Account& settings)
      : worker_(loop, account, settings) {}
  void start() override { worker_.start(); }
  Task<void> stop() override { return worker_.stop(); }
  void set_trace(bool on) override { worker_.set_trace(on); }

 private:
  upstream::Worker worker_;
};

}  // namespace

int main(int argc, char** argv) {
  tune_allocator();
  return proxy::run_command_line(
      argc, argv, [](net::Loop* loop, cache::Account* account, const config::Account& settings) {
        return std::make_unique<Worker>(loop, account, settings);
      });
}
