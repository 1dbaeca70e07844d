// RawTls: a TLS peer with settings that Waystation would never use, on top of a plain connection.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <string>

#include "net/connection.h"
#include "net/tls_context.h"
#include "tests/unit/net/streams.h"

namespace net::testing {

/// One side of a TLS conversation made with OpenSSL alone.
///
/// Lifetime: borrows the connection that carries it.
class RawTls {
 public:
  RawTls(Connection* carrier, int version) : carrier_(carrier) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    ssl_.reset(SSL_new(context_.get()));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_connect_state(ssl_.get());
  }

  SSL* ssl() { return ssl_.get(); }

  Task<Result<>> handshake() {
    for (;;) {
      const int rc = SSL_do_handshake(ssl_.get());
      const int code = SSL_get_error(ssl_.get(), rc);
      CO_TRY_VOID(co_await carry_out());
      if (rc == 1) co_return Result<>();
      if (code != SSL_ERROR_WANT_READ) co_return fail(Errc::kProtocol, take_openssl_error());
      CO_TRY_VOID(co_await carrier_->fill(kLong));
      const std::string_view got = carrier_->buffered();
      BIO_write(in_, got.data(), static_cast<int>(got.size()));
      carrier_->consume(got.size());
    }
  }
  Task<Result<>> send(std::string text) {
    SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
    co_return co_await carry_out();
  }

 private:
  Task<Result<>> carry_out() {
    std::array<char, 4096> bytes{};
    for (int got = 0; (got = BIO_read(out_, bytes.data(), bytes.size())) > 0;) {
      carrier_->write(std::string_view(bytes.data(), static_cast<std::size_t>(got)));
    }
    co_return co_await carrier_->flush(kLong);
  }

  Connection* carrier_;
  Openssl<SSL_CTX> context_;
  Openssl<SSL> ssl_;
  BIO* in_;   // owned by ssl_
  BIO* out_;  // owned by ssl_
};

}  // namespace net::testing
