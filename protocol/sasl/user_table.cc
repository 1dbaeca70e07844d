#include "protocol/sasl/user_table.h"

#include <charconv>
#include <utility>

#include "base/log.h"
#include "protocol/sasl/base64.h"
#include "protocol/sasl/gsasl_session.h"
#include "protocol/sasl/scram_keys.h"

namespace sasl {
namespace {

constexpr std::string_view kPrefix = "SCRAM-SHA-256$";
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kMaxSaltBytes = 1024;
// A second of work: more would stop the server at each login.
constexpr std::uint32_t kMaxIterations = 1'000'000;

// Takes the part before `separator` off the front of `text`.
bool take_until(std::string_view* text, char separator, std::string_view* part) {
  const std::size_t end = text->find(separator);
  if (end == text->npos) return false;
  *part = text->substr(0, end);
  text->remove_prefix(end + 1);
  return true;
}

// Names compare as prepared; one that cannot be prepared is compared as it is, and found nowhere.
std::string prepared_name(std::string_view name) {
  const Result<Secret> prepared = prepare(name);
  return std::string(prepared ? prepared->reveal() : name);
}

}  // namespace

std::string ScramVerifier::encode() const {
  return fmt::format("{}{}:{}${}:{}", kPrefix, iterations, base64_encode(salt),
                     base64_encode(stored_key), base64_encode(server_key));
}

Result<ScramVerifier> ScramVerifier::decode(std::string_view text) {
  const auto invalid = [] {
    return fail(Errc::kInvalid,
                "not a verifier of the form SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey");
  };
  if (!text.starts_with(kPrefix)) return invalid();
  text.remove_prefix(kPrefix.size());
  std::string_view iterations;
  std::string_view salt;
  std::string_view stored_key;
  if (!take_until(&text, ':', &iterations) || !take_until(&text, '$', &salt) ||
      !take_until(&text, ':', &stored_key)) {
    return invalid();
  }
  ScramVerifier verifier;
  const char* const end = iterations.data() + iterations.size();
  const auto [rest, error] = std::from_chars(iterations.data(), end, verifier.iterations);
  if (error != std::errc() || rest != end || verifier.iterations == 0 ||
      verifier.iterations > kMaxIterations) {
    return invalid();
  }
  Result<std::string> salt_bytes = base64_decode(salt, kMaxSaltBytes);
  Result<std::string> stored_bytes = base64_decode(stored_key, kKeyBytes);
  Result<std::string> server_bytes = base64_decode(text, kKeyBytes);
  if (!salt_bytes || salt_bytes->empty() || !stored_bytes || stored_bytes->size() != kKeyBytes ||
      !server_bytes || server_bytes->size() != kKeyBytes) {
    return invalid();
  }
  verifier.salt = std::move(*salt_bytes);
  verifier.stored_key = std::move(*stored_bytes);
  verifier.server_key = std::move(*server_bytes);
  return verifier;
}

Result<ScramVerifier> make_verifier(const Secret& password, std::uint32_t iterations) {
  if (iterations == 0 || iterations > kMaxIterations) {
    return fail(Errc::kInvalid, fmt::format("iterations must be 1 to {}", kMaxIterations));
  }
  TRY(const Secret prepared, prepare(password.reveal()));
  return derive_verifier(prepared, random_bytes(kSaltBytes), iterations);
}

UserTable::UserTable() : key_(base64_encode(random_bytes(kKeyBytes))) {}

Result<> UserTable::add(std::string_view name, const Secret& secret) {
  TRY(const Secret key, prepare(name));
  std::string prepared(key.reveal());
  if (users_.contains(prepared)) return fail(Errc::kAlreadyExists, "a user of that name");
  Entry entry;
  entry.name = name;
  if (secret.reveal().starts_with(kPrefix)) {
    TRY(entry.verifier, ScramVerifier::decode(secret.reveal()));
    if (!has_hashed_) decoy_iterations_ = entry.verifier.iterations;
    has_hashed_ = true;
  } else {
    TRY(const Secret password, prepare(secret.reveal()));
    entry.digest = digest(password.reveal());
    entry.verifier = derive_verifier(password, salt_for(prepared), kScramIterations);
  }
  users_.emplace(std::move(prepared), std::move(entry));
  return {};
}

const UserTable::Entry* UserTable::find(std::string_view name) const {
  const auto found = users_.find(prepared_name(name));
  return found == users_.end() ? nullptr : &found->second;
}

std::string UserTable::salt_for(std::string_view name) const {
  return keyed_digest(key_, fmt::format("salt {}", name)).substr(0, kSaltBytes);
}

std::string UserTable::digest(std::string_view password) const {
  const Secret labelled("password " + std::string(password));
  return keyed_digest(key_, labelled.reveal());
}

ScramVerifier UserTable::verifier_for(std::string_view name) const {
  // The decoy is made in any case, so that time does not tell. Its salt is the same each time, as
  // a real one is. Nobody can know a password for its random keys.
  ScramVerifier decoy{.salt = salt_for(prepared_name(name)),
                      .iterations = decoy_iterations_,
                      .stored_key = random_bytes(kKeyBytes),
                      .server_key = random_bytes(kKeyBytes)};
  const Entry* const entry = find(name);
  return entry == nullptr ? decoy : entry->verifier;
}

std::optional<std::string> UserTable::user_named(std::string_view name) const {
  const Entry* const entry = find(name);
  if (entry == nullptr) return std::nullopt;
  return entry->name;
}

Result<std::string> UserTable::check(std::string_view name, std::string_view password) const {
  const ScramVerifier verifier = verifier_for(name);
  const Entry* const entry = find(name);
  // RFC 4616 2: the server prepares both. One that cannot be prepared is wrong, and goes the same
  // way; what a NUL ends is not compared.
  Result<Secret> prepared = prepare(password);
  const Secret candidate = prepared ? std::move(*prepared) : Secret("\x01");
  bool is_right = false;
  if (has_hashed_) {
    // With one user known by verifier alone, all take the long way, so that time tells nothing.
    const ScramVerifier derived = derive_verifier(candidate, verifier.salt, verifier.iterations);
    is_right = equal_in_constant_time(derived.stored_key, verifier.stored_key);
  } else {
    const std::string right = entry == nullptr ? random_bytes(kKeyBytes) : entry->digest;
    is_right = equal_in_constant_time(digest(candidate.reveal()), right);
  }
  if (!prepared || entry == nullptr || !is_right) {
    return fail(Errc::kPermission, "wrong name or password");
  }
  return entry->name;
}

}  // namespace sasl
