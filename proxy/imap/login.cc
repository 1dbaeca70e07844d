#include "proxy/imap/login.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/event.h"
#include "protocol/imap/namespace_response.h"
#include "protocol/sasl/base64.h"
#include "protocol/sasl/mechanism.h"
#include "protocol/sasl/server.h"
#include "proxy/imap/capabilities.h"
#include "proxy/version.h"

namespace proxy {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWriteDeadline{10'000};

}  // namespace

Login::Login(net::Connection* connection, std::shared_ptr<const Users> users,
             std::optional<net::ServerTls> tls, bool plaintext_allowed, config::Limits limits,
             FailedLogins* failed, Log log)
    : connection_(connection),
      users_(std::move(users)),
      tls_(std::move(tls)),
      plaintext_allowed_(plaintext_allowed),
      limits_(std::move(limits)),
      failed_(failed),
      log_(std::move(log)),
      reader_(connection, limits_.max_line_bytes),
      until_(std::chrono::steady_clock::now() + limits_.login_timeout) {}

milliseconds Login::time_left() const {
  const auto left =
      std::chrono::duration_cast<milliseconds>(until_ - std::chrono::steady_clock::now());
  return std::max(left, milliseconds(1));
}

std::vector<std::string> Login::capabilities() const {
  return login_capabilities(tls_.has_value() && !connection_->is_tls(), is_protected());
}

template <class Response>
void Login::write(const Response& response) {
  std::string out;
  imap::Writer writer(out);
  imap::encode_response(writer, response);
  connection_->write(std::move(out));
}

void Login::answer(const std::string& tag, const Reply& reply) {
  if (tag.empty()) {
    write(imap::ConditionResponse{reply.condition, {reply.code, reply.text}});
  } else {
    write(imap::TaggedResponse{tag, reply.condition, {reply.code, reply.text}});
  }
}

void Login::say_bye(std::string text) {
  write(imap::ConditionResponse{imap::Condition::kBye, {std::nullopt, std::move(text)}});
  done_ = true;
}

Task<std::optional<LoggedIn>> Login::run(std::stop_token stop) {
  stop_ = std::move(stop);
  write(imap::ConditionResponse{imap::Condition::kOk,
                                {imap::ResponseCode(imap::CapabilityCode{capabilities()}),
                                 fmt::format("{} ready", kProgram)}});
  while (!done_) {
    Result<Incoming> incoming = co_await reader_.next(time_left(), stop_);
    if (!incoming) {
      if (incoming.error().code() == Errc::kTimeout) say_bye("No login for too long");
      if (incoming.error().code() == Errc::kProtocol) say_bye(incoming.error().text());
      if (incoming.error().code() == Errc::kCancelled) say_bye("Shutting down");
      break;
    }
    if (std::holds_alternative<PendingAppend>(*incoming)) {
      reader_.refuse_append("Log in first");
      continue;
    }
    if (const auto* rejected = std::get_if<RejectedCommand>(&*incoming)) {
      answer(rejected->tag, Reply::bad(rejected->text));
      // Whoever does not speak IMAP at all (HTTP, a port scanner) is not worth a conversation.
      if (rejected->unknown && ++failures_ > limits_.max_failed_logins) say_bye("Too many errors");
      continue;
    }
    std::optional<LoggedIn> user =
        co_await execute(std::move(std::get<imap::TaggedCommand>(*incoming)));
    if (user) co_return user;
  }
  (void)co_await connection_->flush(kWriteDeadline);
  co_return std::nullopt;
}

Task<std::optional<LoggedIn>> Login::execute(imap::TaggedCommand command) {
  std::string tag = std::move(command.tag);
  if (std::holds_alternative<imap::CapabilityCommand>(command.command)) {
    write(imap::CapabilityResponse{capabilities()});
    answer(tag, Reply::ok("CAPABILITY completed"));
  } else if (std::holds_alternative<imap::NoopCommand>(command.command)) {
    answer(tag, Reply::ok("NOOP completed"));
  } else if (std::holds_alternative<imap::LogoutCommand>(command.command)) {
    say_bye("Logging out");
    answer(tag, Reply::ok("LOGOUT completed"));
  } else if (auto* id = std::get_if<imap::IdCommand>(&command.command)) {
    for (const auto& [name, value] : id->fields) {
      if (name == "name" && value) client_ = value->substr(0, 60);
    }
    write(imap::IdResponse{{{"name", std::string(kProgram)}}});
    answer(tag, Reply::ok("ID completed"));
  } else if (std::holds_alternative<imap::StartTlsCommand>(command.command)) {
    co_await start_tls(std::move(tag));
  } else if (auto* login = std::get_if<imap::LoginCommand>(&command.command)) {
    co_return co_await check_password(std::move(tag), std::move(*login));
  } else if (auto* auth = std::get_if<imap::AuthenticateCommand>(&command.command)) {
    co_return co_await authenticate(std::move(tag), std::move(*auth));
  } else {
    answer(tag, Reply::bad("Log in first"));
  }
  co_return std::nullopt;
}

// RFC 3501 6.2.1
Task<void> Login::start_tls(std::string tag) {
  if (connection_->is_tls()) {
    answer(tag, Reply::bad("TLS is active already"));
    co_return;
  }
  if (!tls_) {
    answer(tag, Reply::bad("TLS is not offered here"));
    co_return;
  }
  answer(tag, Reply::ok("Begin TLS"));
  const Result<> secured = co_await connection_->start_tls(*tls_, time_left(), stop_);
  if (secured) {
    client_.clear();  // anybody may have said that
    co_return;
  }
  log_.info("TLS failed: {}", secured.error().text());
  connection_->abort();
  done_ = true;
}

// RFC 3501 6.2.3
Task<std::optional<LoggedIn>> Login::check_password(std::string tag, imap::LoginCommand command) {
  if (!is_protected()) {
    answer(tag, Reply::no(imap::Code::kPrivacyRequired, "LOGIN needs TLS here"));
    co_return std::nullopt;
  }
  co_await wait_for_turn();
  const sasl::UserTable& table = *users_->table;
  Result<std::string> user = fail(Errc::kPermission, "");
  if (table.is_slow()) {
    user = co_await run_blocking(static_cast<Executor*>(connection_->loop()), [&] {
      return table.check(command.user, command.password.reveal());
    });
  } else {
    user = table.check(command.user, command.password.reveal());
  }
  if (!user) {
    co_await refuse(std::move(tag), std::move(command.user), std::move(user).error());
    co_return std::nullopt;
  }
  co_return admit(std::move(tag), *user);
}

// RFC 3501 6.2.2; initial response: RFC 4959
Task<std::optional<LoggedIn>> Login::authenticate(std::string tag,
                                                  imap::AuthenticateCommand command) {
  Result<std::string> user = co_await exchange(std::move(command));
  if (!user) {
    if (user.error().code() == Errc::kPermission) {
      co_await refuse(std::move(tag), {}, std::move(user).error());
    } else if (user.error().code() == Errc::kNotFound) {
      answer(tag, Reply::no(imap::Code::kCannot, user.error().text()));
    } else if (user.error().code() == Errc::kLimit) {
      answer(tag, Reply::no(imap::Code::kPrivacyRequired, user.error().text()));
    } else if (user.error().code() == Errc::kProtocol) {
      say_bye(user.error().text());  // in the middle of a line that does not end
    } else {
      answer(tag, Reply::bad(user.error().text()));
    }
    co_return std::nullopt;
  }
  co_return admit(std::move(tag), *user);
}

Task<Result<std::string>> Login::exchange(imap::AuthenticateCommand command) {
  const std::optional<sasl::Mechanism> mechanism = sasl::mechanism_named(command.mechanism);
  if (!mechanism) co_return fail(Errc::kNotFound, "This mechanism is not known");
  if (sasl::shows_secret(*mechanism) && !is_protected()) {
    co_return fail(Errc::kLimit, "This mechanism needs TLS here");
  }
  CO_TRY(const std::unique_ptr<sasl::ServerExchange> exchange,
         sasl::ServerExchange::start(*mechanism, users_->table));
  co_await wait_for_turn();
  std::string response;
  if (command.initial_response) {
    CO_TRY(response, sasl::base64_decode(command.initial_response->reveal()));
  }
  for (;;) {
    Result<sasl::ServerExchange::Answer> step = co_await run_blocking(
        static_cast<Executor*>(connection_->loop()), [&] { return exchange->step(response); });
    if (!step) {
      // Its own line is malformed; the stream is still in step.
      const bool malformed = step.error().code() == Errc::kProtocol;
      co_return malformed ? fail(Errc::kInvalid, step.error().text())
                          : fail(std::move(step).error());
    }
    if (step->done && step->challenge.empty()) co_return exchange->user();
    connection_->write("+ " + sasl::base64_encode(step->challenge) + "\r\n");
    CO_TRY(const std::string line, co_await reader_.next_line(time_left(), stop_));
    if (line == "*") co_return fail(Errc::kInvalid, "AUTHENTICATE was given up");
    // What follows the last challenge is an empty response (RFC 5802 5: server-final-message).
    if (step->done) co_return exchange->user();
    CO_TRY(response, sasl::base64_decode(line));
  }
}

std::optional<LoggedIn> Login::admit(std::string tag, const std::string& user) {
  const auto found = users_->by_name.find(user);
  CHECK(found != users_->by_name.end());
  failed_->forget(connection_->peer().host);
  log_.info("{} logged in from {}", user, connection_->peer().text);
  return LoggedIn{&found->second, std::move(tag), client_};
}

// An address from which many logins failed waits before the password is looked at: otherwise it
// could hang up instead of waiting for the answer.
Task<void> Login::wait_for_turn() {
  const milliseconds wait = failed_->wait_of(connection_->peer().host, limits_.max_failed_logins,
                                             limits_.failed_login_delay);
  if (wait.count() > 0) {
    (void)co_await sleep_for(connection_->loop(), std::min(wait, time_left()), stop_);
  }
}

// Every failure costs the same time, and more of it each time.
Task<void> Login::refuse(std::string tag, std::string name, Error error) {
  ++failures_;
  failed_->note(connection_->peer().host);
  log_.warning("login failed from {}{}{}", connection_->peer().text, name.empty() ? "" : " as ",
               name);
  (void)co_await sleep_for(connection_->loop(), limits_.failed_login_delay * failures_, stop_);
  answer(tag, Reply::no(imap::Code::kAuthenticationFailed, error.text()));
  if (failures_ >= limits_.max_failed_logins) say_bye("Too many failed logins");
}

}  // namespace proxy
