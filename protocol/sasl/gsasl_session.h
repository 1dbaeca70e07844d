// GsaslSession: one exchange of GNU SASL, as a C++ value.
#pragma once

#include <gsasl.h>

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace sasl {

/// Owns a session of GNU SASL and wipes what it holds of secrets.
///
/// Thread: one at a time.
class GsaslSession {
 public:
  /// Answers what the library asks for, with one of its codes; may call set(). Must not throw.
  using Callback = std::function<int(GsaslSession&, Gsasl_property)>;

  GsaslSession() = default;
  ~GsaslSession();
  GsaslSession(const GsaslSession&) = delete;
  GsaslSession& operator=(const GsaslSession&) = delete;

  /// REQUIRES: called once, before all else.
  Result<> start_client(const char* mechanism, Callback callback);
  Result<> start_server(const char* mechanism, Callback callback);

  struct Step {
    int code = GSASL_OK;  // GSASL_OK: done; GSASL_NEEDS_MORE; anything else: failed
    std::string output;
  };
  Step step(std::string_view input);

  void set(Gsasl_property property, std::string_view value);
  /// The value, or an empty one.
  std::string_view value(Gsasl_property property) const;

 private:
  static int on_callback(Gsasl* context, Gsasl_session* session, Gsasl_property property) noexcept;
  Gsasl_session* session_ = nullptr;
  Callback callback_;
};

/// SASLprep (RFC 4013) of a text in UTF-8.
/// Errors: kInvalid when it is not UTF-8, has a NUL or a forbidden character, or nothing is left;
///         the text does not repeat the input.
Result<Secret> prepare(std::string_view text);

/// What the library calls that code.
std::string text_of(int code);

}  // namespace sasl
