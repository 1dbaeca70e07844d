// Cyrus IMAP, unpacked from its packages: its master, one imapd service, idled.
#include <fmt/format.h>

#include "tests/support/server_kinds.h"

namespace support {
namespace {

class Cyrus final : public RealServer {
 public:
  explicit Cyrus(ServerOptions options) : RealServer(ServerKind::kCyrus, std::move(options)) {}

 private:
  Result<> prepare() override {
    TRY(servers_, fetched_servers());
    const Account account = server_account();
    for (const char* folder : {"lib/socket", "lib/proc", "spool", "run/proc", "run/lock"}) {
      std::filesystem::create_directories(path() / folder);
    }
    const std::string dir = path().string();
    const std::string bin = (servers_ / "root/usr/lib/cyrus/bin").string();
    // Any password is right: checking one needs saslauthd or a database made by tools that are
    // not there. `conversations` is what gives OBJECTID its thread ids.
    TRY_VOID(write_file(path() / "imapd.conf",
                        fmt::format(R"(configdirectory: {0}/lib
defaultpartition: default
partition-default: {0}/spool
proc_path: {0}/run/proc
mboxname_lockpath: {0}/run/lock
idlesocket: {0}/lib/socket/idle
notifysocket: {0}/lib/socket/notify
lmtpsocket: {0}/lib/socket/lmtp
cyrus_user: {1}
cyrus_group: {2}
sasl_pwcheck_method: alwaystrue
sasl_mech_list: PLAIN LOGIN
allowplaintext: yes
altnamespace: yes
unixhierarchysep: yes
autocreate_users: anyone
autocreate_quota: 0
autocreate_inbox_folders: Sent | Drafts | Trash | Archive
autocreate_subscribe_folders: Sent | Drafts | Trash | Archive
xlist-sent: Sent
xlist-drafts: Drafts
xlist-trash: Trash
xlist-archive: Archive
conversations: yes
delete_mode: immediate
expunge_mode: immediate
skiplist_unsafe: yes
umask: 077
{3}
)",
                                    dir, account.user, account.group, options_.extra_config)));
    return write_file(path() / "cyrus.conf", fmt::format(R"(START {{
  recover cmd="{0}/ctl_cyrusdb -C {1}/imapd.conf -r"
}}
DAEMON {{
  idled cmd="{0}/idled -C {1}/imapd.conf"
}}
SERVICES {{
  imap cmd="{0}/imapd -C {1}/imapd.conf" listen="127.0.0.1:{2}" prefork=1 maxchild=200
}}
EVENTS {{
}}
)",
                                                         bin, dir, port_));
  }

  ProcessOptions command() const override {
    return {.argv = {(servers_ / "root/usr/lib/cyrus/bin/master").string(), "-D", "-C",
                     (path() / "imapd.conf").string(), "-M", (path() / "cyrus.conf").string(), "-p",
                     (path() / "run/master.pid").string()},
            .env = unpacked_environment(servers_)};
  }

  std::filesystem::path servers_;
};

}  // namespace

std::unique_ptr<RealServer> make_cyrus(ServerOptions options) {
  return std::make_unique<Cyrus>(std::move(options));
}

}  // namespace support
