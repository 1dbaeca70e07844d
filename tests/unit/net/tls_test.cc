#include "net/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <cstdio>
#include <fstream>

#include "tests/support/certificate.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/net/raw_tls.h"
#include "tests/unit/net/streams.h"

namespace net {
namespace {

using namespace std::chrono_literals;
using support::Certificate;
using support::CertificateOptions;
using ::testing::AllOf;
using testing::both;
using ::testing::HasSubstr;
using testing::kLong;
using testing::RawTls;
using testing::read_bytes;
using testing::read_to_end;
using testing::sample;
using testing::send;

class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override { reconnect(); }
  void reconnect() {
    auto made = Connection::pair(fixture_.loop());
    ASSERT_TRUE(made.has_value()) << made.error().text();
    client_.emplace(std::move(made->first));
    server_.emplace(std::move(made->second));
  }
  Certificate make(const std::string& name, const CertificateOptions& options = {}) {
    return support::make_certificate(folder_.path(), name, options).value();
  }
  ServerTls server_tls(const Certificate& certificate) {
    return ServerTls::create({certificate.certificate, certificate.private_key}).value();
  }
  /// The client_'s result of a handshake in which it trusts `options` and expects `host`.
  Result<> handshake(const ClientTls& trust, const ServerTls& identity, const std::string& host) {
    auto [theirs, ours] = fixture_.run(both(fixture_.loop(), server_->start_tls(identity, kLong),
                                            client_->start_tls(trust, host, kLong)));
    server_result_ = std::move(theirs);
    return ours;
  }
  Result<> handshake(const ClientTlsOptions& options, const Certificate& certificate,
                     const std::string& host = "localhost") {
    return handshake(ClientTls::create(options).value(), server_tls(certificate), host);
  }
  Result<std::string> to_server(const std::string& text) {
    const auto [sent, got] = fixture_.run(
        both(fixture_.loop(), send(&*client_, text), read_bytes(&*server_, text.size())));
    EXPECT_TRUE(sent.has_value());
    return got;
  }

  support::TempDir folder_;
  LoopFixture fixture_;
  std::optional<Connection> client_;
  std::optional<Connection> server_;
  Result<> server_result_;
};

TEST_F(TlsTest, TrustsACertificateOfItsOwnAuthority) {
  const Certificate good = make("good");
  const Result<> done = handshake({.ca_file = good.certificate, .fingerprint = ""}, good);
  ASSERT_TRUE(done.has_value()) << done.error().text();
  ASSERT_TRUE(server_result_.has_value());
  EXPECT_TRUE(client_->is_tls());
  EXPECT_EQ(client_->tls_info()->version, "TLSv1.3");
  EXPECT_FALSE(client_->tls_info()->cipher.empty());
  EXPECT_EQ(to_server("secret").value(), "secret");
  EXPECT_GT(client_->sent_bytes(), 100) << "not in clear";
}

TEST_F(TlsTest, MegabytesPassBothWaysAtOnce) {
  const Certificate good = make("good");
  ASSERT_TRUE(handshake({.ca_file = good.certificate, .fingerprint = ""}, good).has_value());
  const std::string one = sample(3'000'000, 1);
  const std::string other = sample(3'000'000, 2);
  client_->write(std::string_view(one));
  server_->write(std::string_view(other));
  const auto [a, b] = fixture_.run(both(fixture_.loop(), read_bytes(&*server_, one.size()),
                                        read_bytes(&*client_, other.size())));
  EXPECT_EQ(a.value(), one);
  EXPECT_EQ(b.value(), other);
}

TEST_F(TlsTest, AnUnknownAuthorityIsRefusedWithTheFingerprintToPin) {
  const Certificate good = make("good");
  const Result<> done = handshake({}, good);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Errc::kPermission);
  EXPECT_THAT(done.error().text(), AllOf(HasSubstr("unknown authority"), HasSubstr("localhost")));
  EXPECT_FALSE(client_->is_open());
  EXPECT_FALSE(server_result_.has_value());

  // What the text says to pin works as it stands.
  const std::string seen = done.error().text().substr(done.error().text().rfind(' ') + 1);
  EXPECT_EQ(seen.size(), 95);
  reconnect();
  EXPECT_TRUE(handshake({.ca_file = "", .fingerprint = seen}, good).has_value());
}

TEST_F(TlsTest, ExpiredAndFutureCertificatesAreRefusedWithTheirDates) {
  const Certificate old = make("old", {.valid_from = -48h, .valid_until = -24h});
  Result<> done = handshake({.ca_file = old.certificate, .fingerprint = ""}, old);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Errc::kPermission);
  EXPECT_THAT(done.error().text(), AllOf(HasSubstr("expired on 20"), HasSubstr("UTC")));

  reconnect();
  const Certificate early = make("early", {.valid_from = 24h, .valid_until = 48h});
  done = handshake({.ca_file = early.certificate, .fingerprint = ""}, early);
  ASSERT_FALSE(done.has_value());
  EXPECT_THAT(done.error().text(), HasSubstr("is valid from 20"));
}

TEST_F(TlsTest, AnotherServersCertificateIsRefusedWithItsNames) {
  const Certificate other = make("other", {.host = "imap.example.org"});
  Result<> done = handshake({.ca_file = other.certificate, .fingerprint = ""}, other);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Errc::kPermission);
  EXPECT_THAT(done.error().text(),
              HasSubstr("\"localhost\" is for another server: it names imap.example.org"));

  reconnect();
  const Certificate local = make("local");
  done = handshake({.ca_file = local.certificate, .fingerprint = ""}, local, "127.0.0.2");
  ASSERT_FALSE(done.has_value());
  EXPECT_THAT(done.error().text(), HasSubstr("it names localhost, 127.0.0.1"));
}

TEST_F(TlsTest, AnAddressIsVerifiedToo) {
  const Certificate local = make("local");
  const Result<> done =
      handshake({.ca_file = local.certificate, .fingerprint = ""}, local, "127.0.0.1");
  EXPECT_TRUE(done.has_value()) << done.error().text();
}

TEST_F(TlsTest, ARootDotAndCaseInTheHostDoNotMatter) {
  const Certificate good = make("good");
  EXPECT_TRUE(
      handshake({.ca_file = good.certificate, .fingerprint = ""}, good, "LocalHost.").has_value());
}

TEST_F(TlsTest, AHostThatIsNoneIsAnErrorAndNotUnverified) {
  const Certificate good = make("good");
  const auto tls = ClientTls::create({.ca_file = good.certificate, .fingerprint = ""}).value();
  EXPECT_EQ(fixture_.run(client_->start_tls(tls, "", kLong)).error().code(), Errc::kInvalid);
  EXPECT_EQ(fixture_.run(client_->start_tls(tls, ".", kLong)).error().code(), Errc::kInvalid);
}

TEST_F(TlsTest, APinnedCertificateIsAcceptedWhateverItSays) {
  const Certificate odd =
      make("odd", {.host = "elsewhere", .valid_from = -48h, .valid_until = -24h});
  EXPECT_TRUE(handshake({.ca_file = "", .fingerprint = odd.sha256}, odd).has_value());
  EXPECT_EQ(to_server("hello").value(), "hello");
}

TEST_F(TlsTest, AnyOtherThanThePinnedCertificateIsRefusedWithBothFingerprints) {
  const Certificate good = make("good");
  const Certificate other = make("other");
  const Result<> done = handshake({.ca_file = "", .fingerprint = good.sha256}, other);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Errc::kPermission);
  EXPECT_THAT(done.error().text(), AllOf(HasSubstr("not the pinned one"), HasSubstr("expected")));
  EXPECT_FALSE(server_result_.has_value());
}

TEST_F(TlsTest, ASecondConnectionResumesTheSession) {
  const Certificate good = make("good");
  const auto trust = ClientTls::create({.ca_file = good.certificate, .fingerprint = ""}).value();
  const auto identity = server_tls(good);
  ASSERT_TRUE(handshake(trust, identity, "localhost").has_value());
  EXPECT_FALSE(client_->tls_info()->resumed);
  // The ticket comes after the handshake, with the first bytes.
  server_->write("x");
  ASSERT_TRUE(fixture_.run(client_->fill(kLong)).has_value());
  reconnect();
  ASSERT_TRUE(handshake(trust, identity, "localhost").has_value());
  EXPECT_TRUE(client_->tls_info()->resumed);
  EXPECT_EQ(to_server("resumed").value(), "resumed");
  reconnect();
  EXPECT_FALSE(handshake(trust, identity, "elsewhere").has_value()) << "sessions are per host";
}

TEST_F(TlsTest, WhatWasInjectedBeforeTheHandshakeIsDiscarded) {
  const Certificate good = make("good");
  // CVE-2011-0411: someone in the middle appends commands to the client_'s, or answers to ours.
  client_->write("a STARTTLS\r\nb INJECTED\r\n");
  ASSERT_TRUE(fixture_.run(server_->fill(kLong)).has_value());
  server_->consume(std::string_view("a STARTTLS\r\n").size());
  server_->write("a OK go\r\n* INJECTED\r\n");
  ASSERT_TRUE(fixture_.run(client_->fill(kLong)).has_value());
  client_->consume(std::string_view("a OK go\r\n").size());
  ASSERT_TRUE(handshake({.ca_file = good.certificate, .fingerprint = ""}, good).has_value());
  EXPECT_EQ(server_->buffered(), "");
  EXPECT_EQ(client_->buffered(), "");
  EXPECT_EQ(to_server("c LOGIN\r\n").value(), "c LOGIN\r\n");
}

TEST_F(TlsTest, TheAnswerToStarttlsIsSentInClearBeforeTheHandshake) {
  const Certificate good = make("good");
  server_->write("a OK begin\r\n");
  const auto ask = [](Connection* on, ClientTls trust) -> Task<Result<std::string>> {
    CO_TRY(std::string line, co_await read_bytes(on, 12));
    CO_TRY_VOID(co_await on->start_tls(trust, "localhost", kLong));
    co_return line;
  };
  const auto trust = ClientTls::create({.ca_file = good.certificate, .fingerprint = ""}).value();
  const auto [served, line] = fixture_.run(
      both(fixture_.loop(), server_->start_tls(server_tls(good), kLong), ask(&*client_, trust)));
  EXPECT_TRUE(served.has_value());
  EXPECT_EQ(line.value(), "a OK begin\r\n");
}

TEST_F(TlsTest, TlsDoesNotStartTwice) {
  const Certificate good = make("good");
  ASSERT_TRUE(handshake({.ca_file = good.certificate, .fingerprint = ""}, good).has_value());
  EXPECT_EQ(fixture_.run(server_->start_tls(server_tls(good), kLong)).error().code(),
            Errc::kInvalid);
  EXPECT_EQ(to_server("still fine").value(), "still fine");
}

TEST_F(TlsTest, ASilentPeerTimesOutAndAStopCancels) {
  const auto trust = ClientTls::create({}).value();
  EXPECT_EQ(fixture_.run(client_->start_tls(trust, "localhost", 5ms)).error().code(),
            Errc::kTimeout);
  EXPECT_FALSE(client_->is_open());
  reconnect();
  std::stop_source stop;
  fixture_.loop()->post_after(2ms, [&] { stop.request_stop(); });
  EXPECT_EQ(
      fixture_.run(client_->start_tls(trust, "localhost", kLong, stop.get_token())).error().code(),
      Errc::kCancelled);
}

TEST_F(TlsTest, APeerThatDoesNotSpeakTlsIsToldApart) {
  server_->write("* OK IMAP4rev1 ready\r\n");
  const Result<> done =
      fixture_.run(client_->start_tls(ClientTls::create({}).value(), "localhost", kLong));
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Errc::kProtocol);
  EXPECT_THAT(done.error().text(), HasSubstr("does not speak TLS"));

  reconnect();
  client_->write("a LOGIN me secret\r\n");
  const Result<> served = fixture_.run(server_->start_tls(server_tls(make("good")), kLong));
  EXPECT_EQ(served.error().code(), Errc::kProtocol);
}

TEST_F(TlsTest, APeerThatClosesWithinTheHandshakeIsClosed) {
  server_.reset();
  const Result<> done =
      fixture_.run(client_->start_tls(ClientTls::create({}).value(), "localhost", kLong));
  EXPECT_EQ(done.error().code(), Errc::kClosed);
}

TEST_F(TlsTest, Tls11IsRefused) {
  RawTls raw(&*client_, TLS1_1_VERSION);
  const auto [served, asked] = fixture_.run(
      both(fixture_.loop(), server_->start_tls(server_tls(make("good")), kLong), raw.handshake()));
  EXPECT_EQ(served.error().code(), Errc::kProtocol);
  EXPECT_THAT(served.error().text(), HasSubstr("unsupported protocol"));
  EXPECT_THAT(asked.error().text(), HasSubstr("protocol version")) << "the alert says why";
}

TEST_F(TlsTest, Tls12IsAcceptedAndRenegotiationIsNot) {
  RawTls raw(&*client_, TLS1_2_VERSION);
  const auto [served, asked] = fixture_.run(
      both(fixture_.loop(), server_->start_tls(server_tls(make("good")), kLong), raw.handshake()));
  ASSERT_TRUE(served.has_value()) << served.error().text();
  ASSERT_TRUE(asked.has_value()) << asked.error().text();
  EXPECT_EQ(server_->tls_info()->version, "TLSv1.2");
  ASSERT_TRUE(fixture_.run(raw.send("hello")).has_value());
  EXPECT_EQ(fixture_.run(read_bytes(&*server_, 5)).value(), "hello");
  SSL_renegotiate(raw.ssl());
  const auto [again, filled] =
      fixture_.run(both(fixture_.loop(), raw.handshake(), server_->fill(50ms)));
  EXPECT_FALSE(again.has_value());
  EXPECT_FALSE(filled.has_value());
}

TEST_F(TlsTest, DamageOnTheWireIsAProtocolError) {
  RawTls raw(&*client_, TLS1_3_VERSION);
  const auto [served, asked] = fixture_.run(
      both(fixture_.loop(), server_->start_tls(server_tls(make("good")), kLong), raw.handshake()));
  ASSERT_TRUE(served.has_value());
  client_->write(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  EXPECT_EQ(fixture_.run(server_->fill(kLong)).error().code(), Errc::kProtocol);
  EXPECT_EQ(fixture_.run(server_->fill(kLong)).error().code(), Errc::kProtocol);
  server_->write("x");
  EXPECT_EQ(fixture_.run(server_->flush(kLong)).error().code(), Errc::kProtocol);
}

TEST_F(TlsTest, CloseSaysSoWithinTls) {
  const Certificate good = make("good");
  ASSERT_TRUE(handshake({.ca_file = good.certificate, .fingerprint = ""}, good).has_value());
  server_->write("* BYE\r\n");
  const auto close = [](Connection* on) -> Task<Result<>> {
    co_await on->close();
    co_return Result<>();
  };
  const auto [closed, text] =
      fixture_.run(both(fixture_.loop(), close(&*server_), read_to_end(&*client_)));
  EXPECT_EQ(text.value(), "* BYE\r\n");
}

TEST_F(TlsTest, AFillThatGetsOnlyPartOfARecordGoesOnWaiting) {
  const Certificate good = make("good");
  ASSERT_TRUE(handshake({.ca_file = good.certificate, .fingerprint = ""}, good).has_value());
  // 5 MB through a small socket buffer: records are cut at every place.
  const std::string text = sample(5'000'000);
  EXPECT_EQ(to_server(text).value(), text);
}

class TlsFilesTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  Error server_error(const std::string& certificate, const std::string& key) {
    const Result<ServerTls> made = ServerTls::create({certificate, key});
    return made ? Error(Errc::kBug, "accepted") : made.error();
  }
  Error client_error(const ClientTlsOptions& options) {
    const Result<ClientTls> made = ClientTls::create(options);
    return made ? Error(Errc::kBug, "accepted") : made.error();
  }
  support::TempDir folder_;
  Certificate good_ = support::make_certificate(folder_.path(), "good").value();
};

TEST_F(TlsFilesTest, MissingFilesAreNamed) {
  const std::string missing = folder_ / "missing.pem";
  Error error = server_error(missing, good_.private_key);
  EXPECT_EQ(error.code(), Errc::kIo);
  EXPECT_EQ(error.text(), "cannot open " + missing + ": No such file or directory");
  error = server_error(good_.certificate, missing);
  EXPECT_EQ(error.text(), "cannot open " + missing + ": No such file or directory");
  error = client_error({.ca_file = missing, .fingerprint = ""});
  EXPECT_EQ(error.text(), "cannot open " + missing + ": No such file or directory");
}

TEST_F(TlsFilesTest, FilesWithSomethingElseAreNamed) {
  const std::string garbage = write("garbage.pem", "no certificate\n");
  EXPECT_THAT(server_error(garbage, good_.private_key).text(),
              AllOf(HasSubstr(garbage), HasSubstr("no usable certificate")));
  EXPECT_THAT(server_error(good_.certificate, garbage).text(),
              AllOf(HasSubstr(garbage), HasSubstr("no usable private key")));
  EXPECT_THAT(server_error(good_.certificate, good_.certificate).text(),
              HasSubstr("no usable private key"));
  EXPECT_THAT(client_error({.ca_file = garbage, .fingerprint = ""}).text(),
              AllOf(HasSubstr(garbage), HasSubstr("no usable certificate authority")));
}

TEST_F(TlsFilesTest, AKeyOfAnotherCertificateIsRefused) {
  const Certificate other = support::make_certificate(folder_.path(), "other").value();
  const Error error = server_error(good_.certificate, other.private_key);
  EXPECT_EQ(error.code(), Errc::kInvalid);
  EXPECT_THAT(error.text(), HasSubstr("does not belong to the certificate"));
}

TEST_F(TlsFilesTest, AKeyWithAPassphraseIsRefusedWithoutAsking) {
  const Openssl<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const std::string path = folder_ / "secret.key";
  std::FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  PEM_write_PrivateKey(file, key.get(), EVP_aes_128_cbc(), nullptr, 0, nullptr,
                       const_cast<char*>("passphrase"));
  std::fclose(file);
  EXPECT_THAT(server_error(good_.certificate, path).text(), HasSubstr("without a passphrase"));
}

TEST_F(TlsFilesTest, AFingerprintMustBeOne) {
  EXPECT_TRUE(ClientTls::create({.ca_file = "", .fingerprint = good_.sha256}).has_value());
  for (const char* wrong : {"12", "zz", "AB:CD", "sha1"}) {
    const Error error = client_error({.ca_file = "", .fingerprint = wrong});
    EXPECT_EQ(error.code(), Errc::kInvalid) << wrong;
    EXPECT_THAT(error.text(), HasSubstr("64 hexadecimal digits"));
  }
  EXPECT_EQ(client_error({.ca_file = "", .fingerprint = good_.sha256 + "0"}).code(),
            Errc::kInvalid);
}

}  // namespace
}  // namespace net
