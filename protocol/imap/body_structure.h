// BODY and BODYSTRUCTURE: the MIME tree of a message. RFC 3501 7.4.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/imap/envelope.h"

namespace imap {

/// How deep multiparts and messages may nest, the root included. Below it the decoder makes one
/// opaque part of whatever is there, and so does the encoder. (Dovecot draws the same line.)
inline constexpr int kMaxBodyDepth = 100;
/// How many parts a decoded body may have in all; the rest is dropped.
inline constexpr std::size_t kMaxBodyParts = 10'000;

/// One parameter of Content-Type or Content-Disposition, as raw bytes.
struct Parameter {
  std::string name;
  std::string value;

  friend bool operator==(const Parameter&, const Parameter&) = default;
};
using Parameters = std::vector<Parameter>;

/// Content-Disposition. RFC 2183.
struct Disposition {
  std::string type;  // "attachment", "inline"
  Parameters parameters;

  friend bool operator==(const Disposition&, const Disposition&) = default;
};

/// One part and all below it. Which of the four wire forms it takes follows from its type:
///   is_multipart()  `parts` are the children; id, description, encoding, octets, lines, md5 unused
///   is_message()    `envelope`, `lines`, and one part: the body of the enclosed message
///   is_text()       `lines`
///   otherwise       basic
struct BodyStructure {
  std::string type;     // "TEXT"; case does not matter and is kept
  std::string subtype;  // "PLAIN"
  Parameters parameters;
  NString id;
  NString description;
  std::string encoding;      // "BASE64"; empty is written as "7BIT"
  std::uint64_t octets = 0;  // as transferred, not decoded; written as at most 4294967295
  std::uint64_t lines = 0;   // the same limit
  std::optional<Envelope> envelope;
  std::vector<BodyStructure> parts;
  // Extension data: in BODYSTRUCTURE only.
  NString md5;
  std::optional<Disposition> disposition;
  std::vector<std::string> language;  // empty is NIL
  NString location;

  bool is_multipart() const;
  /// MESSAGE/RFC822, or another MESSAGE that carries an envelope (GLOBAL, RFC 9051 7.5.2).
  bool is_message() const;
  bool is_text() const;

  friend bool operator==(const BodyStructure&, const BodyStructure&) = default;
};

/// Appends the form without extension data, "(" to ")", for BODY: valid for any bytes and any
/// value. A multipart without children gets one empty text part, because the grammar wants one; a
/// message without envelope or body gets empty ones.
void encode_body(const BodyStructure& body, std::string* out);
/// The same with all extension data, for BODYSTRUCTURE.
void encode_body_structure(const BodyStructure& body, std::string* out);

/// Reads either form, tolerantly: faults of known servers are mended (an empty multipart, a
/// disposition that is a bare string, missing fields), so that the encoder's output for it is
/// valid. Errors: kInvalid when `wire` is not one parenthesised list.
Result<BodyStructure> decode_body_structure(std::string_view wire);

}  // namespace imap
