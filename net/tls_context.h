// What ClientTls and ServerTls share with the connections that use them. Internal to net/.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace net {

struct OpensslDelete {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
template <class T>
using Openssl = std::unique_ptr<T, OpensslDelete>;

/// Thread: any.
struct ClientContext {
  Openssl<SSL_CTX> ssl;
  std::string fingerprint;  // 32 bytes, or empty: verify by authority, name and date
  std::shared_ptr<X509_STORE> authorities;  // the shared one, when those of the system are used

  /// The last session that a host gave us, to be resumed once.
  Openssl<SSL_SESSION> take_session(const std::string& host);
  void keep_session(const std::string& host, Openssl<SSL_SESSION> session);

 private:
  std::mutex mutex_;
  std::map<std::string, Openssl<SSL_SESSION>> sessions_;  // guarded by mutex_
};

struct ServerContext {
  Openssl<SSL_CTX> ssl;
};

/// The oldest of OpenSSL's queued errors in words; empties the queue.
std::string take_openssl_error();
/// SHA-256 of a certificate: 32 bytes.
std::string fingerprint_of(const X509* certificate);
/// "AB:CD:…", as openssl and browsers print it.
std::string fingerprint_text(const std::string& bytes);
/// Says in words why `error` (X509_V_ERR_…) makes `certificate` unacceptable for `host`.
std::string describe_rejection(int error, X509* certificate, const std::string& host);

}  // namespace net
