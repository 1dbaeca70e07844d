// GNU mailutils' imap4d, unpacked from its package.
#include <crypt.h>
#include <fmt/format.h>

#include "tests/support/server_kinds.h"

namespace support {
namespace {

class Imap4d final : public RealServer {
 public:
  explicit Imap4d(ServerOptions options) : RealServer(ServerKind::kImap4d, std::move(options)) {}
  // Users of a file of ours, rather than of the system, are those of a "virtual domain".
  std::string user() const override { return "alice@test.example"; }

 private:
  Result<> prepare() override {
    TRY(servers_, fetched_servers());
    std::filesystem::create_directories(path() / "home/mail");
    // imap4d makes INBOX at the first SELECT only, and an APPEND before that fails.
    for (const char* folder : {"cur", "new", "tmp"}) {
      std::filesystem::create_directories(path() / "home/INBOX" / folder);
    }
    const Account account = server_account();
    crypt_data state{};
    const char* hash = ::crypt_r(password().c_str(), "$5$waystation", &state);
    if (hash == nullptr) return fail(Errc::kBug, "crypt");
    TRY_VOID(write_file(path() / "users/test.example",
                        fmt::format("alice:{}:{}:{}::{}:/bin/sh\n", hash, account.uid, account.gid,
                                    (path() / "home").string())));
    return write_file(path() / "imap4d.conf",
                      fmt::format(R"(gsasl {{ enable no; }};
logging {{ syslog no; severity info; }};
auth {{
  authentication clear; authentication "generic:virtdomain";
  authorization clear; authorization "virtdomain";
}};
virtdomain {{ passwd-dir "{0}/users"; }};
mailbox {{ mailbox-pattern "maildir://{0}/home/INBOX"; mailbox-type maildir; }};
namespace personal {{
  prefix "" {{ directory "{0}/home/mail"; delimiter "/"; mailbox-type maildir; }};
}};
server 127.0.0.1:{1} {{ transcript no; }};
{2}
)",
                                  path().string(), port_, options_.extra_config));
  }

  ProcessOptions command() const override {
    return {.argv = {(servers_ / "root/usr/sbin/imap4d").string(), "--no-config",
                     "--config-file=" + (path() / "imap4d.conf").string(), "--daemon=200",
                     "--foreground"},
            .env = unpacked_environment(servers_)};
  }

  std::filesystem::path servers_;
};

}  // namespace

std::unique_ptr<RealServer> make_imap4d(ServerOptions options) {
  return std::make_unique<Imap4d>(std::move(options));
}

}  // namespace support
