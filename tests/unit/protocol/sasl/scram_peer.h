// A second, independent SCRAM (RFC 5802), straight from the RFC's formulas over OpenSSL, to play
// the other side with chosen nonces, right or wrong.
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/sasl/base64.h"

namespace sasl {

/// The hash names the mechanism: EVP_sha1() or EVP_sha256().
class ScramPeer {
 public:
  ScramPeer(const EVP_MD* hash, std::string_view password, std::string_view salt, int iterations)
      : hash_(hash), salted_(static_cast<std::size_t>(EVP_MD_get_size(hash)), '\0') {
    PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes(salt),
                      static_cast<int>(salt.size()), iterations, hash,
                      static_cast<int>(salted_.size()), mutable_bytes(&salted_));
  }

  std::string hmac(std::string_view key, std::string_view data) const {
    std::string out(salted_.size(), '\0');
    HMAC(hash_, key.data(), static_cast<int>(key.size()), bytes(data), data.size(),
         mutable_bytes(&out), nullptr);
    return out;
  }
  std::string digest(std::string_view data) const {
    std::string out(salted_.size(), '\0');
    EVP_Digest(data.data(), data.size(), mutable_bytes(&out), nullptr, hash_, nullptr);
    return out;
  }

  std::string client_key() const { return hmac(salted_, "Client Key"); }
  std::string stored_key() const { return digest(client_key()); }
  std::string server_key() const { return hmac(salted_, "Server Key"); }
  /// ClientProof in base64.
  std::string proof(std::string_view auth_message) const {
    std::string proof = client_key();
    const std::string signature = hmac(stored_key(), auth_message);
    for (std::size_t i = 0; i < proof.size(); ++i) {
      proof[i] = static_cast<char>(proof[i] ^ signature[i]);
    }
    return base64_encode(proof);
  }
  /// ServerSignature in base64.
  std::string signature(std::string_view auth_message) const {
    return base64_encode(hmac(server_key(), auth_message));
  }

 private:
  static const unsigned char* bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  }
  static unsigned char* mutable_bytes(std::string* text) {
    return reinterpret_cast<unsigned char*>(text->data());
  }
  const EVP_MD* hash_;
  std::string salted_;
};

/// The value of a "name=value" part of a message; empty when it is not there.
inline std::string part_of(std::string_view message, char name) {
  while (!message.empty()) {
    const std::string_view part = message.substr(0, message.find(','));
    if (part.size() >= 2 && part[0] == name && part[1] == '=') return std::string(part.substr(2));
    message.remove_prefix(std::min(message.size(), part.size() + 1));
  }
  return {};
}

}  // namespace sasl
