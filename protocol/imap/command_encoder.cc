#include "protocol/imap/command_encoder.h"

#include "base/check.h"
#include "protocol/imap/command_encoder_parts.h"

namespace imap {
namespace {

struct Encoder {
  Writer& writer;

  template <class C>
  void operator()(const C& command) const {
    // Those without arguments are their name alone.
    if constexpr (!std::is_empty_v<C>) command_encoder::encode(writer, command);
  }
};

void encode(Writer& writer, std::string_view tag, const Command& command) {
  writer.raw(tag);
  writer.space();
  writer.raw(info_of(command).name);
  std::visit(Encoder{writer}, command);
}

}  // namespace

EncodedCommand encode_command(std::string_view tag, const Command& command,
                              const WriterOptions& options) {
  EncodedCommand encoded;
  Writer writer(encoded.text, options);
  encode(writer, tag, command);
  writer.crlf();
  encoded.breaks = writer.take_breaks();
  return encoded;
}

std::string describe_command(std::string_view tag, const Command& command) {
  std::string text;
  Writer writer(text, {.literals = LiteralStyle::kTrace, .utf8 = true});
  encode(writer, tag, command);
  return text;
}

}  // namespace imap
