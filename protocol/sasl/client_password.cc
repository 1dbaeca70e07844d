// PLAIN, LOGIN and SCRAM as a client: GNU SASL does them, and what it lets pass is checked here.
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/log.h"
#include "protocol/sasl/base64.h"
#include "protocol/sasl/client_impl.h"
#include "protocol/sasl/gsasl_session.h"

namespace sasl {
namespace {

// Fewer give the password away to whoever can pose as the server once; more are an attack on our
// time (RFC 5802 9).
constexpr std::uint32_t kMinIterations = 1'000;
constexpr std::uint32_t kMaxIterations = 1'000'000;

bool is_scram(Mechanism mechanism) {
  return mechanism == Mechanism::kScramSha1 || mechanism == Mechanism::kScramSha256;
}

// The server's first message is r=…,s=…,i=…[,…] (RFC 5802 7). The library would run any number of
// iterations.
Result<> check_iterations(std::string_view first) {
  const std::size_t at = first.find(",i=");
  if (at == first.npos) return fail(Errc::kProtocol, "the server's SCRAM challenge is malformed");
  std::uint32_t iterations = 0;
  const char* const begin = first.data() + at + 3;
  const auto [rest, error] = std::from_chars(begin, first.data() + first.size(), iterations);
  if (error != std::errc() || iterations < kMinIterations || iterations > kMaxIterations) {
    return fail(Errc::kProtocol,
                fmt::format("the server asks for a number of SCRAM iterations that is not {} to {}",
                            kMinIterations, kMaxIterations));
  }
  return {};
}

class PasswordClient final : public ClientExchange {
 public:
  PasswordClient(Mechanism mechanism, Identity identity)
      : mechanism_(mechanism), identity_(std::move(identity)) {}

  Result<> start() {
    return session_.start_client(name_of(mechanism_).data(),
                                 [this](GsaslSession& session, Gsasl_property property) {
                                   return answer(session, property);
                                 });
  }

  Mechanism mechanism() const override { return mechanism_; }
  const std::string& refusal() const override { return refusal_; }

  Result<std::string> step(std::string_view challenge) override {
    if (state_ != State::kRunning) {
      state_ = State::kFailed;
      return fail(Errc::kProtocol, "a challenge after the end of the exchange");
    }
    Result<> allowed = check_challenge(challenge);
    if (!allowed) {
      state_ = State::kFailed;
      return std::unexpected(std::move(allowed).error());
    }
    ++steps_;
    GsaslSession::Step step = session_.step(challenge);
    if (step.code == GSASL_OK) {
      state_ = State::kDone;
    } else if (step.code != GSASL_NEEDS_MORE) {
      state_ = State::kFailed;
      return std::unexpected(error_of(step.code));
    }
    return std::move(step.output);
  }

  Result<> finish() override {
    if (state_ == State::kDone) return {};
    return fail(Errc::kPermission,
                is_scram(mechanism_)
                    ? "the server reported success without proof that it knows the password"
                    : "the server reported success before the end of the exchange");
  }

 private:
  enum class State { kRunning, kDone, kFailed };

  // Only what the identity has; the library does without the rest.
  int answer(GsaslSession& session, Gsasl_property property) const {
    switch (property) {
      case GSASL_AUTHID:
        session.set(property, identity_.user);
        return GSASL_OK;
      case GSASL_PASSWORD:
        session.set(property, identity_.secret.reveal());
        return GSASL_OK;
      case GSASL_AUTHZID:
        if (identity_.authorize_as.empty()) return GSASL_NO_CALLBACK;
        session.set(property, identity_.authorize_as);
        return GSASL_OK;
      default:
        return GSASL_NO_CALLBACK;
    }
  }

  Result<> check_challenge(std::string_view challenge) {
    if (challenge.size() > kMaxMessageBytes) return fail(Errc::kProtocol, "a challenge too long");
    if (mechanism_ == Mechanism::kLogin) return {};  // its questions are for people
    if (steps_ == 0) {
      if (challenge.empty()) return {};
      return fail(Errc::kProtocol, "a challenge where the client speaks first");
    }
    if (challenge.find('\0') != challenge.npos) {
      return fail(Errc::kProtocol, "a NUL byte in a challenge");
    }
    if (challenge.starts_with("e=")) {  // RFC 5802 7: server-error
      refusal_ = printable(challenge.substr(2));
      return fail(Errc::kPermission, "the server refuses: " + refusal_);
    }
    return steps_ == 1 ? check_iterations(challenge) : Result<>();
  }

  Error error_of(int code) const {
    switch (code) {
      case GSASL_AUTHENTICATION_ERROR:
        if (steps_ < 3)
          return Error(Errc::kProtocol, "the server's nonce does not begin with ours");
        return Error(Errc::kPermission,
                     "the server's proof is wrong: it does not know the password");
      case GSASL_SASLPREP_ERROR:
        return Error(Errc::kInvalid,
                     "the user name or the password has a character that SASLprep forbids");
      case GSASL_MALLOC_ERROR:
      case GSASL_CRYPTO_ERROR:
        return Error(Errc::kIo, text_of(code));
      default:
        return Error(Errc::kProtocol,
                     fmt::format("the server's challenge is malformed ({})", text_of(code)));
    }
  }

  Mechanism mechanism_;
  Identity identity_;
  GsaslSession session_;
  State state_ = State::kRunning;
  int steps_ = 0;
  std::string refusal_;
};

}  // namespace

Result<std::unique_ptr<ClientExchange>> start_password_client(Mechanism mechanism,
                                                              Identity identity) {
  if (mechanism == Mechanism::kLogin && !identity.authorize_as.empty()) {
    return fail(Errc::kInvalid, "LOGIN cannot act as another identity");
  }
  auto client = std::make_unique<PasswordClient>(mechanism, std::move(identity));
  TRY_VOID(client->start());
  return std::unique_ptr<ClientExchange>(std::move(client));
}

}  // namespace sasl
