// Frame: one whole command or response, cut out of the stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace imap {

/// A literal whose bytes went elsewhere (to a file, to the cache): its header "{n}" CRLF is in the
/// frame's text, its bytes are not.
struct StreamedLiteral {
  std::size_t offset = 0;  // in Frame::text, just behind the header: where the bytes would be
  std::uint64_t size_bytes = 0;
  bool binary = false;  // literal8, "~{n}"
  friend bool operator==(const StreamedLiteral&, const StreamedLiteral&) = default;
};

/// A complete command or response without its final CRLF, literals included (except the streamed
/// ones, ascending by offset).
///
/// Lifetime: borrows from the Framer and from the bytes that it was fed; decode it before either
///           goes on.
struct Frame {
  std::string_view text;
  std::span<const StreamedLiteral> streamed = {};
};

}  // namespace imap
