#include "protocol/sasl/scram_keys.h"

#include <gsasl.h>

#include <array>
#include <cstring>

#include "base/check.h"

namespace sasl {
namespace {

using Key = std::array<char, GSASL_HASH_SHA256_SIZE>;

struct Keys {
  Key salted_password{};
  Key client{};
  Key server{};
  Key stored{};
  Keys() = default;
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  ~Keys() {
    ::explicit_bzero(salted_password.data(), salted_password.size());
    ::explicit_bzero(client.data(), client.size());
  }
};

void derive(const Secret& password, std::string_view salt, std::uint32_t iterations, Keys* keys) {
  // A Secret holds a std::string, so a NUL follows.
  CHECK(gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password.reveal().data(), iterations,
                                          salt.data(), salt.size(), keys->salted_password.data(),
                                          keys->client.data(), keys->server.data(),
                                          keys->stored.data()) == GSASL_OK);
}

std::string text(const Key& key) { return {key.data(), key.size()}; }

}  // namespace

ScramVerifier derive_verifier(const Secret& password, std::string_view salt,
                              std::uint32_t iterations) {
  Keys keys;
  derive(password, salt, iterations, &keys);
  return {.salt = std::string(salt),
          .iterations = iterations,
          .stored_key = text(keys.stored),
          .server_key = text(keys.server)};
}

std::string keyed_digest(const Secret& key, std::string_view data) {
  // PBKDF2 with one iteration is HMAC(key, data + 00000001).
  Keys keys;
  derive(key, data, 1, &keys);
  return text(keys.salted_password);
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  CHECK(gsasl_random(bytes.data(), bytes.size()) == GSASL_OK);
  return bytes;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

}  // namespace sasl
