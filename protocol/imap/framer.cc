#include "protocol/imap/framer.h"

#include <algorithm>

#include "base/check.h"
#include "protocol/imap/characters.h"
#include "protocol/imap/number.h"

namespace imap {
namespace {

// Enough for a tag and a command's name.
constexpr std::size_t kHeadBytes = 1'024;
// While a line is skipped its end is kept: the longest header of a literal fits in.
constexpr std::size_t kTailBytes = 64;
// A buffer that grew beyond this is given back after its frame: most connections are idle.
constexpr std::size_t kKeepBytes = 8'192;

bool is_status_word(std::string_view word) {
  for (const std::string_view status : {"OK", "NO", "BAD", "BYE", "PREAUTH"}) {
    if (equals_ignoring_case(word, status)) return true;
  }
  return false;
}

}  // namespace

Framer::Step Framer::feed(std::string_view input) {
  CHECK(state_ != State::kUndecided);
  if (state_ == State::kDone) start_frame();
  if (state_ == State::kRefused) return {reject(), 0};
  std::size_t used = 0;
  while (used < input.size()) {
    const std::string_view rest = input.substr(used);
    if (state_ == State::kLiteral) {
      const auto piece = rest.substr(0, std::min<std::uint64_t>(remaining_, rest.size()));
      if (broken_) {
        skipped_ += piece.size();
      } else {
        text_.append(piece);
      }
      used += piece.size();
      remaining_ -= piece.size();
      if (remaining_ == 0) begin_line();
      continue;
    }
    // Some servers pad what they send with NULs.
    if (dialect_ == FramerDialect::kResponses && rest[0] == '\0' && !in_frame()) {
      ++used;
      continue;
    }
    const std::size_t line_feed = rest.find('\n');
    if (line_feed == std::string_view::npos) {
      keep_text(rest);
      return {Status::kNeedMore, input.size()};
    }
    used += line_feed + 1;
    if (const auto status = finish_line(rest.substr(0, line_feed))) return {*status, used};
  }
  return {Status::kNeedMore, used};
}

bool Framer::take_inline() {
  CHECK(state_ == State::kUndecided);
  if (literal_.size_bytes > limits_.inline_bytes - inline_bytes_) {
    refuse(Error(Errc::kLimit, "literal too large"));
    return false;
  }
  inline_bytes_ += static_cast<std::size_t>(literal_.size_bytes);
  // The room for it is not reserved: the peer has only promised these bytes.
  remaining_ = literal_.size_bytes;
  state_ = State::kLiteral;
  if (remaining_ == 0) begin_line();
  return true;
}

void Framer::stream() {
  CHECK(state_ == State::kUndecided);
  streamed_.push_back({text_.size(), literal_.size_bytes, literal_.binary});
  begin_line();
}

void Framer::refuse(Error reason) {
  CHECK(state_ == State::kUndecided);
  drop_frame(std::move(reason));
  // skip_literal() reports a synchronizing one as the end of the frame, which feed() has to say.
  if (skip_literal()) state_ = State::kRefused;
}

void Framer::start_frame() {
  text_.clear();
  if (text_.capacity() > kKeepBytes) text_.shrink_to_fit();
  line_bytes_ = 0;
  inline_bytes_ = 0;
  literals_ = 0;
  streamed_.clear();
  frame_text_ = {};
  broken_.reset();
  head_.clear();
  skipped_ = 0;
  begin_line();
}

void Framer::begin_line() {
  state_ = State::kLine;
  if (broken_) text_.clear();
  cut_ = false;
  line_begin_ = text_.size();
}

void Framer::keep_text(std::string_view piece) {
  if (broken_) {
    skipped_ += piece.size();
    text_.append(piece.substr(piece.size() - std::min(piece.size(), kTailBytes)));
    cut_ = cut_ || piece.size() > kTailBytes || text_.size() > kTailBytes;
    if (text_.size() > kTailBytes) text_.erase(0, text_.size() - kTailBytes);
    return;
  }
  text_.append(piece);
  line_bytes_ += piece.size();
  if (line_bytes_ > limits_.line_bytes) drop_frame(Error(Errc::kLimit, "line too long"));
}

// From here on the frame is only skipped: its beginning and the end of the current line are kept.
void Framer::drop_frame(Error reason) {
  broken_ = std::move(reason);
  head_ = text_.substr(0, kHeadBytes);
  skipped_ += text_.size();
  std::string tail =
      text_.substr(std::max(line_begin_, text_.size() - std::min(text_.size(), kTailBytes)));
  cut_ = tail.size() < text_.size() - line_begin_;
  text_ = std::move(tail);
  line_begin_ = 0;
}

std::optional<Framer::Status> Framer::finish_line(std::string_view segment) {
  const bool strict = dialect_ == FramerDialect::kCommands;
  // The usual case: all of the frame is in the caller's bytes, and stays there.
  const bool whole = text_.empty() && !broken_ && segment.size() <= limits_.line_bytes &&
                     (!strict || segment.ends_with('\r'));
  if (!whole) keep_text(segment);
  std::string_view line = whole ? segment : std::string_view(text_).substr(line_begin_);
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  } else if (strict && !broken_) {
    // RFC 3501 2.2: a line ends with CRLF.
    drop_frame(Error(Errc::kInvalid, "line ends without CR"));
    line = text_;
  }
  if (whole) line_bytes_ += segment.size();

  switch (parse_ending(line)) {
    case Ending::kText:
      break;
    case Ending::kLiteral:
      return finish_literal_header(line);
    case Ending::kOverflow:
      if (whole) text_ = line;
      if (!broken_) drop_frame(Error(Errc::kLimit, "literal too large"));
      lost_step_ = !literal_.synchronizing;
      return reject();
  }
  if (broken_) return reject();
  if (!whole) text_.resize(line_begin_ + line.size());
  frame_text_ = whole ? line : std::string_view(text_);
  state_ = State::kDone;
  return Status::kFrame;
}

std::optional<Framer::Status> Framer::finish_literal_header(std::string_view line) {
  literal_.index = literals_++;
  if (!broken_) {
    // However the header's line ended, the frame has CRLF there.
    const std::size_t size = line_begin_ + line.size();
    if (text_.empty()) text_ = line;
    text_.resize(size);
    text_.append("\r\n");
    if (literal_.size_bytes > limits_.literal_bytes) {
      drop_frame(Error(Errc::kLimit, "literal too large"));
    } else if (literals_ > limits_.literals) {
      drop_frame(Error(Errc::kLimit, "too many literals"));
    } else {
      state_ = State::kUndecided;
      return Status::kLiteral;
    }
  }
  return skip_literal();
}

std::optional<Framer::Status> Framer::skip_literal() {
  // RFC 3501 7.5: without a continuation the client sends nothing more of this command.
  if (literal_.synchronizing) return reject();
  remaining_ = literal_.size_bytes;
  state_ = State::kLiteral;
  if (remaining_ == 0) begin_line();
  return std::nullopt;
}

Framer::Status Framer::reject() {
  state_ = State::kDone;
  return Status::kRejected;
}

// RFC 3501 7.1: the text of a status response runs to the end of the line, whatever is in it.
bool Framer::may_end_with_literal(std::string_view line) const {
  if (dialect_ == FramerDialect::kCommands || literals_ > 0) return true;
  const std::string_view start = broken_ ? std::string_view(head_) : line;
  if (start.starts_with('+')) return false;
  const std::size_t space = start.find(' ');
  if (space == std::string_view::npos) return true;
  const std::string_view rest = start.substr(space + 1);
  return !is_status_word(rest.substr(0, rest.find(' ')));
}

Framer::Ending Framer::parse_ending(std::string_view line) {
  if (!line.ends_with('}') || !may_end_with_literal(line)) return Ending::kText;
  std::size_t end = line.size() - 1;
  const bool plus = end > 0 && line[end - 1] == '+';
  if (plus) --end;
  std::size_t begin = end;
  while (begin > 0 && is_digit(line[begin - 1])) --begin;
  const std::string_view digits = line.substr(begin, end - begin);
  if (digits.empty()) return Ending::kText;
  literal_.synchronizing = dialect_ == FramerDialect::kCommands && !plus;
  if (begin == 0) return cut_ ? Ending::kOverflow : Ending::kText;
  if (line[begin - 1] != '{') return Ending::kText;
  literal_.binary = begin > 1 && line[begin - 2] == '~';
  const auto size = parse_number(digits, kMaxNumber64);
  if (!size) return Ending::kOverflow;
  literal_.size_bytes = *size;
  return Ending::kLiteral;
}

}  // namespace imap
