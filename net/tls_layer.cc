#include "net/tls_layer.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "net/address.h"

namespace net {

namespace {
constexpr std::size_t kRecordBytes = 16384;  // RFC 8446 5.1: the most plaintext in one record
}

// OpenSSL's view of the wire: reads take from `incoming` until it is empty, writes always succeed.
const BIO_METHOD* TlsLayer::bio_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    CHECK(made != nullptr);
    BIO_meth_set_read_ex(made, [](BIO* bio, char* into, std::size_t size, std::size_t* got) {
      auto* io = static_cast<Io*>(BIO_get_data(bio));
      BIO_clear_retry_flags(bio);
      if (io->incoming.empty()) {
        BIO_set_retry_read(bio);
        return 0;
      }
      *got = std::min(size, io->incoming.size());
      std::memcpy(into, io->incoming.data(), *got);
      io->incoming.remove_prefix(*got);
      return 1;
    });
    BIO_meth_set_write_ex(made, [](BIO* bio, const char* from, std::size_t size, std::size_t* put) {
      static_cast<Io*>(BIO_get_data(bio))->outgoing->append(from, size);
      *put = size;
      return 1;
    });
    BIO_meth_set_ctrl(made, [](BIO*, int command, long, void*) -> long {
      return command == BIO_CTRL_FLUSH ? 1 : 0;
    });
    return made;
  }();
  return method;
}

Result<std::unique_ptr<TlsLayer>> TlsLayer::create(SSL_CTX* context) {
  ERR_clear_error();
  std::unique_ptr<TlsLayer> layer(new TlsLayer());
  layer->ssl_.reset(SSL_new(context));
  BIO* bio = BIO_new(bio_method());
  if (!layer->ssl_ || bio == nullptr) {
    BIO_free(bio);
    return fail(Errc::kBug, "cannot set up TLS: " + take_openssl_error());
  }
  BIO_set_data(bio, &layer->io_);
  BIO_set_init(bio, 1);
  SSL_set_bio(layer->ssl_.get(), bio, bio);
  SSL_set_app_data(layer->ssl_.get(), layer.get());
  return layer;
}

TlsLayer::~TlsLayer() {
  // OpenSSL would not resume the session of a connection that broke. Links that break are the
  // normal case here, and only those whose TLS itself failed are suspicious.
  if (ssl_ && !failed_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Result<std::unique_ptr<TlsLayer>> TlsLayer::client(const ClientTls& tls, std::string host) {
  TRY(std::unique_ptr<TlsLayer> layer, create(tls.context_->ssl.get()));
  layer->client_ = tls.context_;
  layer->host_ = std::move(host);
  SSL* ssl = layer->ssl_.get();
  SSL_set_connect_state(ssl);
  bool set = true;
  if (const std::optional<Address> address = Address::parse(layer->host_, 0)) {
    // RFC 6066 section 3: no SNI for an address.
    set = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address->host().c_str()) == 1;
  } else {
    std::string name = layer->host_;
    if (name.ends_with('.')) name.pop_back();  // a DNS root dot is in no certificate
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    set = !name.empty() && SSL_set1_host(ssl, name.c_str()) == 1 &&
          SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
  }
  if (!set) {
    ERR_clear_error();
    return fail(Errc::kInvalid, "\"" + layer->host_ + "\" is no host name to verify a server by");
  }
  if (const Openssl<SSL_SESSION> session = layer->client_->take_session(layer->host_)) {
    SSL_set_session(ssl, session.get());
  }
  return layer;
}

Result<std::unique_ptr<TlsLayer>> TlsLayer::server(const ServerTls& tls) {
  TRY(std::unique_ptr<TlsLayer> layer, create(tls.context_->ssl.get()));
  layer->server_ = tls.context_;
  SSL_set_accept_state(layer->ssl_.get());
  return layer;
}

void TlsLayer::configure_client(ClientContext* context) {
  SSL_CTX* ssl = context->ssl.get();
  SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, on_verify);
  if (!context->fingerprint.empty()) {
    SSL_CTX_set_cert_verify_callback(ssl, on_verify_pinned, context);
  }
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ssl, on_new_session);
}

TlsLayer* TlsLayer::of(X509_STORE_CTX* store) {
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  return static_cast<TlsLayer*>(SSL_get_app_data(ssl));
}

int TlsLayer::on_verify(int accepted, X509_STORE_CTX* store) {
  TlsLayer* layer = of(store);
  if (accepted == 0 && layer->rejection_.empty()) {
    layer->rejection_ = describe_rejection(X509_STORE_CTX_get_error(store),
                                           X509_STORE_CTX_get_current_cert(store), layer->host_);
  }
  return accepted;
}

int TlsLayer::on_verify_pinned(X509_STORE_CTX* store, void* context) {
  const std::string& pinned = static_cast<ClientContext*>(context)->fingerprint;
  const std::string seen = fingerprint_of(X509_STORE_CTX_get0_cert(store));
  if (seen == pinned) return 1;
  TlsLayer* layer = of(store);
  layer->rejection_ = "the certificate of \"" + layer->host_ +
                      "\" is not the pinned one: its SHA-256 fingerprint is " +
                      fingerprint_text(seen) + ", expected " + fingerprint_text(pinned);
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

int TlsLayer::on_new_session(SSL* ssl, SSL_SESSION* session) {
  auto* layer = static_cast<TlsLayer*>(SSL_get_app_data(ssl));
  layer->client_->keep_session(layer->host_, Openssl<SSL_SESSION>(session));
  return 1;  // the reference is ours now
}

// Makes an error of what SSL_get_error() said.
Result<> TlsLayer::fatal(int code) {
  failed_ = true;
  if (!rejection_.empty()) {
    ERR_clear_error();
    return fail(Errc::kPermission, rejection_);
  }
  const int reason = ERR_GET_REASON(ERR_peek_error());
  std::string text = code == SSL_ERROR_SSL ? take_openssl_error() : "TLS error";
  ERR_clear_error();
  if (!established_ && (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
                        reason == SSL_R_PACKET_LENGTH_TOO_LONG)) {
    text += " (the peer does not speak TLS here)";
  }
  return fail(Errc::kProtocol, "TLS: " + text);
}

Result<> TlsLayer::handshake(std::string_view cipher, std::string* plain, std::string* wire) {
  if (failed_) return fail(Errc::kProtocol, "TLS has failed before");
  io_ = {cipher, wire};
  ERR_clear_error();
  const int rc = SSL_do_handshake(ssl_.get());
  const std::string_view rest = std::exchange(io_, {}).incoming;
  if (rc == 1) {
    established_ = true;
    return decrypt(rest, plain, wire);
  }
  const int code = SSL_get_error(ssl_.get(), rc);
  if (code == SSL_ERROR_WANT_READ) return {};
  return fatal(code);
}

Result<> TlsLayer::decrypt(std::string_view cipher, std::string* plain, std::string* wire) {
  if (failed_) return fail(Errc::kProtocol, "TLS has failed before");
  io_ = {cipher, wire};
  ERR_clear_error();
  if (cipher.size() > kRecordBytes) plain->reserve(plain->size() + cipher.size());
  // By way of the stack, so that a short command does not leave a buffer of 16 KiB behind.
  char record[kRecordBytes];
  int rc = 1;
  while (rc == 1) {
    std::size_t got = 0;
    rc = SSL_read_ex(ssl_.get(), record, sizeof(record), &got);
    if (rc == 1) plain->append(record, got);
  }
  io_ = {};
  const int code = SSL_get_error(ssl_.get(), rc);
  if (code == SSL_ERROR_ZERO_RETURN) peer_closed_ = true;
  if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_ZERO_RETURN) return {};
  return fatal(code);
}

Result<> TlsLayer::encrypt(std::string_view plain, std::string* wire) {
  if (failed_) return fail(Errc::kProtocol, "TLS has failed before");
  if (plain.empty()) return {};
  io_ = {{}, wire};
  ERR_clear_error();
  std::size_t written = 0;
  const int rc = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written);
  io_ = {};
  // The wire takes everything, so this is all or nothing.
  if (rc == 1) return {};
  return fatal(SSL_get_error(ssl_.get(), rc));
}

void TlsLayer::close_notify(std::string* wire) {
  if (failed_ || !established_) return;
  io_ = {{}, wire};
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  io_ = {};
}

TlsInfo TlsLayer::info() const {
  return TlsInfo{SSL_get_version(ssl_.get()), SSL_get_cipher_name(ssl_.get()),
                 SSL_session_reused(ssl_.get()) == 1};
}

}  // namespace net
