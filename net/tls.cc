#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "base/log.h"
#include "net/tls_context.h"
#include "net/tls_layer.h"

namespace net {

namespace {

Result<Openssl<SSL_CTX>> make_context(const SSL_METHOD* method) {
  ERR_clear_error();
  Openssl<SSL_CTX> context(SSL_CTX_new(method));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) {
    return fail(Errc::kBug, "cannot set up TLS: " + take_openssl_error());
  }
  // An idle connection gives its two 17 KiB record buffers back.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  return context;
}

// The system's authorities, read once for all clients: they are more than a hundred certificates.
Result<std::shared_ptr<X509_STORE>> system_authorities() {
  static std::mutex mutex;
  static std::weak_ptr<X509_STORE> known;
  const std::lock_guard lock(mutex);
  if (auto store = known.lock()) return store;
  std::shared_ptr<X509_STORE> store(X509_STORE_new(), OpensslDelete());
  if (!store || X509_STORE_set_default_paths(store.get()) != 1) {
    return fail(Errc::kIo,
                "cannot read the system's certificate authorities: " + take_openssl_error());
  }
  known = store;
  return store;
}

// Colons and case do not matter: people copy it from many tools.
Result<std::string> parse_fingerprint(const std::string& text) {
  std::string bytes;
  std::optional<int> high;
  bool valid = true;
  for (const char c : text) {
    if (c == ':' || c == ' ') continue;
    int digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      valid = false;
      break;
    }
    if (high) {
      bytes.push_back(static_cast<char>(*high * 16 + digit));
      high.reset();
    } else {
      high = digit;
    }
  }
  if (!valid || high || bytes.size() != 32) {
    return fail(Errc::kInvalid, "\"" + text +
                                    "\" is no SHA-256 fingerprint: expected 64 "
                                    "hexadecimal digits, with or without colons");
  }
  return bytes;
}

using File = std::unique_ptr<std::FILE, decltype([](std::FILE* file) { std::fclose(file); })>;

Result<File> open_file(const std::string& path) {
  File file(std::fopen(path.c_str(), "re"));
  if (!file) return fail(Errc::kIo, "cannot open " + path + ": " + std::strerror(errno));
  return file;
}

}  // namespace

std::string take_openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown TLS error";
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "TLS error " + std::to_string(code);
}

Openssl<SSL_SESSION> ClientContext::take_session(const std::string& host) {
  const std::lock_guard lock(mutex_);
  auto node = sessions_.extract(host);
  return node.empty() ? nullptr : std::move(node.mapped());
}

void ClientContext::keep_session(const std::string& host, Openssl<SSL_SESSION> session) {
  const std::lock_guard lock(mutex_);
  sessions_[host] = std::move(session);
}

Result<ClientTls> ClientTls::create(ClientTlsOptions options) {
  auto context = std::make_shared<ClientContext>();
  TRY(context->ssl, make_context(TLS_client_method()));
  SSL_CTX* ssl = context->ssl.get();
  if (!options.fingerprint.empty()) {
    TRY(context->fingerprint, parse_fingerprint(options.fingerprint));
  } else if (!options.ca_file.empty()) {
    TRY(const File readable, open_file(options.ca_file));
    if (SSL_CTX_load_verify_file(ssl, options.ca_file.c_str()) != 1) {
      return fail(Errc::kIo, options.ca_file +
                                 " holds no usable certificate authority in PEM form: " +
                                 take_openssl_error());
    }
  } else {
    TRY(const std::shared_ptr<X509_STORE> authorities, system_authorities());
    SSL_CTX_set1_cert_store(ssl, authorities.get());
    context->authorities = authorities;
  }
  TlsLayer::configure_client(context.get());
  ClientTls tls;
  tls.context_ = std::move(context);
  return tls;
}

Result<ServerTls> ServerTls::create(ServerTlsOptions options) {
  auto context = std::make_shared<ServerContext>();
  TRY(context->ssl, make_context(TLS_server_method()));
  SSL_CTX* ssl = context->ssl.get();
  const std::string& chain = options.certificate_file;
  {
    TRY(const File readable, open_file(chain));
    if (SSL_CTX_use_certificate_chain_file(ssl, chain.c_str()) != 1) {
      return fail(Errc::kInvalid,
                  chain + " holds no usable certificate in PEM form: " + take_openssl_error());
    }
  }
  TRY(const File key_file, open_file(options.private_key_file));
  // Without a callback of ours OpenSSL would ask for a passphrase on the terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  const Openssl<EVP_PKEY> key(PEM_read_PrivateKey(key_file.get(), nullptr, no_passphrase, nullptr));
  if (!key) {
    return fail(Errc::kInvalid,
                options.private_key_file +
                    " holds no usable private key in PEM form without a passphrase: " +
                    take_openssl_error());
  }
  if (X509_check_private_key(SSL_CTX_get0_certificate(ssl), key.get()) != 1 ||
      SSL_CTX_use_PrivateKey(ssl, key.get()) != 1) {
    ERR_clear_error();
    return fail(Errc::kInvalid, "the private key in " + options.private_key_file +
                                    " does not belong to the certificate in " + chain);
  }
  SSL_CTX_set_dh_auto(ssl, 1);
  // Clients resume with tickets, which they keep; we keep nothing per client.
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  ServerTls tls;
  tls.context_ = std::move(context);
  return tls;
}

}  // namespace net
