// What a client may send: cut into frames, decoded, encoded, decoded again.
//
// The first byte picks how the input is split and what becomes of literals; the rest is the stream.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "protocol/imap/command_decoder.h"
#include "protocol/imap/command_encoder.h"
#include "protocol/imap/framer.h"

namespace {

using namespace imap;

// Small ones, so that the fuzzer meets them.
constexpr FramerLimits kLimits = {
    .line_bytes = 2'000, .inline_bytes = 1'000, .literal_bytes = 5'000, .literals = 8};

// What one side encodes, the other must read as the same command.
void check_stable(const TaggedCommand& command, const CommandOptions& options) {
  const WriterOptions writer = {.literals = LiteralStyle::kPlus, .utf8 = options.utf8};
  const std::string first = encode_command(command.tag, command.command, writer).text;
  std::string_view bytes = first;
  // A canonical form may be longer than what it stands for.
  Framer framer(FramerDialect::kCommands, {.line_bytes = 1U << 20, .literals = 10'000});
  while (true) {
    const Framer::Step step = framer.feed(bytes);
    bytes.remove_prefix(step.consumed);
    CHECK(step.status != Framer::Status::kNeedMore);
    CHECK(step.status != Framer::Status::kRejected);
    if (step.status == Framer::Status::kFrame) break;
    CHECK(framer.take_inline());
  }
  CHECK(bytes.empty());
  const auto again = decode_command(framer.frame(), options);
  CHECK(again.has_value());
  CHECK(again->tag == command.tag);
  CHECK(encode_command(again->tag, again->command, writer).text == first);
  CHECK(describe_command(command.tag, command.command).find('\n') == std::string::npos);
}

void decode(const Frame& frame, const CommandOptions& options) {
  const auto command = decode_command(frame, options);
  if (!command) {
    CHECK(command.error().tag == find_tag(frame.text));
    return;
  }
  // The bytes of a streamed literal are gone: nothing to encode from.
  if (frame.streamed.empty()) check_stable(*command, options);
}

class Session {
 public:
  explicit Session(std::uint8_t choices) : options_{.utf8 = (choices & 1) != 0} {
    chunk_ = (choices & 2) != 0 ? 1 : 64;
    streams_ = (choices & 4) != 0;
  }

  void play(std::string_view input) {
    while (!input.empty()) {
      const std::string_view piece = input.substr(0, chunk_);
      input.remove_prefix(piece.size());
      bytes_.append(piece);
      while (step()) {
      }
    }
  }

 private:
  bool step() {
    if (to_stream_ > 0) {
      const auto n = std::min<std::uint64_t>(to_stream_, bytes_.size());
      bytes_.erase(0, n);
      to_stream_ -= n;
      if (to_stream_ > 0) return false;
    }
    const std::string fed = bytes_;
    const Framer::Step step = framer_.feed(fed);
    bytes_.erase(0, step.consumed);
    switch (step.status) {
      case Framer::Status::kNeedMore:
        CHECK(bytes_.empty());
        return false;
      case Framer::Status::kFrame:
        decode(framer_.frame(), options_);
        return true;
      case Framer::Status::kRejected:
        find_tag(framer_.rejected_text());
        CHECK(framer_.rejected_text().size() <= 1'024);
        return !framer_.lost_step();
      case Framer::Status::kLiteral:
        take_literal();
        return true;
    }
    return false;
  }

  void take_literal() {
    const auto append = find_append_start(framer_.partial_frame(), options_);
    if (framer_.literal().size_bytes > 4'000) {
      framer_.refuse(Error(Errc::kLimit, "too large"));
    } else if (streams_ && append) {
      to_stream_ = framer_.literal().size_bytes;
      framer_.stream();
    } else {
      static_cast<void>(framer_.take_inline());
    }
  }

  CommandOptions options_;
  Framer framer_{FramerDialect::kCommands, kLimits};
  std::string bytes_;
  std::size_t chunk_ = 1;
  bool streams_ = false;
  std::uint64_t to_stream_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Session session(data[0]);
  const std::string input(data + 1, data + size);
  session.play(input);
  return 0;
}
