#include "protocol/imap/body_structure.h"

#include <algorithm>
#include <limits>

#include "protocol/imap/characters.h"
#include "protocol/imap/response_decoder_body.h"
#include "protocol/imap/writer.h"

namespace imap {
namespace {

// Walks over a body and appends it in one of the two forms.
class BodyEncoder {
 public:
  BodyEncoder(bool extended, std::string* out) : extended_(extended), writer_(*out) {}

  void encode(const BodyStructure& body, int depth) {
    writer_.open();
    if (depth > kMaxBodyDepth) {
      encode_single(make_opaque_part(), depth);
    } else if (body.is_multipart()) {
      encode_multipart(body, depth);
    } else {
      encode_single(body, depth);
    }
    writer_.close();
  }

 private:
  void encode_multipart(const BodyStructure& body, int depth) {
    for (const BodyStructure& part : body.parts) encode(part, depth + 1);
    // RFC 3501 9: body-type-mpart has at least one body in it, and so has body-type-msg.
    if (body.parts.empty()) encode(make_empty_text_part(), depth + 1);
    writer_.space();
    writer_.string(body.subtype);
    if (!extended_) return;
    writer_.space();
    encode_parameters(body.parameters);
    encode_extension(body);
  }

  void encode_single(const BodyStructure& body, int depth) {
    writer_.string(body.type);
    writer_.space();
    writer_.string(body.subtype);
    writer_.space();
    encode_parameters(body.parameters);
    writer_.space();
    writer_.nstring(body.id);
    writer_.space();
    writer_.nstring(body.description);
    writer_.space();
    writer_.string(body.encoding.empty() ? std::string_view("7BIT") : body.encoding);
    encode_number(body.octets);
    if (body.is_message()) {
      writer_.space();
      static const Envelope kNoEnvelope;
      encode_envelope(body.envelope ? *body.envelope : kNoEnvelope, &writer_.out());
      writer_.space();
      if (body.parts.empty()) {
        encode(make_empty_text_part(), depth + 1);
      } else {
        encode(body.parts.front(), depth + 1);
      }
      encode_number(body.lines);
    } else if (body.is_text()) {
      encode_number(body.lines);
    }
    if (!extended_) return;
    writer_.space();
    writer_.nstring(body.md5);
    encode_extension(body);
  }

  // What follows body-fld-md5 or the parameters of a multipart: RFC 3501 9, body-ext-1part.
  void encode_extension(const BodyStructure& body) {
    writer_.space();
    if (body.disposition) {
      writer_.open();
      writer_.string(body.disposition->type);
      writer_.space();
      encode_parameters(body.disposition->parameters);
      writer_.close();
    } else {
      writer_.nil();
    }
    writer_.space();
    if (body.language.empty()) {
      writer_.nil();
    } else {
      writer_.open();
      bool first = true;
      for (const std::string& tag : body.language) {
        writer_.separate(first);
        writer_.string(tag);
      }
      writer_.close();
    }
    writer_.space();
    writer_.nstring(body.location);
  }

  void encode_parameters(const Parameters& parameters) {
    if (parameters.empty()) return writer_.nil();
    writer_.open();
    bool first = true;
    for (const Parameter& parameter : parameters) {
      writer_.separate(first);
      writer_.string(parameter.name);
      writer_.space();
      writer_.string(parameter.value);
    }
    writer_.close();
  }

  // RFC 3501 9: number has 32 bits.
  void encode_number(std::uint64_t value) {
    writer_.space();
    writer_.number(std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
  }

  const bool extended_;
  Writer writer_;
};

}  // namespace

bool BodyStructure::is_multipart() const { return equals_ignoring_case(type, "MULTIPART"); }

bool BodyStructure::is_message() const {
  return equals_ignoring_case(type, "MESSAGE") &&
         (envelope.has_value() || equals_ignoring_case(subtype, "RFC822"));
}

bool BodyStructure::is_text() const { return equals_ignoring_case(type, "TEXT"); }

void encode_body(const BodyStructure& body, std::string* out) {
  BodyEncoder(false, out).encode(body, 1);
}

void encode_body_structure(const BodyStructure& body, std::string* out) {
  BodyEncoder(true, out).encode(body, 1);
}

Result<BodyStructure> decode_body_structure(std::string_view wire) {
  ValueTree tree;
  tree.parse({.text = wire});
  Values top = tree.top();
  const Value list = top.take();
  if (!list.is_list() || !top.done()) return fail(Errc::kInvalid, "BODYSTRUCTURE is not one list");
  return read_body(list);
}

}  // namespace imap
