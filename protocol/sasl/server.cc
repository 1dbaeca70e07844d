#include "protocol/sasl/server.h"

#include <optional>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "protocol/sasl/base64.h"
#include "protocol/sasl/gsasl_session.h"

namespace sasl {
namespace {

class GsaslServer final : public ServerExchange {
 public:
  GsaslServer(Mechanism mechanism, std::shared_ptr<const UserTable> users)
      : mechanism_(mechanism), users_(std::move(users)) {}

  Result<> start() {
    return session_.start_server(name_of(mechanism_).data(),
                                 [this](GsaslSession& session, Gsasl_property property) {
                                   return answer(session, property);
                                 });
  }

  Mechanism mechanism() const override { return mechanism_; }
  const std::string& user() const override { return user_; }

  Result<Answer> step(std::string_view response) override {
    Result<Answer> answer = checked_step(response);
    if (!answer) {
      state_ = State::kFailed;
      user_.clear();
    }
    return answer;
  }

 private:
  enum class State { kRunning, kProved, kDone, kFailed };

  Result<Answer> checked_step(std::string_view response) {
    if (state_ == State::kProved && response.empty()) {
      // RFC 5802 5: the client has taken our signature.
      state_ = State::kDone;
      return Answer{.done = true, .challenge = {}};
    }
    if (state_ != State::kRunning) {
      return fail(Errc::kProtocol, "a response after the end of the exchange");
    }
    TRY_VOID(check_response(response));
    ++steps_;
    // LOGIN asks first; a client that answers before the question has sent the name with the
    // command (RFC 4959).
    GsaslSession::Step step;
    if (mechanism_ == Mechanism::kLogin && steps_ == 1 && !response.empty()) {
      step = session_.step({});
      if (step.code != GSASL_NEEDS_MORE) return std::unexpected(error_of(step.code));
    }
    step = session_.step(response);
    if (step.code == GSASL_NEEDS_MORE) return Answer{.challenge = std::move(step.output)};
    if (step.code != GSASL_OK) return std::unexpected(error_of(step.code));
    TRY_VOID(note_user());
    state_ = step.output.empty() ? State::kDone : State::kProved;
    return Answer{.done = step.output.empty(), .challenge = std::move(step.output)};
  }

  Result<> check_response(std::string_view response) const {
    constexpr int kMostSteps = 4;  // more is a client that sends nothing again and again
    if (steps_ == kMostSteps || response.size() > kMaxMessageBytes) {
      return fail(Errc::kProtocol, "a response too long, or too many of them");
    }
    if (mechanism_ == Mechanism::kPlain) return {};  // NULs are its separators
    if (response.find('\0') != response.npos) {
      return fail(Errc::kProtocol, "a NUL byte in a response");
    }
    // RFC 5802 7: "p" asks for channel binding, which we did not offer; the library would go on.
    const bool binds_channel = mechanism_ == Mechanism::kScramSha256 && response.starts_with("p=");
    if (binds_channel) return fail(Errc::kProtocol, "channel binding, which was not offered");
    return {};
  }

  int answer(GsaslSession& session, Gsasl_property property) {
    switch (property) {
      case GSASL_VALIDATE_SIMPLE: {  // PLAIN, LOGIN
        const Result<std::string> user =
            users_->check(session.value(GSASL_AUTHID), session.value(GSASL_PASSWORD));
        return user ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
      }
      case GSASL_SCRAM_ITER:
        session.set(property, fmt::to_string(verifier().iterations));
        return GSASL_OK;
      case GSASL_SCRAM_SALT:
        session.set(property, base64_encode(verifier().salt));
        return GSASL_OK;
      case GSASL_SCRAM_STOREDKEY:
        session.set(property, base64_encode(verifier().stored_key));
        return GSASL_OK;
      case GSASL_SCRAM_SERVERKEY:
        session.set(property, base64_encode(verifier().server_key));
        return GSASL_OK;
      default:
        return GSASL_NO_CALLBACK;
    }
  }

  // The same one for the whole exchange: a decoy's keys are new each time.
  const ScramVerifier& verifier() {
    if (!verifier_) verifier_ = users_->verifier_for(session_.value(GSASL_AUTHID));
    return *verifier_;
  }

  Result<> note_user() {
    const std::string_view name = session_.value(GSASL_AUTHID);
    const std::string_view acts_as = session_.value(GSASL_AUTHZID);
    std::optional<std::string> user = users_->user_named(name);
    // Nobody may act as somebody else (RFC 4616 2).
    if (!user || (!acts_as.empty() && acts_as != name && acts_as != *user)) {
      return std::unexpected(wrong());
    }
    user_ = std::move(*user);
    return {};
  }

  static Error wrong() { return Error(Errc::kPermission, "wrong name or password"); }

  Error error_of(int code) const {
    switch (code) {
      case GSASL_AUTHENTICATION_ERROR:
      case GSASL_SASLPREP_ERROR:
        return wrong();
      case GSASL_MALLOC_ERROR:
      case GSASL_CRYPTO_ERROR:
        return Error(Errc::kIo, text_of(code));
      default:
        return Error(Errc::kProtocol,
                     fmt::format("the client's response is malformed ({})", text_of(code)));
    }
  }

  Mechanism mechanism_;
  std::shared_ptr<const UserTable> users_;
  GsaslSession session_;
  std::optional<ScramVerifier> verifier_;
  State state_ = State::kRunning;
  int steps_ = 0;
  std::string user_;
};

}  // namespace

Result<std::unique_ptr<ServerExchange>> ServerExchange::start(
    Mechanism mechanism, std::shared_ptr<const UserTable> users) {
  CHECK(users != nullptr);
  switch (mechanism) {
    case Mechanism::kPlain:
    case Mechanism::kLogin:
    case Mechanism::kScramSha256:
      break;
    case Mechanism::kScramSha1:
    case Mechanism::kOauthbearer:
    case Mechanism::kXoauth2:
      return fail(Errc::kNotFound, fmt::format("{} is not offered here", name_of(mechanism)));
  }
  auto server = std::make_unique<GsaslServer>(mechanism, std::move(users));
  TRY_VOID(server->start());
  return std::unique_ptr<ServerExchange>(std::move(server));
}

}  // namespace sasl
