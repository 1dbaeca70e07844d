// RealServer: Debian's IMAP servers, started from a test in a folder of their own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tests/support/certificate.h"
#include "tests/support/process.h"
#include "tests/support/raw_imap.h"
#include "tests/support/temp_dir.h"

namespace support {

enum class ServerKind {
  kDovecot,  // everything: QRESYNC, COMPRESS, LIST-STATUS, NOTIFY, ...
  kCyrus,    // everything, with OBJECTID; CONDSTORE of another make
  kCourier,  // UIDPLUS, IDLE, ACL; no CONDSTORE, no ENABLE, no MOVE, no ESEARCH; prefix "INBOX."
  kImap4d,   // little more than RFC 3501
};

/// "Dovecot", "Cyrus", "Courier", "Imap4d": also as part of a test's name.
std::string name_of(ServerKind kind);

struct ServerOptions {
  bool tls = false;                       // Dovecot: implicit TLS on tls_port(), STARTTLS on port()
  CertificateOptions certificate = {};    // what its certificate says, with tls
  bool inbox_prefix = false;              // Dovecot: all mailboxes below "INBOX.", separator "."
  std::uint64_t quota_kib = 0;            // Dovecot: this much storage; 0: no quota
  std::vector<std::string> without = {};  // Dovecot: capabilities to leave out ("QRESYNC", "MOVE")
  std::string extra_config = {};          // added at the end of the server's own configuration
};

/// A running server with one user. As root it runs as "nobody", else as the caller.
///
/// Thread:   any; owned by one.
/// Lifetime: the folder and all processes go with the object, also when the test crashes.
/// Errors:   kUnavailable when its packages cannot be had, kTimeout when it does not come up.
class RealServer {
 public:
  static Result<std::unique_ptr<RealServer>> start(ServerKind kind, ServerOptions options = {});
  virtual ~RealServer() = default;
  RealServer(const RealServer&) = delete;
  RealServer& operator=(const RealServer&) = delete;

  ServerKind kind() const { return kind_; }
  std::uint16_t port() const { return port_; }
  std::uint16_t tls_port() const { return tls_port_; }
  /// The authority that signed the server's certificate for "localhost" (tls only).
  std::filesystem::path ca_file() const { return dir_ / "server.crt"; }
  virtual std::string user() const { return "alice"; }
  virtual std::string password() const { return "wonderland"; }
  /// What a mailbox called `name` (separator "/") is called at this server.
  std::string mailbox_name(std::string_view name) const;
  /// The other way round.
  std::string local_name(std::string name) const;

  Result<std::unique_ptr<RawImap>> login() const;
  /// Adds messages to `mailbox` (the server's own name), which is made when it is missing.
  Result<> append(std::string_view mailbox, const std::vector<std::string>& messages,
                  std::string_view flags = "") const;

  /// Ends every process at once, as a crash would, and leaves the mail. start_again() brings it
  /// back on the same ports.
  void stop();
  Result<> start_again();
  Result<> restart();
  /// The server's log, for the message of a failed check.
  std::string log() const;
  /// The folder that holds it all.
  const std::filesystem::path& path() const { return dir_.path(); }

 protected:
  RealServer(ServerKind kind, ServerOptions options);
  /// Writes what the server needs below path(), with the ports that are set now.
  virtual Result<> prepare() = 0;
  /// The command that runs the server in the foreground.
  virtual ProcessOptions command() const = 0;

  TempDir dir_;
  ServerKind kind_;
  ServerOptions options_;
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
  char separator_ = '/';
  std::string prefix_;
  std::string advertised_;  // the capabilities to show instead of all; empty: all

 private:
  Result<> launch();
  std::unique_ptr<Process> process_;
};

/// Where the unpacked servers are; fetched at the first call.
/// Errors: kUnavailable with what apt said.
Result<std::filesystem::path> fetched_servers();

/// For ServerOptions::without: a server that has little more than RFC 3501.
std::vector<std::string> all_extensions();

/// Every kind, for a parameterized suite.
std::vector<ServerKind> all_server_kinds();

}  // namespace support
