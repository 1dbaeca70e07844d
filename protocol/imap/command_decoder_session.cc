// ID, AUTHENTICATE, LOGIN, ENABLE, COMPRESS.
#include <algorithm>

#include "protocol/imap/command_decoder_parts.h"

namespace imap::command_decoder {
namespace {

std::string to_upper(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(), ascii_upper);
  return upper;
}

}  // namespace

// C: A1 ID ("name" "mbsync" "version" NIL)
Result<Command> decode_id(Lexer& lexer, const CommandLimits& limits) {
  IdCommand command;
  TRY_VOID(lexer.space());
  if (lexer.accept_word("NIL")) return command;
  TRY_VOID(lexer.expect('('));
  if (lexer.accept(')')) return command;
  do {
    if (command.fields.size() == limits.names) return fail(Errc::kLimit, "too many ID fields");
    TRY(std::string field, lexer.string_value());
    TRY_VOID(lexer.space());
    TRY(std::optional<std::string> value, lexer.nstring_value());
    command.fields.emplace_back(std::move(field), std::move(value));
  } while (lexer.accept(' '));
  TRY_VOID(lexer.expect(')'));
  return command;
}

// C: A1 AUTHENTICATE PLAIN AHVzZXIAcGFzcw==
Result<Command> decode_authenticate(Lexer& lexer, const CommandLimits&) {
  AuthenticateCommand command;
  TRY_VOID(lexer.space());
  TRY(const std::string_view mechanism, lexer.atom());
  command.mechanism = to_upper(mechanism);
  if (lexer.accept(' ')) {
    // All characters of base64 are ATOM-CHARs. RFC 4959 section 3: "=" is an empty response.
    TRY(const std::string_view response, lexer.atom());
    command.initial_response = Secret(std::string(response == "=" ? "" : response));
  }
  return command;
}

// C: A1 LOGIN me "a password"
Result<Command> decode_login(Lexer& lexer, const CommandLimits&) {
  LoginCommand command;
  TRY_VOID(lexer.space());
  TRY(command.user, lexer.astring_value());
  TRY_VOID(lexer.space());
  TRY(std::string password, lexer.astring_value());
  command.password = Secret(std::move(password));
  return command;
}

// C: A1 ENABLE CONDSTORE UTF8=ACCEPT
Result<Command> decode_enable(Lexer& lexer, const CommandLimits& limits) {
  EnableCommand command;
  do {
    if (command.capabilities.size() == limits.names) {
      return fail(Errc::kLimit, "too many capabilities");
    }
    TRY_VOID(lexer.space());
    TRY(const std::string_view capability, lexer.atom());
    command.capabilities.emplace_back(capability);
  } while (!lexer.at_end());
  return command;
}

// C: A1 COMPRESS DEFLATE
Result<Command> decode_compress(Lexer& lexer, const CommandLimits&) {
  CompressCommand command;
  TRY_VOID(lexer.space());
  TRY(const std::string_view mechanism, lexer.atom());
  command.mechanism = to_upper(mechanism);
  return command;
}

}  // namespace imap::command_decoder
