#include "protocol/imap/namespace_response.h"

#include "protocol/imap/characters.h"
#include "protocol/imap/response_decoder_data.h"

namespace imap {
namespace {

std::vector<NamespaceEntry> read_entries(Value list, const DecodingContext& context) {
  std::vector<NamespaceEntry> entries;
  Values items = list.children();
  while (!items.done() && entries.size() < context.max_items) {
    Values fields = items.take().children();
    const auto prefix = fields.take().optional_bytes();
    if (!prefix) continue;
    entries.push_back(
        {MailboxName::from_server(*prefix, context.utf8), read_delimiter(fields.take())});
  }
  return entries;
}

void encode_entries(Writer& writer, const std::vector<NamespaceEntry>& entries) {
  writer.space();
  if (entries.empty()) return writer.nil();
  writer.open();
  for (const NamespaceEntry& entry : entries) {
    writer.open();
    // RFC 2342 6: a string, not an astring.
    writer.string(entry.prefix.wire(writer.options().utf8));
    writer.space();
    encode_delimiter(writer, entry.delimiter);
    writer.close();
  }
  writer.close();
}

}  // namespace

std::optional<NamespaceResponse> read_namespace(Values values, const DecodingContext& context) {
  NamespaceResponse response;
  for (auto* entries : {&response.personal, &response.other_users, &response.shared}) {
    const Value list = values.take();
    if (!list.is_list() && !list.is_nil()) return std::nullopt;
    *entries = read_entries(list, context);
  }
  return response;
}

std::optional<IdResponse> read_id(Values values, const DecodingContext& context) {
  const Value list = values.take();
  if (!list.is_list() && !list.is_nil()) return std::nullopt;
  IdResponse response;
  Values items = list.children();
  while (!items.done() && response.fields.size() < context.max_items) {
    auto name = items.take().optional_bytes();
    auto value = items.take().optional_bytes();
    if (name) response.fields.emplace_back(std::move(*name), std::move(value));
  }
  return response;
}

std::optional<std::string> IdResponse::find(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (equals_ignoring_case(field, name)) return value;
  }
  return std::nullopt;
}

void encode_response(Writer& writer, const NamespaceResponse& response) {
  writer.raw("* NAMESPACE");
  encode_entries(writer, response.personal);
  encode_entries(writer, response.other_users);
  encode_entries(writer, response.shared);
  writer.crlf();
}

void encode_response(Writer& writer, const IdResponse& response) {
  writer.raw("* ID ");
  if (response.fields.empty()) {
    writer.nil();
  } else {
    writer.open();
    bool first = true;
    for (const auto& [name, value] : response.fields) {
      writer.separate(first);
      writer.string(name);
      writer.space();
      writer.nstring(value);
    }
    writer.close();
  }
  writer.crlf();
}

}  // namespace imap
