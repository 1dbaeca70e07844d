// UserTable: who may log in, with what proves it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace sasl {

/// RFC 7677 4 asks for at least this many.
inline constexpr std::uint32_t kScramIterations = 4096;

/// What a server keeps of a password for SCRAM-SHA-256 (RFC 5802 3): enough to check it, not
/// enough to log in elsewhere with it.
struct ScramVerifier {
  std::string salt;  // raw bytes
  std::uint32_t iterations = 0;
  std::string stored_key;  // raw bytes, 32
  std::string server_key;  // raw bytes, 32

  /// "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>", the last three in base64
  /// (RFC 5803 2).
  std::string encode() const;
  /// Errors: kInvalid; the text does not repeat the input.
  static Result<ScramVerifier> decode(std::string_view text);
};

/// Makes a verifier with a fresh salt. Takes milliseconds.
/// Errors: kInvalid when the password is empty, has a NUL, or SASLprep (RFC 4013) forbids it.
Result<ScramVerifier> make_verifier(const Secret& password,
                                    std::uint32_t iterations = kScramIterations);

/// The users of this server. Whether a name is one of them cannot be told from outside, neither by
/// the answers nor by the time that they take: an unknown one goes through the same work.
/// (Verifiers with different numbers of iterations cannot hide that: give them the same.)
///
/// Passwords are not kept: a keyed digest of this process and a verifier take their place.
///
/// Thread: fill it, then share it as const among threads.
class UserTable {
 public:
  UserTable();

  /// Adds a user. `secret` is a password, or a verifier if it begins with "SCRAM-SHA-256$".
  /// Derives a key, which takes milliseconds: call it from a worker.
  /// Errors: kAlreadyExists; kInvalid (the name or the secret cannot be used).
  Result<> add(std::string_view name, const Secret& secret);
  std::size_t size() const { return users_.size(); }

  /// Checks a password, as for the LOGIN command (RFC 3501 6.2.3), and returns the user's name as
  /// it was added.
  /// Thread: any; takes microseconds, or a key derivation when is_slow(): then call it from a
  ///         worker.
  /// Errors: kPermission, with the same text whatever was wrong.
  Result<std::string> check(std::string_view name, std::string_view password) const;
  /// Whether any user was added by a verifier alone.
  bool is_slow() const { return has_hashed_; }

  /// The verifier for that name; for an unknown one a decoy, the same each time.
  ScramVerifier verifier_for(std::string_view name) const;
  /// The name as it was added.
  std::optional<std::string> user_named(std::string_view name) const;

 private:
  struct Entry {
    std::string name;
    std::string digest;  // of the password with key_; empty when only the verifier is known
    ScramVerifier verifier;
  };
  const Entry* find(std::string_view name) const;
  std::string salt_for(std::string_view name) const;
  std::string digest(std::string_view password) const;

  std::map<std::string, Entry, std::less<>> users_;  // by prepared name
  bool has_hashed_ = false;
  std::uint32_t decoy_iterations_ = kScramIterations;
  Secret key_;  // random for each table
};

}  // namespace sasl
