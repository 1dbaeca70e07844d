#include "protocol/sasl/client.h"

#include <utility>

#include "protocol/sasl/base64.h"
#include "protocol/sasl/client_impl.h"

namespace sasl {

std::string printable(std::string_view text) {
  constexpr std::size_t kShown = 300;
  std::string out;
  for (const char c : text.substr(0, kShown)) out += c >= ' ' && c < 0x7f ? c : '?';
  if (text.size() > kShown) out += "…";
  return out;
}

Result<std::unique_ptr<ClientExchange>> ClientExchange::start(Mechanism mechanism,
                                                              Identity identity) {
  if (identity.user.empty()) return fail(Errc::kInvalid, "the user name is empty");
  if (identity.secret.empty()) return fail(Errc::kInvalid, "the secret is empty");
  if (identity.user.size() + identity.secret.reveal().size() + identity.authorize_as.size() >
      kMaxMessageBytes / 2) {
    return fail(Errc::kInvalid, "the user name or the secret is too long");
  }
  const bool has_nul = identity.user.find('\0') != std::string::npos ||
                       identity.secret.reveal().find('\0') != std::string_view::npos ||
                       identity.authorize_as.find('\0') != std::string::npos;
  if (has_nul) return fail(Errc::kInvalid, "a NUL byte in the user name or the secret");
  return takes_token(mechanism) ? start_token_client(mechanism, std::move(identity))
                                : start_password_client(mechanism, std::move(identity));
}

}  // namespace sasl
