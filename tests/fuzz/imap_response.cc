// What a server may send: framer, decoder, encoder. Whatever was decoded is encoded in a form that
// decodes to the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "protocol/imap/framer.h"
#include "protocol/imap/response_decoder.h"

namespace {

std::string encode(const imap::Response& response) {
  std::string out;
  imap::Writer writer(out);
  imap::encode_response(writer, response);
  return out;
}

std::string recode(imap::ResponseDecoder* decoder, std::string_view line) {
  return encode(decoder->decode({.text = line.substr(0, line.size() - 2)}));
}

void check_response(imap::ResponseDecoder* decoder, const imap::Frame& frame) {
  const imap::Response response = decoder->decode(frame);
  std::string once = encode(response);
  if (once.empty()) return;
  // A text or an unknown code loses what a line cannot hold, and may then read as a known code.
  const bool has_text = std::holds_alternative<imap::TaggedResponse>(response) ||
                        std::holds_alternative<imap::ConditionResponse>(response);
  if (has_text) once = recode(decoder, once);
  CHECK(recode(decoder, once) == once);
}

// Feeds all input; `stream` takes the data of FETCH responses off the stream, as upstream does.
void feed(std::string_view input, bool stream) {
  imap::Framer framer(
      imap::FramerDialect::kResponses,
      {.line_bytes = 8'192, .inline_bytes = 16'384, .literal_bytes = 65'536, .literals = 20});
  imap::ResponseDecoder decoder;
  while (!framer.lost_step()) {
    const auto step = framer.feed(input);
    input.remove_prefix(step.consumed);
    switch (step.status) {
      case imap::Framer::Status::kNeedMore:
        return;
      case imap::Framer::Status::kFrame:
        check_response(&decoder, framer.frame());
        break;
      case imap::Framer::Status::kRejected:
        break;
      case imap::Framer::Status::kLiteral:
        if (decoder.find_pending_data(framer.partial_frame()) && stream) {
          const std::uint64_t size = framer.literal().size_bytes;
          if (size > input.size()) return;
          framer.stream();
          input.remove_prefix(static_cast<std::size_t>(size));
        } else if (!framer.take_inline()) {
          break;  // the frame is skipped
        }
        break;
    }
  }
}

void check_stored_forms(std::string_view input) {
  if (const auto envelope = imap::decode_envelope(input)) {
    std::string wire;
    imap::encode_envelope(*envelope, &wire);
    CHECK(imap::decode_envelope(wire) == *envelope);
  }
  if (const auto body = imap::decode_body_structure(input)) {
    std::string once;
    imap::encode_body_structure(*body, &once);
    std::string twice;
    imap::encode_body_structure(*imap::decode_body_structure(once), &twice);
    CHECK(once == twice);
    twice.clear();
    imap::encode_body(*body, &twice);
    CHECK(imap::decode_body_structure(twice).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  feed(input, false);
  feed(input, true);
  check_stored_forms(input);
  return 0;
}
