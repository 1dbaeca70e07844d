// The commands that need little more than an answer.
#include <algorithm>
#include <cctype>

#include "proxy/imap/capabilities.h"
#include "proxy/imap/handlers.h"
#include "proxy/version.h"

namespace proxy {

// C: A1 CAPABILITY
// S: * CAPABILITY IMAP4rev1 …
// S: A1 OK CAPABILITY completed                                        RFC 3501 6.1.1
Handled handle(Session* session, imap::CapabilityCommand) {
  session->write(imap::CapabilityResponse{capabilities(session->connection().is_compressed())});
  co_return Reply::ok("CAPABILITY completed");
}

// RFC 3501 6.1.2: what changed is told with every command; upstream is asked for news beside it.
Handled handle(Session* session, imap::NoopCommand) {
  if (session->selected()) {
    session->selected()->account->remote().poll(session->selected()->mailbox->id());
  }
  co_return Reply::ok("NOOP completed");
}

// RFC 3501 6.4.1: everything is on the disk already.
Handled handle(Session* session, imap::CheckCommand) {
  session->selected()->account->remote().poll(session->selected()->mailbox->id());
  co_return Reply::ok("CHECK completed");
}

// C: A2 LOGOUT
// S: * BYE …
// S: A2 OK LOGOUT completed                                            RFC 3501 6.1.3
Handled handle(Session* session, imap::LogoutCommand) {
  session->write(imap::ConditionResponse{imap::Condition::kBye, {std::nullopt, "Logging out"}});
  session->log_out();
  co_return Reply::ok("LOGOUT completed");
}

// C: A3 ID ("name" "mutt" "version" "2.2")
// S: * ID ("name" "Waystation" …)                                      RFC 2971
Handled handle(Session* session, imap::IdCommand command) {
  std::string client;
  for (const auto& [name, value] : command.fields) {
    const bool wanted = name == "name" || name == "version";
    if (!wanted || !value) continue;
    if (!client.empty()) client += ' ';
    client += value->substr(0, 60);
  }
  session->log().debug("client: {}", client);
  session->set_client(std::move(client));
  session->write(
      imap::IdResponse{{{"name", std::string(kProgram)}, {"version", std::string(kVersion)}}});
  co_return Reply::ok("ID completed");
}

// RFC 3501 6.2: allowed before login only; the table sees to that.
Handled handle(Session*, imap::StartTlsCommand) { co_return Reply::bad("Already logged in"); }
Handled handle(Session*, imap::AuthenticateCommand) { co_return Reply::bad("Already logged in"); }
Handled handle(Session*, imap::LoginCommand) { co_return Reply::bad("Already logged in"); }

// C: A4 ENABLE QRESYNC X-UNKNOWN
// S: * ENABLED QRESYNC                                                 RFC 5161 3.1
Handled handle(Session* session, imap::EnableCommand command) {
  // RFC 5161 3.1: before any mailbox is selected.
  if (session->selected()) co_return Reply::bad("ENABLE comes before SELECT");
  imap::EnabledResponse enabled;
  for (std::string name : command.capabilities) {
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    if (name == "CONDSTORE") {
      session->enable_condstore();
    } else if (name == "QRESYNC") {
      session->enable_qresync();
    } else if (name == "UTF8=ACCEPT") {
      session->enable_utf8();
    } else {
      continue;
    }
    enabled.capabilities.push_back(std::move(name));
  }
  session->write(enabled);
  co_return Reply::ok("ENABLE completed");
}

// C: A5 NAMESPACE
// S: * NAMESPACE (("" "/")) NIL NIL                                    RFC 2342
Handled handle(Session* session, imap::NamespaceCommand) {
  imap::NamespaceResponse response;
  response.personal.push_back({imap::MailboxName(), '/'});
  session->write(response);
  co_return Reply::ok("NAMESPACE completed");
}

// C: A6 COMPRESS DEFLATE
// S: A6 OK COMPRESS active                                             RFC 4978 3
Handled handle(Session* session, imap::CompressCommand command) {
  if (session->connection().is_compressed()) {
    co_return Reply::no(imap::Code::kCompressionActive, "DEFLATE is active already");
  }
  if (command.mechanism != "DEFLATE") co_return Reply::bad("Only DEFLATE is known");
  session->compress_after_reply();
  co_return Reply::ok("COMPRESS active");
}

}  // namespace proxy
