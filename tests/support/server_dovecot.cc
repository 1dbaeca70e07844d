// Dovecot, with every extension that it has.
#include <fmt/format.h>

#include "tests/support/server_kinds.h"

namespace support {
namespace {

class Dovecot final : public RealServer {
 public:
  explicit Dovecot(ServerOptions options) : RealServer(ServerKind::kDovecot, std::move(options)) {
    if (options_.inbox_prefix) {
      separator_ = '.';
      prefix_ = "INBOX.";
    }
  }

 private:
  Result<> prepare() override {
    const Account account = server_account();
    for (const char* folder : {"run", "state", "mail", "home"}) {
      std::filesystem::create_directories(path() / folder);
    }
    // Outside a string that fmt reads, so that Dovecot's own braces need no doubling.
    std::string config =
        "base_dir = " + (path() / "run").string() + "\nstate_dir = " + (path() / "state").string() +
        "\nlog_path = " + (path() / "server.log").string() +
        "\ndefault_internal_user = " + account.user +
        "\ndefault_internal_group = " + account.group + "\ndefault_login_user = " + account.user +
        "\nmail_uid = " + account.user + "\nmail_gid = " + account.group +
        "\nmail_location = maildir:" + (path() / "mail").string() +
        "\nmail_attribute_dict = file:" + (path() / "attributes").string() + "\n";
    config += R"(
protocols = imap
listen = 127.0.0.1
disable_plaintext_auth = no
auth_mechanisms = plain login scram-sha-256
auth_failure_delay = 0
default_client_limit = 2000
default_process_limit = 400
default_vsz_limit = 0
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 300
mail_fsync = never
mailbox_list_index = yes
imap_metadata = yes
imap_hibernate_timeout = 0
service anvil {
  chroot =
}
service stats {
  chroot =
}
service imap {
  process_min_avail = 1
}
)";
    config += fmt::format(R"(
passdb {{
  driver = static
  args = password={}
}}
userdb {{
  driver = static
  args = uid={} gid={} home={}
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {}
  }}
  inet_listener imaps {{
    port = {}
  }}
}}
namespace inbox {{
  inbox = yes
  prefix = {}
  separator = {}
  mailbox Sent {{
    auto = create
    special_use = \Sent
  }}
  mailbox Drafts {{
    auto = create
    special_use = \Drafts
  }}
  mailbox Trash {{
    auto = create
    special_use = \Trash
  }}
  mailbox Archive {{
    auto = create
    special_use = \Archive
  }}
}}
)",
                          password(), account.user, account.group, (path() / "home").string(),
                          port_, tls_port_, prefix_, separator_);
    if (options_.tls) {
      config += fmt::format("ssl = yes\nssl_cert = <{0}\nssl_key = <{1}\n",
                            (path() / "server.crt").string(), (path() / "server.key").string());
    } else {
      config += "ssl = no\n";
    }
    std::string plugins = "notify zlib";
    std::string imap_plugins = "imap_zlib";
    if (options_.quota_kib > 0) {
      plugins += " quota";
      imap_plugins += " imap_quota";
      config += fmt::format(
          "plugin {{\n  quota = count:User quota\n  quota_vsizes = yes\n"
          "  quota_rule = *:storage={}K\n  quota_grace = 0\n}}\n",
          options_.quota_kib);
    }
    config += fmt::format("mail_plugins = {0}\nprotocol imap {{\n  mail_plugins = {0} {1}\n}}\n",
                          plugins, imap_plugins);
    if (!advertised_.empty()) config += "imap_capability = " + advertised_ + "\n";
    return write_file(path() / "dovecot.conf", config + options_.extra_config + "\n");
  }

  ProcessOptions command() const override {
    return {.argv = {"/usr/sbin/dovecot", "-F", "-c", (path() / "dovecot.conf").string()}};
  }
};

}  // namespace

std::unique_ptr<RealServer> make_dovecot(ServerOptions options) {
  return std::make_unique<Dovecot>(std::move(options));
}

}  // namespace support
