// TlsLayer: the TLS state of one connection, from bytes to bytes, without I/O. Internal to net/.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/tls.h"
#include "net/tls_context.h"

namespace net {

/// Turns what came from the wire into plaintext, and plaintext into what goes to the wire. OpenSSL
/// reads from and writes to our memory; nothing is buffered twice.
///
/// Thread:   any, one at a time; it moves between loops with its connection.
class TlsLayer {
 public:
  static Result<std::unique_ptr<TlsLayer>> client(const ClientTls& tls, std::string host);
  static Result<std::unique_ptr<TlsLayer>> server(const ServerTls& tls);
  /// Sets the callbacks that client() relies on.
  static void configure_client(ClientContext* context);

  ~TlsLayer();
  TlsLayer(const TlsLayer&) = delete;
  TlsLayer& operator=(const TlsLayer&) = delete;

  bool is_established() const { return established_; }
  /// Goes on with the handshake, and with what follows it in `cipher`. Appends what is to be sent
  /// to `wire`, also when it fails (the alert).
  Result<> handshake(std::string_view cipher, std::string* plain, std::string* wire);
  /// Appends the plaintext of `cipher`, which may end in the middle of a record.
  Result<> decrypt(std::string_view cipher, std::string* plain, std::string* wire);
  Result<> encrypt(std::string_view plain, std::string* wire);
  void close_notify(std::string* wire);
  /// Whether the peer has said that nothing more comes.
  bool peer_closed() const { return peer_closed_; }
  TlsInfo info() const;

 private:
  struct Io {
    std::string_view incoming;
    std::string* outgoing = nullptr;
  };
  TlsLayer() = default;
  static Result<std::unique_ptr<TlsLayer>> create(SSL_CTX* context);
  static const BIO_METHOD* bio_method();
  static TlsLayer* of(X509_STORE_CTX* store);
  static int on_verify(int accepted, X509_STORE_CTX* store);
  static int on_verify_pinned(X509_STORE_CTX* store, void* context);
  static int on_new_session(SSL* ssl, SSL_SESSION* session);
  Result<> fatal(int code);

  Openssl<SSL> ssl_;
  Io io_;
  std::shared_ptr<ClientContext> client_;
  std::shared_ptr<ServerContext> server_;
  std::string host_;       // the server's, for the client side
  std::string rejection_;  // why its certificate was not accepted
  bool established_ = false;
  bool peer_closed_ = false;
  bool failed_ = false;
};

}  // namespace net
