// Courier's imapd, unpacked from its package, behind courier_login.
#include "tests/support/server_kinds.h"

namespace support {
namespace {

namespace fs = std::filesystem;

class Courier final : public RealServer {
 public:
  explicit Courier(ServerOptions options) : RealServer(ServerKind::kCourier, std::move(options)) {
    separator_ = '.';
    prefix_ = "INBOX.";
  }

 private:
  Result<> prepare() override {
    TRY(servers_, fetched_servers());
    for (const char* folder : {"cur", "new", "tmp"}) {
      fs::create_directories(path() / "home/Maildir" / folder);
    }
    // A copy: the build folder may be closed to the user that runs it.
    std::error_code error;
    fs::copy_file(WAYSTATION_COURIER_LOGIN, path() / "courier_login",
                  fs::copy_options::overwrite_existing, error);
    if (error) return fail(Errc::kIo, "copying courier_login: " + error.message());
    return {};
  }

  ProcessOptions command() const override {
    auto environment = unpacked_environment(servers_);
    environment.insert({
        {"PROTOCOL", "IMAP"},
        {"TCPREMOTEIP", "127.0.0.1"},
        {"TCPREMOTEPORT", "1"},
        {"IMAP_ACL", "1"},
        {"IMAP_KEYWORDS", "1"},
        {"IMAP_ENHANCEDIDLE", "1"},
        {"IMAP_USELOCKS", "1"},
        {"IMAP_IDLE_TIMEOUT", "1"},
        {"IMAP_CHECK_ALL_FOLDERS", "0"},
        {"IMAP_TRASHFOLDERNAME", "Trash"},
        {"IMAP_EMPTYTRASH", ""},
        {"IMAP_UMASK", "077"},
        // imapd waits ten seconds for the file alteration monitor unless it finds one. The id
        // keeps the monitors of servers that run side by side apart.
        {"GAMIN_DEBUG_SERVER", (servers_ / "root/usr/libexec/gam_server").string()},
        {"GAM_CLIENT_ID", path().filename().string()},
    });
    return {.argv = {(path() / "courier_login").string(), std::to_string(port_),
                     (path() / "home").string(), user(), password(),
                     (servers_ / "root/usr/bin/imapd").string()},
            .env = environment};
  }

  fs::path servers_;
};

}  // namespace

std::unique_ptr<RealServer> make_courier(ServerOptions options) {
  return std::make_unique<Courier>(std::move(options));
}

}  // namespace support
