// ClientTls and ServerTls: what a TLS handshake needs to know, made once and shared by connections.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

namespace net {

struct ClientContext;
struct ServerContext;

struct ClientTlsOptions {
  /// PEM file with the authorities to trust, in place of the system's.
  std::string ca_file;
  /// SHA-256 of the server's certificate in hex, with or without colons. When set, exactly this
  /// certificate is accepted, and its issuer, names and dates are not looked at.
  std::string fingerprint;
};

/// How we verify servers. Always verified: by the system's authorities, by `ca_file`, or by
/// `fingerprint`; in the first two cases the host name or IP address too. TLS 1.2 and up. Sessions
/// are resumed per host.
///
/// Thread:   any; copies share one context.
/// Lifetime: connections keep what they need.
class ClientTls {
 public:
  /// Errors: kInvalid for a malformed fingerprint; kIo with the file's name when `ca_file` cannot
  /// be
  ///         read or holds no certificate.
  static Result<ClientTls> create(ClientTlsOptions options);

 private:
  friend class TlsLayer;
  std::shared_ptr<ClientContext> context_;
};

struct ServerTlsOptions {
  std::string certificate_file;  // PEM: our certificate, then its intermediates
  std::string private_key_file;  // PEM, without a passphrase
};

/// What we prove ourselves with to clients. TLS 1.2 and up. To reload, make a new one: connections
/// that run keep theirs.
///
/// Thread:   any; copies share one context.
/// Lifetime: connections keep what they need.
class ServerTls {
 public:
  /// Reads both files: blocks on the disk.
  /// Errors: kIo for a file that cannot be read, kInvalid for one that holds no certificate or key,
  ///         or a key that is not the certificate's; the text names the file.
  static Result<ServerTls> create(ServerTlsOptions options);

 private:
  friend class TlsLayer;
  std::shared_ptr<ServerContext> context_;
};

/// What a handshake agreed on, for logs.
struct TlsInfo {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // "TLS_AES_256_GCM_SHA384"
  bool resumed = false;
};

}  // namespace net
