#include "net/deflate_layer.h"

#include <zlib.h>

#include <algorithm>
#include <utility>

namespace net {

namespace {

// Our side of the trade: a fast level, since the bytes pass the loop, and 96 KiB per connection
// instead of zlib's 256 KiB. The peer may use the full window, so inflate allows it.
constexpr int kLevel = 3;
constexpr int kDeflateWindow = -13;  // negative: raw DEFLATE, no zlib header (RFC 4978 section 3)
constexpr int kDeflateMemory = 7;
constexpr int kInflateWindow = -15;
constexpr std::size_t kStep = 16384;

Error zlib_error(const char* what, const z_stream& stream) {
  return Error(Errc::kProtocol, std::string("DEFLATE: cannot ") + what + ": " +
                                    (stream.msg != nullptr ? stream.msg : "damaged data"));
}

Bytef* bytes(const char* data) { return reinterpret_cast<Bytef*>(const_cast<char*>(data)); }

}  // namespace

struct DeflateLayer::Streams {
  z_stream in{};
  z_stream out{};
};

DeflateLayer::DeflateLayer() : streams_(std::make_unique<Streams>()) {}

DeflateLayer::~DeflateLayer() {
  inflateEnd(&streams_->in);
  deflateEnd(&streams_->out);
}

Result<std::unique_ptr<DeflateLayer>> DeflateLayer::create() {
  std::unique_ptr<DeflateLayer> layer(new DeflateLayer());
  if (inflateInit2(&layer->streams_->in, kInflateWindow) != Z_OK ||
      deflateInit2(&layer->streams_->out, kLevel, Z_DEFLATED, kDeflateWindow, kDeflateMemory,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return fail(Errc::kLimit, "DEFLATE: out of memory");
  }
  return layer;
}

Result<> DeflateLayer::inflate(std::size_t limit, std::string* plain) {
  z_stream& stream = streams_->in;
  stream.next_in = bytes(pending_.data());
  stream.avail_in = static_cast<uInt>(pending_.size());
  const std::size_t end = plain->size() + limit;
  // By way of the stack, so that a short command does not leave a large buffer behind.
  char piece[kStep];
  int rc = ended_ ? Z_STREAM_END : Z_OK;
  while (rc == Z_OK && plain->size() < end) {
    const std::size_t room = std::min(sizeof(piece), end - plain->size());
    stream.next_out = bytes(piece);
    stream.avail_out = static_cast<uInt>(room);
    rc = ::inflate(&stream, Z_SYNC_FLUSH);
    plain->append(piece, room - stream.avail_out);
    if (stream.avail_in == 0 && stream.avail_out != 0) break;
  }
  if (stream.avail_in == 0) {
    pending_ = std::string();
  } else {
    pending_.erase(0, pending_.size() - stream.avail_in);
  }
  if (rc == Z_STREAM_END) {
    ended_ = true;
    if (!pending_.empty()) {
      return fail(Errc::kProtocol, "DEFLATE: more bytes after the end of the stream");
    }
    return {};
  }
  // Z_BUF_ERROR: nothing to do without more input.
  if (rc == Z_OK || rc == Z_BUF_ERROR) return {};
  return std::unexpected(zlib_error("decompress", stream));
}

Result<> DeflateLayer::deflate(std::string_view plain, std::string* compressed) {
  dirty_ = dirty_ || !plain.empty();
  return run_deflate(plain, Z_NO_FLUSH, compressed);
}

Result<> DeflateLayer::flush(std::string* compressed) {
  if (!std::exchange(dirty_, false)) return {};
  return run_deflate({}, Z_SYNC_FLUSH, compressed);
}

Result<> DeflateLayer::run_deflate(std::string_view plain, int flush, std::string* compressed) {
  z_stream& stream = streams_->out;
  stream.next_in = bytes(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  do {
    const std::size_t before = compressed->size();
    int rc = Z_OK;
    compressed->resize_and_overwrite(before + kStep, [&](char* data, std::size_t) {
      stream.next_out = bytes(data + before);
      stream.avail_out = kStep;
      rc = ::deflate(&stream, flush);
      return before + kStep - stream.avail_out;
    });
    if (rc != Z_OK && rc != Z_BUF_ERROR) return std::unexpected(zlib_error("compress", stream));
    // Room left in the output means that everything is out.
  } while (stream.avail_out == 0);
  return {};
}

}  // namespace net
