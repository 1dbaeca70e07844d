#include "upstream/connect.h"

#include <algorithm>
#include <utility>

#include "config/secret_source.h"
#include "net/connect.h"
#include "net/tls.h"
#include "protocol/sasl/mechanism.h"
#include "upstream/answers.h"

namespace upstream {
namespace {

using imap::Capability;

constexpr std::size_t kMaxServerName = 80;

std::optional<sasl::Mechanism> wanted_mechanism(config::SaslChoice choice) {
  switch (choice) {
    case config::SaslChoice::kAuto:
      return std::nullopt;
    case config::SaslChoice::kPlain:
      return sasl::Mechanism::kPlain;
    case config::SaslChoice::kLogin:
      return sasl::Mechanism::kLogin;
    case config::SaslChoice::kScramSha1:
      return sasl::Mechanism::kScramSha1;
    case config::SaslChoice::kScramSha256:
      return sasl::Mechanism::kScramSha256;
    case config::SaslChoice::kXoauth2:
      return sasl::Mechanism::kXoauth2;
    case config::SaslChoice::kOauthbearer:
      return sasl::Mechanism::kOauthbearer;
  }
  return std::nullopt;
}

Task<Result<net::ClientTls>> load_tls(net::Loop* loop, const config::Upstream* settings) {
  co_return co_await run_blocking(static_cast<Executor*>(loop), [settings] {
    return net::ClientTls::create({settings->ca_file, settings->certificate_fingerprint});
  });
}

Task<Result<>> ask_capabilities(Client* client) {
  CO_TRY(const Answer answer, co_await client->run(imap::CapabilityCommand{}));
  if (!answer.ok()) co_return fail(error_of(answer, "CAPABILITY"));
  co_return Result<>();
}

Task<Result<Answer>> log_in(Client* client, const config::Upstream* settings, Secret secret,
                            std::stop_token stop) {
  const bool has_token = !settings->access_token.empty();
  sasl::PickOptions pick;
  pick.wanted = wanted_mechanism(settings->sasl);
  pick.has_token = has_token;
  pick.is_protected = client->connection().is_tls() || client->connection().peer().is_loopback ||
                      settings->allow_plaintext;
  const std::vector<std::string> offered = client->capabilities().mechanisms();
  const Result<sasl::Mechanism> mechanism = sasl::pick_mechanism(offered, pick);
  if (!mechanism) {
    // RFC 3501 6.2.3: LOGIN is always there, unless the server says not.
    const bool plain_login =
        !has_token && !pick.wanted && pick.is_protected && !client->has(Capability::kLoginDisabled);
    if (!plain_login) co_return fail(mechanism.error());
    co_return co_await client->run(imap::LoginCommand{settings->user, std::move(secret)});
  }
  sasl::Identity identity;
  identity.user = settings->user;
  identity.secret = std::move(secret);
  identity.host = settings->host;
  identity.port = settings->port;
  CO_TRY(std::unique_ptr<sasl::ClientExchange> exchange,
         sasl::ClientExchange::start(*mechanism, std::move(identity)));
  co_return co_await client->authenticate(std::move(exchange), std::move(stop));
}

// `facts`: what the server says of itself, beside its name for people.
Task<void> identify(Client* client, std::string* server, std::string* facts) {
  imap::IdCommand id;
  id.fields = {{"name", "Waystation"}};
  Exchange exchange;
  exchange.on_response = [server, facts](imap::Response& response) {
    const auto* said = std::get_if<imap::IdResponse>(&response);
    if (said == nullptr) return false;
    for (const char* field : {"name", "vendor", "version"}) {
      if (const auto value = said->find(field)) *facts += *value + " ";
    }
    if (const auto name = said->find("name")) {
      *server = *name;
      if (const auto version = said->find("version")) *server += " " + *version;
      server->resize(std::min(server->size(), kMaxServerName));
    }
    return true;
  };
  // RFC 2971: whether the server likes it or not changes nothing.
  (void)co_await client->run(std::move(id), std::move(exchange));
}

Task<void> enable(Client* client, bool qresync, bool* enabled) {
  imap::EnableCommand command;
  command.capabilities.emplace_back(qresync ? "QRESYNC" : "CONDSTORE");
  Exchange exchange;
  exchange.on_response = [enabled](imap::Response& response) {
    const auto* said = std::get_if<imap::EnabledResponse>(&response);
    if (said == nullptr) return false;
    for (const std::string& one : said->capabilities) *enabled |= one == "QRESYNC";
    return true;
  };
  (void)co_await client->run(std::move(command), std::move(exchange));
}

Task<void> compress(Client* client, const ConnectRequest* request) {
  const Result<Answer> answer = co_await client->compress();
  if (answer && !answer->ok()) request->log.info("no compression: {}", answer->text.text);
}

Task<Result<>> prepare(Client* client, const ConnectRequest* request, Secret secret,
                       Connected* connected, std::stop_token stop) {
  const config::Upstream& settings = request->settings;
  CO_TRY(const imap::ConditionResponse greeting, co_await client->greeting(stop));
  if (greeting.condition == imap::Condition::kBye) {
    co_return fail(Errc::kUnavailable, "the server turns us away: " + greeting.text.text);
  }
  connected->server = greeting.text.text.substr(0, kMaxServerName);
  if (settings.tls == config::Tls::kStarttls) {
    if (greeting.condition == imap::Condition::kPreauth) {
      // RFC 3501 6.2.1 and CVE-2020-12398: logged in already, TLS can no longer be had.
      co_return fail(Errc::kPermission, "the server logs us in before TLS could begin");
    }
    CO_TRY(net::ClientTls tls, co_await load_tls(client->connection().loop(), &settings));
    CO_TRY_VOID(co_await client->start_tls(std::move(tls), settings.host, stop));
  }
  if (client->capabilities().empty()) CO_TRY_VOID(co_await ask_capabilities(client));
  if (greeting.condition != imap::Condition::kPreauth) {
    // What was said before login does not hold after it; a good server says it anew in the answer.
    const imap::Capabilities before = client->capabilities();
    CO_TRY(const Answer answer, co_await log_in(client, &settings, std::move(secret), stop));
    if (!answer.ok()) co_return fail(login_error(answer));
    if (client->capabilities() == before) CO_TRY_VOID(co_await ask_capabilities(client));
  }
  ServerFacts facts{settings.host, greeting.text.text, {}, &client->capabilities()};
  client->set_profile(&recognize(facts));
  // These go out together; COMPRESS last, as after it nothing may be sent before its answer
  // (RFC 4978 3).
  TaskGroup together(client->connection().loop());
  if (client->has(Capability::kId)) {
    together.spawn(identify(client, &connected->server, &facts.id));
  }
  if (client->has(Capability::kEnable) && client->has(Capability::kCondstore)) {
    const bool qresync = request->qresync && client->has(Capability::kQresync);
    together.spawn(enable(client, qresync, &connected->qresync));
  }
  if (request->compress && settings.compress && client->has(Capability::kCompressDeflate)) {
    together.spawn(compress(client, request));
  }
  co_await together.close();
  client->set_profile(&recognize(facts));
  if (!client->is_alive()) co_return fail(Errc::kClosed, "the server hung up after login");
  co_return Result<>();
}

}  // namespace

Task<Result<Connected>> connect(net::Loop* loop, ConnectRequest request, std::stop_token stop) {
  const config::Upstream& settings = request.settings;
  const config::SecretSource& source =
      settings.access_token.empty() ? settings.password : settings.access_token;
  // Read anew each time: a rotated password or a fresh token counts from the next connection on.
  Result<Secret> secret = co_await run_blocking(static_cast<Executor*>(loop),
                                                [&source] { return config::resolve(source); });
  if (!secret) co_return fail(std::move(secret).error());
  Result<net::Connection> connection =
      co_await net::connect(loop, {settings.host, settings.port, settings.connect_timeout}, stop);
  if (!connection) co_return fail(std::move(connection).error());
  if (settings.tls == config::Tls::kImplicit) {
    CO_TRY(net::ClientTls tls, co_await load_tls(loop, &settings));
    CO_TRY_VOID(co_await connection->start_tls(std::move(tls), settings.host,
                                               settings.connect_timeout, stop));
  }
  Client::Options options;
  options.response_timeout = settings.response_timeout;
  options.log = request.log;
  Connected connected;
  connected.client = std::make_unique<Client>(std::move(*connection), std::move(options));
  connected.client->set_trace(request.trace);
  // A server that is silent in the middle of the login is not waited for.
  const std::stop_callback on_stop(stop, [client = connected.client.get()] { client->abort(); });
  const Result<> ready =
      co_await prepare(connected.client.get(), &request, std::move(*secret), &connected, stop);
  if (!ready) {
    co_await connected.client->close(false);
    co_return fail(ready.error());
  }
  co_return connected;
}

}  // namespace upstream
