// ID, AUTHENTICATE, LOGIN, ENABLE, COMPRESS.
#include "protocol/imap/command_encoder_parts.h"

namespace imap::command_encoder {
namespace {

constexpr std::string_view kHidden = "***";

bool for_log(const Writer& writer) { return writer.options().literals == LiteralStyle::kTrace; }

}  // namespace

void encode(Writer& writer, const IdCommand& command) {
  writer.space();
  // RFC 2971 3.3; several servers refuse an empty list.
  if (command.fields.empty()) return writer.nil();
  writer.open();
  bool first = true;
  for (const auto& [field, value] : command.fields) {
    writer.separate(first);
    writer.string(field);
    writer.space();
    writer.nstring(value);
  }
  writer.close();
}

void encode(Writer& writer, const AuthenticateCommand& command) {
  writer.space();
  writer.atom(command.mechanism);
  if (!command.initial_response) return;
  writer.space();
  const std::string_view response = command.initial_response->reveal();
  if (for_log(writer)) {
    writer.atom(kHidden);
  } else {
    writer.atom(response.empty() ? "=" : response);  // RFC 4959 section 3
  }
}

void encode(Writer& writer, const LoginCommand& command) {
  writer.space();
  writer.astring(command.user);
  writer.space();
  if (for_log(writer)) {
    writer.atom(kHidden);
  } else {
    writer.astring(command.password.reveal());
  }
}

void encode(Writer& writer, const EnableCommand& command) {
  for (const std::string& capability : command.capabilities) {
    writer.space();
    writer.atom(capability);
  }
}

void encode(Writer& writer, const CompressCommand& command) {
  writer.space();
  writer.atom(command.mechanism);
}

}  // namespace imap::command_encoder
