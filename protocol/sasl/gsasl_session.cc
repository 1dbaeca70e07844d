#include "protocol/sasl/gsasl_session.h"

#include <cstring>
#include <utility>

#include "base/check.h"

namespace sasl {
namespace {

// One for the process: after this it is only read, so threads may share it. Never released, as
// sessions of other threads may outlive any moment at which it could be.
Gsasl* context(Gsasl_callback_function on_callback) {
  static Gsasl* const shared = [on_callback] {
    Gsasl* made = nullptr;
    CHECK(gsasl_init(&made) == GSASL_OK);
    gsasl_callback_set(made, on_callback);
    return made;
  }();
  return shared;
}

void wipe(char* text, std::size_t size) {
  if (text != nullptr) ::explicit_bzero(text, size);
}

}  // namespace

GsaslSession::~GsaslSession() {
  if (session_ == nullptr) return;
  // The library frees its copies as they are. They are plain heap blocks of its own that nobody
  // reads after this.
  if (const char* password = gsasl_property_fast(session_, GSASL_PASSWORD)) {
    wipe(const_cast<char*>(password), std::strlen(password));
  }
  gsasl_finish(session_);
}

int GsaslSession::on_callback(Gsasl*, Gsasl_session* session, Gsasl_property property) noexcept {
  auto* const self = static_cast<GsaslSession*>(gsasl_session_hook_get(session));
  // While a session starts it has no hook yet; nothing that it asks for then is needed.
  return self == nullptr ? GSASL_NO_CALLBACK : self->callback_(*self, property);
}

Result<> GsaslSession::start_client(const char* mechanism, Callback callback) {
  CHECK(session_ == nullptr);
  callback_ = std::move(callback);
  const int code = gsasl_client_start(context(on_callback), mechanism, &session_);
  if (code != GSASL_OK) return fail(Errc::kBug, text_of(code));
  gsasl_session_hook_set(session_, this);
  return {};
}

Result<> GsaslSession::start_server(const char* mechanism, Callback callback) {
  CHECK(session_ == nullptr);
  callback_ = std::move(callback);
  const int code = gsasl_server_start(context(on_callback), mechanism, &session_);
  if (code != GSASL_OK) return fail(Errc::kBug, text_of(code));
  gsasl_session_hook_set(session_, this);
  return {};
}

GsaslSession::Step GsaslSession::step(std::string_view input) {
  char* output = nullptr;
  std::size_t size = 0;
  Step step;
  step.code = gsasl_step(session_, input.data(), input.size(), &output, &size);
  if (step.code == GSASL_OK || step.code == GSASL_NEEDS_MORE) {
    if (output != nullptr) step.output.assign(output, size);
    wipe(output, size);
    gsasl_free(output);
  }
  return step;
}

void GsaslSession::set(Gsasl_property property, std::string_view value) {
  CHECK(gsasl_property_set_raw(session_, property, value.data(), value.size()) == GSASL_OK);
}

std::string_view GsaslSession::value(Gsasl_property property) const {
  const char* const found = gsasl_property_fast(session_, property);
  return found == nullptr ? std::string_view() : std::string_view(found);
}

Result<Secret> prepare(std::string_view text) {
  if (text.find('\0') != text.npos) return fail(Errc::kInvalid, "a NUL byte");
  std::string copy(text);
  char* prepared = nullptr;
  const int code =
      gsasl_saslprep(copy.c_str(), static_cast<Gsasl_saslprep_flags>(0), &prepared, nullptr);
  ::explicit_bzero(copy.data(), copy.size());
  if (code != GSASL_OK) {
    return fail(Errc::kInvalid, "not UTF-8, or a character that SASLprep forbids (RFC 4013)");
  }
  Secret secret{std::string(prepared)};
  wipe(prepared, std::strlen(prepared));
  gsasl_free(prepared);
  if (secret.empty()) return fail(Errc::kInvalid, "nothing in it");
  return secret;
}

std::string text_of(int code) {
  const char* const text = gsasl_strerror(code);
  return text == nullptr ? "an unknown error of the SASL library" : text;
}

}  // namespace sasl
