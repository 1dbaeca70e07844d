// DeflateLayer: the two DEFLATE streams of one connection (RFC 4978), without I/O. Internal to
// net/.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace net {

/// Compresses one direction and decompresses the other.
///
/// Thread: any, one at a time; it moves between loops with its connection.
class DeflateLayer {
 public:
  static Result<std::unique_ptr<DeflateLayer>> create();
  ~DeflateLayer();
  DeflateLayer(const DeflateLayer&) = delete;
  DeflateLayer& operator=(const DeflateLayer&) = delete;

  /// Where received compressed bytes are appended, to wait for inflate().
  std::string* pending() { return &pending_; }
  /// Appends at most `limit` decompressed bytes to `plain`; call again for more: none appended
  /// means that more input is needed.
  Result<> inflate(std::size_t limit, std::string* plain);
  /// Appends the compressed form of `plain`; some may stay inside until flush().
  Result<> deflate(std::string_view plain, std::string* compressed);
  /// Appends all that deflate() holds back, so that the peer can decompress everything.
  Result<> flush(std::string* compressed);

 private:
  struct Streams;
  DeflateLayer();
  Result<> run_deflate(std::string_view plain, int flush, std::string* compressed);

  std::unique_ptr<Streams> streams_;
  std::string pending_;
  bool dirty_ = false;  // deflate() was called since the last flush()
  bool ended_ = false;  // the peer has ended its stream
};

}  // namespace net
