#include "protocol/mime/part_header.h"

#include <algorithm>
#include <iterator>

#include "protocol/mime/address.h"
#include "protocol/mime/ascii.h"
#include "protocol/mime/header.h"
#include "protocol/mime/parameters.h"
#include "protocol/mime/utf8.h"
#include "protocol/mime/value_reader.h"

namespace mime {
namespace {

// RFC 2046 5.1.1 allows 70; a little more is met. What is longer is compared by its beginning, so
// that a line need not be kept whole to tell whether it is a boundary.
constexpr std::size_t kMaxBoundary = 80;
constexpr std::size_t kMaxLanguages = 100;

// A field's text on one line. Line ends go, the blanks that follow them stay; a stray CR or LF
// inside a line becomes a blank. Blanks before the text go, unless there is nothing else.
std::string text_of(std::string_view value) {
  std::size_t begin = value.find_first_not_of(" \t");
  if (begin == std::string_view::npos || value[begin] == '\r' || value[begin] == '\n') {
    begin = !value.empty() && is_blank(value.front()) ? 1 : 0;
  }
  std::string out;
  out.reserve(value.size() - begin);
  for (std::size_t i = begin; i < value.size(); ++i) {
    const char c = value[i];
    if (c == '\r' || c == '\n') {
      const bool alone = i + 1 < value.size() && !is_blank_or_eol(value[i + 1]);
      if (alone) out += ' ';
    } else if (c == '\0') {
      out += kReplacementUtf8;
    } else {
      out += c;
    }
  }
  return out;
}

void set_once(imap::NString* out, std::string_view value) {
  if (!*out) *out = text_of(value);
}

class ContentFields {
 public:
  void add(std::string_view name, std::string_view value) {
    if (equals_ignoring_case(name, "Type")) {
      if (!has_type_) read_type(value);
    } else if (equals_ignoring_case(name, "Transfer-Encoding")) {
      if (out_.encoding.empty()) read_encoding(value);
    } else if (equals_ignoring_case(name, "Disposition")) {
      if (!out_.disposition || out_.disposition->parameters.empty()) read_disposition(value);
    } else if (equals_ignoring_case(name, "Language")) {
      if (out_.language.empty()) read_language(value);
    } else if (equals_ignoring_case(name, "ID")) {
      set_once(&out_.id, value);
    } else if (equals_ignoring_case(name, "Description")) {
      set_once(&out_.description, value);
    } else if (equals_ignoring_case(name, "MD5")) {
      set_once(&out_.md5, value);
    } else if (equals_ignoring_case(name, "Location")) {
      set_once(&out_.location, value);
    }
  }

  bool has_type() const { return has_type_; }
  imap::BodyStructure take() { return std::move(out_); }

 private:
  void read_type(std::string_view value) {
    has_type_ = true;
    ValueReader reader(value);
    reader.skip_cfws();
    reader.append_token(&out_.type);
    reader.skip_cfws();
    if (reader.take('/')) {
      reader.append_token(&out_.subtype);
      reader.skip_cfws();
    }
    out_.parameters = read_parameters(&reader);
  }

  void read_encoding(std::string_view value) {
    ValueReader reader(value);
    reader.skip_cfws();
    std::string encoding;
    reader.append_token(&encoding);
    reader.skip_cfws();
    if (reader.at_end()) out_.encoding = std::move(encoding);
  }

  void read_disposition(std::string_view value) {
    ValueReader reader(value);
    reader.skip_cfws();
    imap::Disposition disposition;
    reader.append_token(&disposition.type);
    reader.skip_cfws();
    disposition.parameters = read_parameters(&reader);
    out_.disposition = std::move(disposition);
  }

  // RFC 3282 section 2: language tags, separated by commas.
  void read_language(std::string_view value) {
    ValueReader reader(value);
    reader.skip_cfws();
    for (std::string tag; reader.append_atom(&tag, /*with_dots=*/false); tag.clear()) {
      out_.language.push_back(tag);
      reader.skip_cfws();
      if (out_.language.size() == kMaxLanguages || !reader.take(',')) break;
    }
  }

  imap::BodyStructure out_;
  bool has_type_ = false;
};

PartKind kind_of(const imap::BodyStructure& structure) {
  if (equals_ignoring_case(structure.type, "multipart")) {
    return structure.subtype.empty() ? PartKind::kLeaf : PartKind::kMultipart;
  }
  const bool message = equals_ignoring_case(structure.type, "message") &&
                       equals_ignoring_case(structure.subtype, "rfc822");
  return message ? PartKind::kMessage : PartKind::kLeaf;
}

void fill_defaults(imap::BodyStructure* structure) {
  if (structure->type.empty()) structure->type = "text";
  const bool text = equals_ignoring_case(structure->type, "text");
  if (structure->subtype.empty()) structure->subtype = text ? "plain" : "x-unknown";
  if (structure->encoding.empty()) structure->encoding = "7bit";  // RFC 2045 6.1
  // RFC 2045 5.2, and Dovecot says it for every text type.
  if (text && !find_parameter(structure->parameters, "charset")) {
    structure->parameters.push_back({.name = "charset", .value = "us-ascii"});
  }
}

}  // namespace

PartHeader parse_part_header(std::string_view block, bool is_message, bool in_digest) {
  ContentFields fields;
  bool is_mime = !is_message;
  HeaderReader reader(block);
  while (const auto field = reader.next()) {
    if (!field->has_colon) continue;
    constexpr std::string_view kContent = "Content-";
    if (starts_with_ignoring_case(field->name, kContent)) {
      fields.add(field->name.substr(kContent.size()), field->value);
    } else if (equals_ignoring_case(field->name, "MIME-Version")) {
      is_mime = true;
    }
  }

  PartHeader out;
  if (is_mime || fields.has_type()) out.structure = fields.take();
  if (!fields.has_type() && in_digest) {
    out.structure.type = "message";  // RFC 2046 5.1.5
    out.structure.subtype = "rfc822";
  }
  out.kind = kind_of(out.structure);
  if (out.kind == PartKind::kMultipart) {
    out.is_digest = equals_ignoring_case(out.structure.subtype, "digest");
    for (const auto& [name, value] : out.structure.parameters) {
      if (!equals_ignoring_case(name, "boundary")) continue;
      out.boundary = value.substr(0, kMaxBoundary);
      break;
    }
  } else if (equals_ignoring_case(out.structure.type, "multipart")) {
    out.structure.type = "application";  // no subtype: nothing that could be shown as a multipart
    out.structure.subtype = "octet-stream";
  }
  fill_defaults(&out.structure);
  return out;
}

imap::Envelope parse_envelope(std::string_view block, std::size_t* addresses_left) {
  imap::Envelope out;
  // A field that occurs twice (RFC 5322 3.6 forbids it) gives its addresses together; of a text
  // the last one counts.
  const auto addresses = [&](std::vector<imap::Address>* list, std::string_view value) {
    auto found = parse_addresses(value, *addresses_left);
    *addresses_left -= found.size();
    std::ranges::move(found, std::back_inserter(*list));
  };
  HeaderReader reader(block);
  while (const auto field = reader.next()) {
    if (!field->has_colon) continue;
    const auto is = [&](std::string_view name) { return equals_ignoring_case(field->name, name); };
    if (is("Date")) {
      out.date = text_of(field->value);
    } else if (is("Subject")) {
      out.subject = readable_text(field->value);
    } else if (is("From")) {
      addresses(&out.from, field->value);
    } else if (is("Sender")) {
      addresses(&out.sender, field->value);
    } else if (is("Reply-To")) {
      addresses(&out.reply_to, field->value);
    } else if (is("To")) {
      addresses(&out.to, field->value);
    } else if (is("Cc")) {
      addresses(&out.cc, field->value);
    } else if (is("Bcc")) {
      addresses(&out.bcc, field->value);
    } else if (is("In-Reply-To")) {
      out.in_reply_to = text_of(field->value);
    } else if (is("Message-ID")) {
      out.message_id = text_of(field->value);
    }
  }
  if (out.sender.empty()) out.sender = out.from;
  if (out.reply_to.empty()) out.reply_to = out.from;
  return out;
}

}  // namespace mime
