#include "protocol/mime/scanner.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace mime {
namespace {

// A line that has no end within this many bytes is compared with what there is of it: enough for
// "--", the longest boundary that is kept, and "--".
constexpr std::size_t kBoundaryLineWindow = 2 + 80 + 2;
// How many bytes join an undecided tail; more than the tail can be, so that each round gets on.
constexpr std::size_t kCarryStep = 256;

// Where the line end that includes the line feed at `lf` begins.
std::size_t start_of_eol(std::string_view data, std::size_t lf) {
  return lf > 0 && data[lf - 1] == '\r' ? lf - 1 : lf;
}

std::size_t find_lf(std::string_view data, std::size_t from) { return data.find('\n', from); }

}  // namespace

Scanner::Scanner(ScannerListener* listener, const Limits& limits)
    : listener_(listener), limits_(limits) {
  begin_part(0, 0);
}

void Scanner::feed(std::string_view bytes) {
  while (!carry_.empty() && !bytes.empty()) {
    const std::size_t held = carry_.size();
    const std::string_view step = bytes.substr(0, kCarryStep);
    carry_.append(step);
    const std::size_t used = consume(carry_, /*final=*/false);
    if (used >= held) {
      bytes.remove_prefix(used - held);
      carry_.clear();
    } else {
      bytes.remove_prefix(step.size());
      carry_.erase(0, used);
    }
  }
  if (!bytes.empty()) carry_.assign(bytes.substr(consume(bytes, /*final=*/false)));
}

void Scanner::finish() {
  const std::string tail = std::move(carry_);
  CHECK(consume(tail, /*final=*/true) == tail.size());
  if (state_ == State::kHeader) end_header(HeaderEnd::kCut, offset_, lines_);
  while (current_ != 0) close_current(offset_, lines_);
  close_current(offset_, lines_);
}

std::size_t Scanner::consume(std::string_view data, bool final) {
  std::size_t done = 0;
  while (done < data.size()) {
    const std::string_view rest = data.substr(done);
    std::size_t used = 0;
    switch (state_) {
      case State::kHeader:
        used = scan_header(rest, final);
        break;
      case State::kBody:
        used = scan_body(rest, final);
        break;
      case State::kBoundaryLine:
        used = scan_boundary_line(rest);
        break;
    }
    if (used == 0) break;
    done += used;
  }
  return done;
}

std::size_t Scanner::scan_header(std::string_view data, bool final) {
  if (at_line_start_) {
    if (data == "\r" && !final) return 0;
    const std::size_t eol = data.starts_with('\n') ? 1 : data.starts_with("\r\n") ? 2 : 0;
    if (eol != 0) {
      keep_header(data.substr(0, eol));
      offset_ += eol;
      ++lines_;
      end_header(HeaderEnd::kEmptyLine, offset_, lines_);
      return eol;
    }
    const BoundaryMatch match = match_boundary(data, final);
    if (match.outcome == BoundaryMatch::kNeedMore) return 0;
    if (match.outcome == BoundaryMatch::kYes) {
      // The header has no empty line; the line end before the boundary is not the header's.
      const std::uint64_t end = offset_ - last_eol_size_;
      const std::uint64_t lines = lines_ - (last_eol_size_ != 0 ? 1 : 0);
      end_header(HeaderEnd::kCut, end, lines);
      offset_ += match.size;
      take_boundary(match, end, lines);
      return match.size;
    }
  }
  const std::size_t lf = find_lf(data, 0);
  at_line_start_ = lf != std::string_view::npos;
  const std::size_t used = at_line_start_ ? lf + 1 : data.size();
  if (at_line_start_) {
    const bool crlf = lf > 0 ? data[lf - 1] == '\r' : last_was_cr_;
    last_eol_size_ = crlf ? 2 : 1;
    ++lines_;
  }
  last_was_cr_ = data[used - 1] == '\r';
  keep_header(data.substr(0, used));
  offset_ += used;
  return used;
}

std::size_t Scanner::scan_body(std::string_view data, bool final) {
  if (boundaries_.empty() || !within_limits()) {
    lines_ += static_cast<std::uint64_t>(std::ranges::count(data, '\n'));
    pass_body(data);
    return data.size();
  }
  if (at_line_start_) {
    // No line end goes before it that could belong to a boundary.
    const BoundaryMatch match = match_boundary(data, final);
    if (match.outcome == BoundaryMatch::kNeedMore) return 0;
    if (match.outcome == BoundaryMatch::kYes) {
      const std::uint64_t end = offset_;
      offset_ += match.size;
      take_boundary(match, end, lines_);
      return match.size;
    }
  }
  std::uint64_t lines = 0;
  for (std::size_t lf = find_lf(data, 0); lf != std::string_view::npos;
       lf = find_lf(data, lf + 1)) {
    const std::size_t next = lf + 1;
    if (next < data.size() && data[next] != '-') {
      ++lines;
      continue;
    }
    const BoundaryMatch match = match_boundary(data.substr(next), final);
    if (match.outcome == BoundaryMatch::kNo) {
      ++lines;
      continue;
    }
    const std::size_t eol = start_of_eol(data, lf);
    lines_ += lines;
    if (eol != 0) at_line_start_ = false;
    pass_body(data.substr(0, eol));
    if (match.outcome == BoundaryMatch::kNeedMore) return eol;
    const std::uint64_t end = offset_;
    offset_ += next - eol + match.size;
    ++lines_;
    take_boundary(match, end, lines_ - 1);
    return next + match.size;
  }
  lines_ += lines;
  const std::size_t used = data.ends_with('\r') && !final ? data.size() - 1 : data.size();
  if (used != 0) at_line_start_ = false;
  pass_body(data.substr(0, used));
  return used;
}

std::size_t Scanner::scan_boundary_line(std::string_view data) {
  const std::size_t lf = find_lf(data, 0);
  const std::size_t used = lf == std::string_view::npos ? data.size() : lf + 1;
  offset_ += used;
  if (lf == std::string_view::npos) return used;
  ++lines_;
  at_line_start_ = true;
  if (ends_multipart_) {
    state_ = State::kBody;  // the epilogue
  } else {
    begin_part(current_, offset_);
  }
  return used;
}

Scanner::BoundaryMatch Scanner::match_boundary(std::string_view line, bool final) const {
  if (boundaries_.empty() || !within_limits()) return {};
  if (line.size() < 2) {
    const bool possible = line.empty() || line[0] == '-';
    return {.outcome = possible && !final ? BoundaryMatch::kNeedMore : BoundaryMatch::kNo};
  }
  if (line[0] != '-' || line[1] != '-') return {};
  const std::string_view window = line.substr(0, kBoundaryLineWindow);
  const std::size_t lf = window.find('\n');
  if (lf == std::string_view::npos && window.size() < kBoundaryLineWindow && !final) {
    return {.outcome = BoundaryMatch::kNeedMore};
  }
  std::string_view text = window.substr(0, lf).substr(2);
  if (text.ends_with('\r')) text.remove_suffix(1);

  BoundaryMatch best;
  std::size_t best_size = 0;
  for (std::size_t level = boundaries_.size(); level-- > 0;) {
    const std::string& boundary = boundaries_[level].text;
    if (!text.starts_with(boundary)) continue;
    const bool better = best.outcome == BoundaryMatch::kNo || boundary.size() > best_size;
    if (!better) continue;
    const std::string_view tail = text.substr(boundary.size());
    best = {.outcome = BoundaryMatch::kYes,
            .level = level,
            .closes = tail.starts_with("--"),
            .size = 2 + boundary.size() + (tail.starts_with("--") ? 2U : 0U)};
    best_size = boundary.size();
    // "--x--" is the end of "x", even where an outer boundary is called "x--".
    if (tail.empty() || tail == "--") break;
  }
  return best;
}

void Scanner::begin_part(std::size_t parent, std::uint64_t offset) {
  PartNode node;
  node.parent = parent;
  node.header.offset = offset;
  if (!nodes_.empty()) {
    node.depth = nodes_[parent].depth + 1;
    ++nodes_[parent].children;
  }
  current_ = nodes_.size();
  nodes_.push_back(node);
  state_ = State::kHeader;
  at_line_start_ = true;
  last_eol_size_ = 0;
  last_was_cr_ = false;
  header_.clear();
}

void Scanner::keep_header(std::string_view line) {
  const std::size_t room =
      std::min(limits_.part_header_bytes - std::min(limits_.part_header_bytes, header_.size()),
               limits_.header_bytes - std::min(limits_.header_bytes, header_bytes_));
  const std::string_view kept = line.substr(0, room);
  header_.append(kept);
  header_bytes_ += kept.size();
}

void Scanner::end_header(HeaderEnd how, std::uint64_t end, std::uint64_t lines) {
  for (;;) {
    PartNode& node = nodes_[current_];
    node.header.size = end - node.header.offset;
    node.body.offset = end;
    node.body_lines = lines;  // until the part is closed: the count at its beginning
    if (current_ == 0) kept_header_size_ = header_.size();
    const bool may_enter = within_limits() && node.depth + 1 < limits_.depth;
    PartVerdict verdict = listener_->on_header(current_, header_, may_enter);
    node.kind = may_enter ? verdict.kind : PartKind::kLeaf;
    if (node.kind == PartKind::kMessage) {
      begin_part(current_, end);
      if (how == HeaderEnd::kEmptyLine) return;
      continue;  // nothing comes: the enclosed message is empty
    }
    state_ = State::kBody;
    at_line_start_ = true;
    if (node.kind == PartKind::kMultipart && how == HeaderEnd::kEmptyLine &&
        !verdict.boundary.empty()) {
      boundaries_.push_back({.node = current_, .text = std::move(verdict.boundary)});
    }
    return;
  }
}

// Ends the parts inside the multipart that the boundary belongs to. REQUIRES: the boundary itself,
// with the line end before it, is counted already; its parts' `end` and `lines` lie before that.
void Scanner::take_boundary(const BoundaryMatch& match, std::uint64_t end, std::uint64_t lines) {
  const std::size_t owner = boundaries_[match.level].node;
  while (current_ != owner) close_current(end, lines);
  // Boundaries inside it are forgotten, even if they have not come to their end.
  boundaries_.resize(match.level + (match.closes ? 0 : 1));
  ends_multipart_ = match.closes;
  state_ = State::kBoundaryLine;
}

void Scanner::close_current(std::uint64_t end, std::uint64_t lines) {
  PartNode& node = nodes_[current_];
  node.body.size = end - node.body.offset;
  node.body_lines = lines - node.body_lines;
  if (node.kind == PartKind::kLeaf) listener_->on_body_end();
  current_ = node.parent;
}

void Scanner::pass_body(std::string_view bytes) {
  if (bytes.empty()) return;
  offset_ += bytes.size();
  if (nodes_[current_].kind == PartKind::kLeaf) listener_->on_body(bytes);
}

bool Scanner::within_limits() const {
  return nodes_.size() < limits_.parts && header_bytes_ < limits_.header_bytes;
}

}  // namespace mime
