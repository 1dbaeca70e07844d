#include "protocol/imap/response_decoder_body.h"

#include <algorithm>
#include <array>
#include <limits>

#include "protocol/imap/characters.h"

namespace imap {
namespace {

std::uint64_t read_number(Value value) {
  // NIL, and "-1" for a count that is not known (Dovecot), read as 0.
  return std::min<std::uint64_t>(value.number().value_or(0),
                                 std::numeric_limits<std::uint32_t>::max());
}

Address read_address(Values fields) {
  Address address;
  address.name = fields.take().optional_bytes();
  address.adl = fields.take().optional_bytes();
  address.mailbox = fields.take().optional_bytes();
  address.host = fields.take().optional_bytes();
  return address;
}

std::vector<Address> read_addresses(Value list) {
  std::vector<Address> addresses;
  Values items = list.children();
  // A list that holds the fields themselves is one address without its own parentheses; a NIL
  // beside lists is noise (SmarterMail).
  const bool bare = items.peek().is_string();
  if (bare) return {read_address(items)};
  while (!items.done()) {
    Value item = items.take();
    while (item.children().peek().is_list()) item = item.children().peek();  // one pair too many
    if (item.is_list() && !item.children().done())
      addresses.push_back(read_address(item.children()));
  }
  return addresses;
}

Parameters read_parameters(Value list) {
  Parameters parameters;
  Values items = list.children();
  while (!items.done()) {
    const Value name = items.take();
    const Value value = items.take();
    // ("boundary" NIL) and (NIL NIL): mail.ru, Exchange.
    auto name_bytes = name.optional_bytes();
    auto value_bytes = value.optional_bytes();
    if (name_bytes && value_bytes) {
      parameters.push_back({std::move(*name_bytes), std::move(*value_bytes)});
    }
  }
  return parameters;
}

bool is_media_type(Value value) {
  static constexpr std::array<std::string_view, 9> kTypes = {
      "TEXT", "IMAGE", "AUDIO", "VIDEO", "APPLICATION", "MESSAGE", "MULTIPART", "FONT", "MODEL"};
  return std::ranges::any_of(kTypes, [&](std::string_view type) { return value.equals(type); });
}

Value nth(Values values, int n) {
  for (; n > 0; --n) values.take();
  return values.peek();
}

BodyStructure make_part(std::string type, std::string subtype) {
  BodyStructure part;
  part.type = std::move(type);
  part.subtype = std::move(subtype);
  part.encoding = "7BIT";
  return part;
}

std::optional<Disposition> read_disposition(Value value) {
  if (value.is_string()) {
    // Exchange: a bare word for the list, or the description in its place.
    const bool known =
        value.equals("ATTACHMENT") || value.equals("INLINE") || value.equals("FORM-DATA");
    if (!known) return std::nullopt;
    return Disposition{value.bytes(), {}};
  }
  if (value.children().peek().is_list()) value = value.children().peek();  // one pair too many
  Values fields = value.children();
  auto type = fields.take().optional_bytes();
  if (!type) return std::nullopt;  // also (NIL NIL)
  return Disposition{std::move(*type), read_parameters(fields.take())};
}

std::vector<std::string> read_language(Value value) {
  std::vector<std::string> tags;
  if (auto tag = value.optional_bytes()) tags.push_back(std::move(*tag));
  Values items = value.children();
  while (!items.done()) {
    if (auto tag = items.take().optional_bytes()) tags.push_back(std::move(*tag));
  }
  return tags;
}

void read_extension(Values fields, BodyStructure* part) {
  part->disposition = read_disposition(fields.take());
  part->language = read_language(fields.take());
  part->location = fields.take().optional_bytes();
}

// Builds the tree of one body, counting its parts.
class BodyReader {
 public:
  BodyStructure read(Value list, int depth) {
    if (depth > kMaxBodyDepth) return make_opaque_part();
    const Values fields = list.children();
    const Value first = fields.peek();
    // NIL or () as the body of a message: Domino, Dovecot.
    if (first.kind() == ValueKind::kAbsent) return make_empty_text_part();
    if (first.is_list()) return read_multipart(fields, depth);
    const Value second = nth(fields, 1);
    if (first.is_nil() && !second.is_nil() && !is_number(nth(fields, 6))) {
      return read_multipart(fields, depth);  // no children: Dovecot
    }
    if (second.is_nil() || second.is_list()) return read_half_typed(fields, depth);
    return read_single(fields, depth);
  }

 private:
  static bool is_number(Value value) {
    return value.is_atom() && !value.raw().empty() &&
           (is_digit(value.raw().front()) || value.raw().front() == '-');
  }

  BodyStructure read_multipart(Values fields, int depth) {
    BodyStructure part;
    part.type = "MULTIPART";
    if (fields.peek().is_nil()) fields.take();  // for no children: Dovecot
    while (fields.peek().is_list()) {
      const Value child = fields.take();
      if (++count_ < kMaxBodyParts) part.parts.push_back(read(child, depth + 1));
    }
    part.subtype = fields.take().bytes();
    if (part.subtype.empty()) part.subtype = "MIXED";
    part.parameters = read_parameters(fields.take());
    read_extension(fields, &part);
    return part;
  }

  // One word where type and subtype should be: a part that lacks one of them, or a multipart that
  // lacks its children (Gmail).
  BodyStructure read_half_typed(Values fields, int depth) {
    const Value word = fields.peek();
    const bool typed = is_media_type(word);
    const bool has_octets = is_number(nth(fields, 5)) || is_number(nth(fields, 6));
    if (!typed && !word.is_nil() && !has_octets) return read_multipart(fields, depth);
    fields.take();
    BodyStructure part = make_opaque_part();
    if (typed) {
      part.type = word.bytes();
      if (word.equals("TEXT")) part.subtype = "PLAIN";
      if (word.equals("MULTIPART")) part.subtype = "MIXED";
    } else if (std::string subtype = word.bytes(); !subtype.empty()) {
      part.subtype = std::move(subtype);
    }
    // (NIL NIL NIL NIL NIL "7BIT" 0 …), Exchange: both are there and empty.
    const bool both = !is_number(nth(fields, 4)) && is_number(nth(fields, 5));
    if (both && fields.peek().is_nil()) fields.take();
    read_fields(fields, &part, depth);
    return part;
  }

  BodyStructure read_single(Values fields, int depth) {
    BodyStructure part;
    part.type = fields.take().bytes();
    part.subtype = fields.take().bytes();
    if (part.type.empty()) part.type = "APPLICATION";
    if (part.subtype.empty()) part.subtype = part.is_text() ? "PLAIN" : "OCTET-STREAM";
    read_fields(fields, &part, depth);
    return part;
  }

  // From the parameters on.
  void read_fields(Values fields, BodyStructure* part, int depth) {
    part->parameters = read_parameters(fields.take());
    // A multipart written like a single part (GMX): nothing that follows is of use.
    if (part->is_multipart()) {
      part->encoding.clear();
      return;
    }
    part->id = fields.take().optional_bytes();
    part->description = fields.take().optional_bytes();
    part->encoding = fields.take().bytes();
    if (part->encoding.empty()) part->encoding = "7BIT";  // NIL: maddy
    part->octets = read_number(fields.take());
    if (part->is_text()) {
      // Where the count is missing, the digest comes next.
      if (is_number(fields.peek()) || is_number_missing(fields))
        part->lines = read_number(fields.take());
    } else if (equals_ignoring_case(part->type, "MESSAGE")) {
      read_message(&fields, part, depth);
    }
    if (!fields.peek().is_list()) part->md5 = fields.take().optional_bytes();
    read_extension(fields, part);
  }

  // NIL for the number of lines: there is one field more than the extension has.
  static bool is_number_missing(Values fields) {
    return fields.peek().is_nil() && nth(fields, 4).kind() != ValueKind::kAbsent;
  }

  void read_message(Values* fields, BodyStructure* part, int depth) {
    // In another subtype a list may also be a disposition that came early.
    const bool has_envelope =
        fields->peek().is_list() &&
        (part->is_message() || nth(fields->peek().children(), 7).kind() != ValueKind::kAbsent);
    const bool nil_envelope =
        fields->peek().is_nil() && nth(*fields, 1).is_list() && is_number(nth(*fields, 2));
    if (has_envelope || nil_envelope) {
      part->envelope = read_envelope(fields->take());
      ++count_;
      part->parts.push_back(read(fields->take(), depth + 1));
      part->lines = read_number(fields->take());
    } else if (part->is_message()) {
      // Gmail gives a message that is itself encoded like any other part.
      part->envelope.emplace();
      part->parts.push_back(make_empty_text_part());
    }
  }

  std::size_t count_ = 0;
};

}  // namespace

BodyStructure make_empty_text_part() {
  BodyStructure part = make_part("TEXT", "PLAIN");
  part.parameters = {{"CHARSET", "US-ASCII"}};
  return part;
}

BodyStructure make_opaque_part() { return make_part("APPLICATION", "OCTET-STREAM"); }

Envelope read_envelope(Value list) {
  Values fields = list.children();
  if (fields.peek().is_list()) fields = fields.peek().children();  // one pair too many
  Envelope envelope;
  envelope.date = fields.take().optional_bytes();
  envelope.subject = fields.take().optional_bytes();
  envelope.from = read_addresses(fields.take());
  envelope.sender = read_addresses(fields.take());
  envelope.reply_to = read_addresses(fields.take());
  envelope.to = read_addresses(fields.take());
  envelope.cc = read_addresses(fields.take());
  envelope.bcc = read_addresses(fields.take());
  envelope.in_reply_to = fields.take().optional_bytes();
  envelope.message_id = fields.take().optional_bytes();
  return envelope;
}

BodyStructure read_body(Value list) { return BodyReader().read(list, 1); }

}  // namespace imap
