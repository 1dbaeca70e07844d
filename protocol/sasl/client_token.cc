// OAUTHBEARER (RFC 7628) and XOAUTH2 as a client. Both are one message, and one more after a
// refusal:
//   C: n,a=me@example.org,^Ahost=imap.example.org^Aport=993^Aauth=Bearer TOKEN^A^A
//   S: {"status":"invalid_token","scope":"mail"}
//   C: ^A                                            (XOAUTH2: nothing)
//   S: NO, as the end of the command
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "protocol/sasl/base64.h"
#include "protocol/sasl/client_impl.h"

namespace sasl {
namespace {

// RFC 5801 4: a saslname.
std::string saslname(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ',') {
      out += "=2C";
    } else if (c == '=') {
      out += "=3D";
    } else {
      out += c;
    }
  }
  return out;
}

bool is_printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

class TokenClient final : public ClientExchange {
 public:
  TokenClient(Mechanism mechanism, Identity identity)
      : mechanism_(mechanism), identity_(std::move(identity)) {}

  Mechanism mechanism() const override { return mechanism_; }
  const std::string& refusal() const override { return refusal_; }

  Result<std::string> step(std::string_view challenge) override {
    switch (state_) {
      case State::kStart:
        if (!challenge.empty()) {
          state_ = State::kRefused;
          return fail(Errc::kProtocol, "a challenge where the client speaks first");
        }
        state_ = State::kSent;
        return message();
      case State::kSent:
        // RFC 7628 3.2.2: the server explains, and the client must answer before it says NO.
        state_ = State::kRefused;
        if (challenge.size() > kMaxMessageBytes)
          return fail(Errc::kProtocol, "a challenge too long");
        refusal_ = printable(challenge);
        return std::string(mechanism_ == Mechanism::kOauthbearer ? "\x01" : "");
      case State::kRefused:
        break;
    }
    return fail(Errc::kProtocol, "a challenge after the end of the exchange");
  }

  Result<> finish() override {
    if (state_ == State::kSent) return {};
    return fail(Errc::kPermission, "the server reported success out of turn");
  }

 private:
  enum class State { kStart, kSent, kRefused };

  std::string message() const {
    const std::string_view token = identity_.secret.reveal();
    if (mechanism_ == Mechanism::kXoauth2) {
      return fmt::format(
          "user={}\x01"
          "auth=Bearer {}\x01\x01",
          identity_.user, token);
    }
    const std::string& who =
        identity_.authorize_as.empty() ? identity_.user : identity_.authorize_as;
    std::string out = fmt::format("n,a={},\x01", saslname(who));
    if (!identity_.host.empty()) out += fmt::format("host={}\x01", identity_.host);
    if (identity_.port != 0) out += fmt::format("port={}\x01", identity_.port);
    return out + fmt::format("auth=Bearer {}\x01\x01", token);
  }

  Mechanism mechanism_;
  Identity identity_;
  State state_ = State::kStart;
  std::string refusal_;
};

}  // namespace

Result<std::unique_ptr<ClientExchange>> start_token_client(Mechanism mechanism, Identity identity) {
  // A byte 1 would begin another field of the message.
  if (!is_printable_ascii(identity.secret.reveal())) {
    return fail(Errc::kInvalid, "the access token has a byte that no token has");
  }
  const bool is_clean = identity.user.find('\x01') == std::string::npos &&
                        identity.authorize_as.find('\x01') == std::string::npos &&
                        is_printable_ascii(identity.host);
  if (!is_clean) return fail(Errc::kInvalid, "a control character in the user name or the host");
  if (mechanism == Mechanism::kXoauth2 && !identity.authorize_as.empty()) {
    return fail(Errc::kInvalid, "XOAUTH2 cannot act as another identity");
  }
  return std::make_unique<TokenClient>(mechanism, std::move(identity));
}

}  // namespace sasl
