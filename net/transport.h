// Transport: a connected socket with its layers and buffers, without a loop. Internal to net/.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/address.h"
#include "net/deflate_layer.h"
#include "net/descriptor.h"
#include "net/input_buffer.h"
#include "net/output_queue.h"
#include "net/tls_layer.h"

namespace net {

/// Everything of a connection that may move from loop to loop. Its calls never wait.
///
///   reading:  socket -> TLS -> DEFLATE -> input
///   writing:  output -> DEFLATE -> TLS -> wire -> socket
///
/// Thread: any, one at a time.
struct Transport {
  enum class Received { kBytes, kNothingNow, kEnd };

  Descriptor socket;
  Peer peer;
  std::unique_ptr<TlsLayer> tls;
  std::unique_ptr<DeflateLayer> deflate;
  InputBuffer input;
  OutputQueue output;         // as written, not encoded yet
  std::string wire;           // encoded
  std::size_t wire_sent = 0;  // how much of `wire` the kernel has
  bool ended = false;         // the peer sends no more
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_bytes = 0;

  bool is_tls() const { return tls && tls->is_established(); }
  std::size_t queued_bytes() const { return output.size() + wire.size() - wire_sent; }

  /// Reads once from the socket and puts the bytes through TLS, into `input` or, when compressed,
  /// to where decompress() takes them from. Goes on with a TLS handshake if there is one.
  Result<Received> receive(std::span<char> scratch);
  /// Decompresses what was received, to at most `limit` bytes more in `input`.
  Result<> decompress(std::size_t limit);
  /// Encodes and sends until nothing is left (true) or the kernel takes no more (false).
  Result<bool> send();
  /// Encodes all that was written, whatever its size: before a layer changes.
  Result<> encode_all();

 private:
  bool encodes() const { return tls || deflate; }
  Result<bool> send_wire();
  Result<bool> send_output();
  Result<> encode_some(std::size_t limit);
  Result<> encrypt(std::string_view data);
};

}  // namespace net
