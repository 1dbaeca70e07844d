#include "protocol/imap/responses.h"

#include <type_traits>

#include "protocol/imap/characters.h"

namespace imap {
namespace {

// RFC 3501 9: text = 1*TEXT-CHAR, so no line ends, no NUL, no 8-bit; RFC 6855 3 does not widen it.
void encode_text(Writer& writer, std::string_view text) {
  if (text.empty()) return writer.raw('.');
  for (const char c : text) {
    const bool fits = !is_8bit(c) && c != '\r' && c != '\n' && c != '\0';
    writer.raw(fits ? c : '?');
  }
}

void encode_condition(Writer& writer, Condition condition, const ResponseText& text) {
  writer.raw(name_of(condition));
  writer.space();
  if (text.code) {
    encode_response_code(writer, *text.code);
    writer.space();
  } else if (text.text.starts_with('[')) {
    writer.raw('.');  // else the text would be read as a code
  }
  encode_text(writer, text.text);
  writer.crlf();
}

void encode_atoms(Writer& writer, const std::vector<std::string>& atoms) {
  for (const std::string& atom : atoms) {
    if (!is_atom(atom)) continue;
    writer.space();
    writer.atom(atom);
  }
  writer.crlf();
}

void encode_numbered(Writer& writer, std::uint32_t number, std::string_view name) {
  writer.raw("* ");
  writer.number(number);
  writer.raw(name);
  writer.crlf();
}

}  // namespace

bool ResponseText::has(Code wanted) const {
  const Code* found = find<Code>();
  return found != nullptr && *found == wanted;
}

std::string_view name_of(Condition condition) {
  switch (condition) {
    case Condition::kOk:
      return "OK";
    case Condition::kNo:
      return "NO";
    case Condition::kBad:
      return "BAD";
    case Condition::kPreauth:
      return "PREAUTH";
    case Condition::kBye:
      return "BYE";
  }
  return "";
}

void encode_response(Writer& writer, const TaggedResponse& response) {
  writer.raw(response.tag);
  writer.space();
  encode_condition(writer, response.condition, response.text);
}

void encode_response(Writer& writer, const ConditionResponse& response) {
  writer.raw("* ");
  encode_condition(writer, response.condition, response.text);
}

void encode_response(Writer& writer, const ContinuationRequest& response) {
  // RFC 3501 9: continue-req has a space even before an empty base64.
  writer.raw("+ ");
  if (!response.text.empty()) encode_text(writer, response.text);
  writer.crlf();
}

void encode_response(Writer& writer, const CapabilityResponse& response) {
  writer.raw("* CAPABILITY");
  encode_atoms(writer, response.capabilities);
}

void encode_response(Writer& writer, const EnabledResponse& response) {
  writer.raw("* ENABLED");
  encode_atoms(writer, response.capabilities);
}

void encode_response(Writer& writer, const FlagsResponse& response) {
  writer.raw("* FLAGS ");
  encode_flag_list(writer, response.flags);
  writer.crlf();
}

void encode_response(Writer& writer, const ExistsResponse& response) {
  encode_numbered(writer, response.count, " EXISTS");
}

void encode_response(Writer& writer, const RecentResponse& response) {
  encode_numbered(writer, response.count, " RECENT");
}

void encode_response(Writer& writer, const ExpungeResponse& response) {
  encode_numbered(writer, response.sequence.value(), " EXPUNGE");
}

void encode_response(Writer& writer, const VanishedResponse& response) {
  if (response.uids.empty()) return;
  writer.raw(response.earlier ? "* VANISHED (EARLIER) " : "* VANISHED ");
  response.uids.encode_to(writer.out());
  writer.crlf();
}

void encode_response(Writer& writer, const Response& response) {
  std::visit(
      [&writer](const auto& r) {
        if constexpr (!std::is_same_v<decltype(r), const UnknownResponse&>) {
          encode_response(writer, r);
        }
      },
      response);
}

}  // namespace imap
