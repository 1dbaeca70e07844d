// Framer: cuts a stream of bytes into commands or responses, before anything is parsed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/imap/frame.h"

namespace imap {

enum class FramerDialect : std::uint8_t {
  /// What clients send. "{n}" waits for a continuation, "{n+}" does not; a line that ends with a
  /// bare
  /// LF is rejected.
  kCommands,
  /// What servers send. No literal waits; a bare LF ends a line; "{5}" at the end of the text of a
  /// status response ("* OK …") is text.
  kResponses,
};

struct FramerLimits {
  std::size_t line_bytes = 65'536;           // of a frame without the bytes of its literals
  std::size_t inline_bytes = 1'048'576;      // of all literals that are kept in a frame
  std::uint64_t literal_bytes = 1ULL << 32;  // of any one literal; a larger one is rejected
  std::size_t literals = 1'000;              // per frame
};

/// What precedes the bytes of a literal.
struct LiteralHeader {
  std::uint64_t size_bytes = 0;
  bool binary = false;         // literal8, "~{n}" (RFC 3516 4.4, RFC 6855 4)
  bool synchronizing = false;  // the peer sends nothing before it has read a "+" (RFC 3501 4.3)
  std::size_t index = 0;       // which literal of its frame; 0 is the first
};

/// The state of one direction of one connection. The caller's loop:
///
///   switch (const auto step = framer.feed(bytes); bytes.remove_prefix(step.consumed), step.status)
///   {
///     case kNeedMore: read more; everything was consumed
///     case kLiteral:  look at literal() and partial_text(), then call take_inline(), stream()
///                     (then take literal().size_bytes bytes off the stream yourself) or refuse();
///                     if it was taken and is synchronizing, send "+"
///     case kFrame:    decode frame()
///     case kRejected: answer error(), with the tag from rejected_text(); the stream is in step
///                     again, unless lost_step(): then close the connection
///   }
///
/// Thread: one.
class Framer {
 public:
  enum class Status : std::uint8_t { kNeedMore, kLiteral, kFrame, kRejected };
  struct Step {
    Status status = Status::kNeedMore;
    std::size_t consumed = 0;  // leading bytes of the input that are done with
  };

  explicit Framer(FramerDialect dialect, FramerLimits limits = {})
      : dialect_(dialect), limits_(limits) {}

  /// Takes in what has arrived, up to the next thing that the caller must know. Each byte is looked
  /// at once, however the stream was split. REQUIRES: no literal waits for a decision.
  Step feed(std::string_view input);

  /// The literal that waits for a decision. REQUIRES: feed() returned kLiteral.
  const LiteralHeader& literal() const { return literal_; }
  /// The frame so far, with the headers of its literals ("A1 APPEND Sent {42}" CRLF).
  /// REQUIRES: feed() returned kLiteral.
  std::string_view partial_text() const { return text_; }
  /// The same with the literals that were streamed so far. REQUIRES: feed() returned kLiteral.
  Frame partial_frame() const { return {text_, streamed_}; }
  /// Keeps the bytes in the frame. False: they do not fit FramerLimits::inline_bytes and are
  /// refused.
  [[nodiscard]] bool take_inline();
  /// The caller takes the bytes off the stream itself, all of them, before it calls feed() again.
  /// The frame will say so in Frame::streamed.
  void stream();
  /// Drops the whole frame: a synchronizing literal ends it at once, the bytes of another one and
  /// the rest of the frame are skipped. The next feed() (with no input, if there is none) goes on
  /// to kRejected with `reason`.
  void refuse(Error reason);

  /// REQUIRES: feed() returned kFrame.
  /// Lifetime: until the next feed(), and no longer than the bytes given to the last one.
  Frame frame() const { return {frame_text_, streamed_}; }

  /// Why the frame was dropped: kInvalid, kLimit, or what refuse() was given.
  /// REQUIRES: feed() returned kRejected.
  const Error& error() const { return *broken_; }
  /// The first bytes of the dropped frame: enough for the tag. REQUIRES: feed() returned kRejected.
  std::string_view rejected_text() const { return head_; }
  /// Where the next command begins cannot be told any more (a literal of a size that is no number).
  bool lost_step() const { return lost_step_; }

  /// Bytes dropped so far of the frame that is being skipped; 0 when none is. Callers may close a
  /// connection whose skipped frame has no end.
  std::uint64_t skipped_bytes() const { return skipped_; }
  /// Whether part of a frame has arrived.
  bool in_frame() const {
    if (state_ == State::kLine) return !text_.empty() || broken_.has_value();
    return state_ != State::kDone;
  }

  /// REQUIRES: !in_frame().
  void set_limits(const FramerLimits& limits) { limits_ = limits; }

 private:
  // kRefused: to be reported by the next feed(). kDone: reported; the next feed() starts anew.
  enum class State : std::uint8_t { kLine, kLiteral, kUndecided, kRefused, kDone };
  enum class Ending : std::uint8_t { kText, kLiteral, kOverflow };

  void start_frame();
  void begin_line();
  void keep_text(std::string_view piece);
  std::optional<Status> finish_line(std::string_view segment);
  std::optional<Status> finish_literal_header(std::string_view line);
  std::optional<Status> skip_literal();
  Status reject();
  void drop_frame(Error reason);
  Ending parse_ending(std::string_view line);
  bool may_end_with_literal(std::string_view line) const;

  const FramerDialect dialect_;
  FramerLimits limits_;
  State state_ = State::kLine;

  std::string text_;            // the frame so far; while skipping, the end of the current line
  std::size_t line_begin_ = 0;  // in text_: behind the last literal
  std::size_t line_bytes_ = 0;  // counted against FramerLimits::line_bytes
  std::size_t inline_bytes_ = 0;
  std::size_t literals_ = 0;
  std::vector<StreamedLiteral> streamed_;
  std::string_view frame_text_;

  LiteralHeader literal_;
  std::uint64_t remaining_ = 0;  // of the literal that is being read or skipped

  std::optional<Error> broken_;  // the frame is being skipped, or was dropped
  std::string head_;             // its first bytes
  bool cut_ = false;             // bytes of the current line were forgotten
  bool lost_step_ = false;
  std::uint64_t skipped_ = 0;
};

}  // namespace imap
