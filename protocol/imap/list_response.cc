#include "protocol/imap/list_response.h"

#include <array>
#include <utility>

#include "protocol/imap/response_decoder_data.h"

namespace imap {
namespace {

constexpr std::array kAttributes = {
    std::pair{ListAttribute::kNoInferiors, std::string_view("\\Noinferiors")},
    std::pair{ListAttribute::kNoSelect, std::string_view("\\Noselect")},
    std::pair{ListAttribute::kMarked, std::string_view("\\Marked")},
    std::pair{ListAttribute::kUnmarked, std::string_view("\\Unmarked")},
    std::pair{ListAttribute::kNonExistent, std::string_view("\\NonExistent")},
    std::pair{ListAttribute::kHasChildren, std::string_view("\\HasChildren")},
    std::pair{ListAttribute::kHasNoChildren, std::string_view("\\HasNoChildren")},
    std::pair{ListAttribute::kSubscribed, std::string_view("\\Subscribed")},
    std::pair{ListAttribute::kRemote, std::string_view("\\Remote")},
    std::pair{ListAttribute::kAll, std::string_view("\\All")},
    std::pair{ListAttribute::kArchive, std::string_view("\\Archive")},
    std::pair{ListAttribute::kDrafts, std::string_view("\\Drafts")},
    std::pair{ListAttribute::kFlagged, std::string_view("\\Flagged")},
    std::pair{ListAttribute::kJunk, std::string_view("\\Junk")},
    std::pair{ListAttribute::kSent, std::string_view("\\Sent")},
    std::pair{ListAttribute::kTrash, std::string_view("\\Trash")},
    std::pair{ListAttribute::kImportant, std::string_view("\\Important")},
};

void read_attributes(Value list, std::size_t max_items, ListResponse* response) {
  Values items = list.children();
  for (std::size_t n = 0; !items.done() && n < max_items; ++n) {
    const Value item = items.take();
    bool known = false;
    for (const auto& [attribute, name] : kAttributes) {
      if (!item.equals(name)) continue;
      response->attributes.add(attribute);
      known = true;
    }
    if (known) continue;
    if (auto name = item.optional_bytes()) {
      response->other_attributes.push_back(std::move(*name));
    }
  }
}

// Exchange sends names with spaces and control characters without quotes: then the name goes on to
// the end of the line, or to the extended data.
std::string_view unquoted_name(std::string_view line, std::size_t begin) {
  std::string_view name = line.substr(begin);
  const std::size_t extended = name.find(" (");
  if (extended != std::string_view::npos && name.ends_with(')')) name = name.substr(0, extended);
  while (name.ends_with(' ')) name.remove_suffix(1);
  return name;
}

void read_extended(Values items, const DecodingContext& context, ListResponse* response) {
  while (!items.done()) {
    const Value tag = items.take();
    const Value value = items.take();
    if (tag.equals("CHILDINFO")) {
      response->child_info = read_strings(value.children(), context.max_items);
    } else if (tag.equals("OLDNAME")) {
      const Value name = value.is_list() ? value.children().peek() : value;
      if (auto wire = name.optional_bytes()) {
        response->old_name = MailboxName::from_server(*wire, context.utf8);
      }
    }
  }
}

}  // namespace

std::string_view name_of(ListAttribute attribute) {
  for (const auto& [known, name] : kAttributes) {
    if (known == attribute) return name;
  }
  return "";
}

std::optional<ListResponse> read_list(Values values, bool lsub, const DecodingContext& context) {
  ListResponse response;
  response.lsub = lsub;
  const Value attributes = values.take();
  if (!attributes.is_list() && !attributes.is_nil()) return std::nullopt;
  read_attributes(attributes, context.max_items, &response);
  response.delimiter = read_delimiter(values.take());

  const Value name = values.take();
  if (name.kind() == ValueKind::kAbsent || name.is_list() || name.is_streamed()) {
    return std::nullopt;
  }
  const bool quoted = name.is_string();
  const std::string wire =
      quoted ? name.bytes() : std::string(unquoted_name(context.line, name.offset()));
  response.mailbox = MailboxName::from_server(wire, context.utf8);
  if (!quoted) {
    while (!values.done() && !values.peek().is_list()) values.take();
  }
  read_extended(values.take().children(), context, &response);
  return response;
}

std::optional<char> read_delimiter(Value value) {
  const std::string bytes = value.bytes();
  if (bytes.empty()) return std::nullopt;
  return bytes.front();
}

void encode_delimiter(Writer& writer, std::optional<char> delimiter) {
  const std::string_view text = delimiter ? std::string_view(&*delimiter, 1) : std::string_view();
  // RFC 3501 9: mailbox-list has DQUOTE QUOTED-CHAR DQUOTE / nil.
  if (text.empty() || is_8bit(text.front()) || !writer.can_quote(text)) return writer.nil();
  writer.quoted(text);
}

void encode_response(Writer& writer, const ListResponse& response) {
  writer.raw(response.lsub ? "* LSUB (" : "* LIST (");
  bool first = true;
  for (const auto& [attribute, name] : kAttributes) {
    if (!response.attributes.has(attribute)) continue;
    writer.separate(first);
    writer.atom(name);
  }
  for (const std::string& name : response.other_attributes) {
    if (!name.starts_with('\\') || !is_atom(std::string_view(name).substr(1))) continue;
    writer.separate(first);
    writer.atom(name);
  }
  writer.raw(") ");
  encode_delimiter(writer, response.delimiter);
  writer.space();
  encode_mailbox(writer, response.mailbox);
  if (!response.child_info.empty() || response.old_name) {
    writer.raw(" (");
    bool first_item = true;
    if (!response.child_info.empty()) {
      writer.separate(first_item);
      writer.raw("\"CHILDINFO\" (");
      bool first_option = true;
      for (const std::string& option : response.child_info) {
        writer.separate(first_option);
        writer.string(option);
      }
      writer.close();
    }
    if (response.old_name) {
      writer.separate(first_item);
      writer.raw("\"OLDNAME\" (");
      encode_mailbox(writer, *response.old_name);
      writer.close();
    }
    writer.close();
  }
  writer.crlf();
}

}  // namespace imap
