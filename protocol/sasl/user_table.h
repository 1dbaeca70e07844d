// UserTable: who may log in, with what proves it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace sasl {

/// What a server keeps of a password for SCRAM-SHA-256 (RFC 5802 3): enough to check it, not
/// enough to log in elsewhere with it.
struct ScramVerifier {
  std::string salt;  // raw bytes
  std::uint32_t iterations = 0;
  std::string stored_key;  // raw bytes, 32
  std::string server_key;  // raw bytes, 32

  /// "SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>", base64 (RFC 5803 2).
  std::string encode() const;
  /// Errors: kInvalid; the text does not repeat the input.
  static Result<ScramVerifier> decode(std::string_view text);
};

/// RFC 7677 4 asks for at least this many.
inline constexpr std::uint32_t kScramIterations = 4096;

/// Makes a verifier with a fresh salt. Takes milliseconds.
/// Errors: kInvalid when the password is empty, has a NUL, or SASLprep forbids it.
Result<ScramVerifier> make_verifier(const Secret& password,
                                    std::uint32_t iterations = kScramIterations);

/// The users of this server. Whether a user exists cannot be told from outside, neither by answers
/// nor by time: a decoy goes through the same work.
///
/// Thread: fill it, then share it as `const` among threads.
class UserTable {
 public:
  UserTable();

  /// Adds a user. `secret` is a password, or a verifier if it begins with "SCRAM-SHA-256$".
  /// Takes milliseconds (key derivation): call it from a worker.
  /// Errors: kAlreadyExists; kInvalid (the name or the secret cannot be used).
  Result<> add(std::string_view name, const Secret& secret);
  std::size_t size() const { return users_.size(); }

  /// Checks a password, as for the LOGIN command (RFC 3501 6.2.3), and returns the user's name.
  /// Takes microseconds if every user was added with a password, else a key derivation
  /// (milliseconds): is_slow() says so.
  /// Errors: kPermission, with the same text whatever was wrong.
  Result<std::string> check(std::string_view name, std::string_view password) const;
  bool is_slow() const { return has_hashed_; }

 private:
  friend class ScramServer;
  struct Entry {
    std::string name;  // as added
    Secret password;   // prepared; empty when only the verifier is known
    ScramVerifier verifier;
  };
  /// Calls `use` with the user's entry, or with a decoy made for that name.
  /// Returns whether it was a user's.
  bool with_entry(std::string_view name, const std::function<void(const Entry&)>& use) const;

  std::map<std::string, Entry, std::less<>> users_;  // by prepared name
  bool has_hashed_ = false;
  std::uint32_t decoy_iterations_ = kScramIterations;
  Secret decoy_key_;  // hex; makes the decoys' salts the same each time (RFC 5802 9)
};

}  // namespace sasl
