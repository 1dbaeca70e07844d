// Scanner: finds the parts of a message in its bytes (RFC 2046 5.1), as they stream by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/mime/limits.h"
#include "protocol/mime/part_tree.h"

namespace mime {

/// What the owner of a scanner makes of a header.
struct PartVerdict {
  PartKind kind = PartKind::kLeaf;
  std::string boundary;  // of a multipart; without one it has no parts
};

class ScannerListener {
 public:
  virtual ~ScannerListener() = default;
  /// The header of node `index` is complete; `header` is what of it is within the limits. A
  /// container is entered only if `may_enter`.
  virtual PartVerdict on_header(std::size_t index, std::string_view header, bool may_enter) = 0;
  /// Bytes of the body of the last part whose header was seen: a leaf.
  virtual void on_body(std::string_view bytes) = 0;
  virtual void on_body_end() = 0;
};

/// One pass, no byte looked at twice but for a line that may be a boundary. Bodies are searched
/// with memchr for line ends, and only lines that begin with "--" are compared.
///
/// A boundary matches by its prefix; the longest open one wins, the innermost among equals. The
/// line end before a boundary belongs to it (RFC 2046 5.1.1).
class Scanner {
 public:
  Scanner(ScannerListener* listener, const Limits& limits);

  void feed(std::string_view bytes);
  void finish();

  /// The parts, in preorder. Complete after finish().
  const std::vector<PartNode>& nodes() const { return nodes_; }
  std::uint64_t size() const { return offset_; }
  /// How many bytes of the message's own header on_header() has been given.
  std::size_t kept_header_size() const { return kept_header_size_; }

 private:
  enum class State : std::uint8_t { kHeader, kBody, kBoundaryLine };
  enum class HeaderEnd : std::uint8_t { kEmptyLine, kCut };  // cut: by a boundary or the end
  struct OpenBoundary {
    std::size_t node = 0;
    std::string text;
  };
  struct BoundaryMatch {
    enum : std::uint8_t { kNo, kNeedMore, kYes } outcome = kNo;
    std::size_t level = 0;  // in boundaries_
    bool closes = false;
    std::size_t size = 0;  // of "--boundary" or "--boundary--"
  };

  // Each handles a prefix of `data`, which is not empty, and returns its length; 0 asks for more
  // bytes, which it may not do when `final`.
  std::size_t consume(std::string_view data, bool final);
  std::size_t scan_header(std::string_view data, bool final);
  std::size_t scan_body(std::string_view data, bool final);
  std::size_t scan_boundary_line(std::string_view data);

  BoundaryMatch match_boundary(std::string_view line, bool final) const;
  void begin_part(std::size_t parent, std::uint64_t offset);
  void end_header(HeaderEnd how, std::uint64_t end, std::uint64_t lines);
  void keep_header(std::string_view line);
  void take_boundary(const BoundaryMatch& match, std::uint64_t end, std::uint64_t lines);
  void close_current(std::uint64_t end, std::uint64_t lines);
  void pass_body(std::string_view bytes);
  bool within_limits() const;

  ScannerListener* listener_;
  Limits limits_;
  State state_ = State::kHeader;
  std::vector<PartNode> nodes_;
  std::vector<OpenBoundary> boundaries_;  // outermost first
  std::size_t current_ = 0;               // the innermost open part
  bool at_line_start_ = true;
  bool ends_multipart_ = false;    // kBoundaryLine: it was "--boundary--"
  std::uint64_t offset_ = 0;       // of the next byte
  std::uint64_t lines_ = 0;        // line feeds before it
  std::size_t last_eol_size_ = 0;  // of the header line before
  bool last_was_cr_ = false;
  std::string header_;            // of the current part
  std::size_t header_bytes_ = 0;  // of all parts
  std::size_t kept_header_size_ = 0;
  std::string
      carry_;  // the undecided tail of the chunk before: at most a line end and "--boundary--"
};

}  // namespace mime
