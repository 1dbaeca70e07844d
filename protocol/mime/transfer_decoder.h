// Content-Transfer-Encoding (RFC 2045 6), decoded as a stream; tolerant, never failing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mime {

enum class TransferEncoding : std::uint8_t { kIdentity, kQuotedPrintable, kBase64 };

/// By name, in any case; what is unknown is kIdentity, and so are 7bit, 8bit and binary.
TransferEncoding transfer_encoding_of(std::string_view name);

/// Decodes a body that comes in chunks of any size; the result does not depend on the cuts.
/// Broken input: characters outside the alphabet are skipped (base64), a bad "=XY" is kept as it
/// stands (quoted-printable).
class TransferDecoder {
 public:
  explicit TransferDecoder(TransferEncoding encoding) : encoding_(encoding) {}
  /// Appends what `bytes` decode to.
  void feed(std::string_view bytes, std::string* out);
  /// Appends what was held back.
  void finish(std::string* out);

 private:
  void feed_base64(std::string_view bytes, std::string* out);
  void feed_quoted_printable(std::string_view bytes, std::string* out);

  TransferEncoding encoding_;
  std::uint32_t bits_ = 0;  // base64: of an unfinished group of four
  int bit_count_ = 0;
  std::string held_;  // quoted-printable: "=" with what may belong to it, or blanks at a line's end
};

}  // namespace mime
