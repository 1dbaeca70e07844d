#include "protocol/imap/envelope.h"

#include "protocol/imap/response_decoder_body.h"
#include "protocol/imap/writer.h"

namespace imap {
namespace {

void encode_addresses(const std::vector<Address>& addresses, Writer& writer) {
  if (addresses.empty()) return writer.nil();
  writer.open();
  for (const Address& address : addresses) {
    writer.open();
    writer.nstring(address.name);
    writer.space();
    writer.nstring(address.adl);
    writer.space();
    writer.nstring(address.mailbox);
    writer.space();
    writer.nstring(address.host);
    writer.close();
  }
  writer.close();
}

}  // namespace

void encode_envelope(const Envelope& envelope, std::string* out) {
  Writer writer(*out);
  writer.open();
  writer.nstring(envelope.date);
  writer.space();
  writer.nstring(envelope.subject);
  for (const auto* list : {&envelope.from, &envelope.sender, &envelope.reply_to, &envelope.to,
                           &envelope.cc, &envelope.bcc}) {
    writer.space();
    encode_addresses(*list, writer);
  }
  writer.space();
  writer.nstring(envelope.in_reply_to);
  writer.space();
  writer.nstring(envelope.message_id);
  writer.close();
}

Result<Envelope> decode_envelope(std::string_view wire) {
  ValueTree tree;
  tree.parse({.text = wire});
  Values top = tree.top();
  const Value list = top.take();
  if (!list.is_list() || !top.done()) return fail(Errc::kInvalid, "ENVELOPE is not one list");
  return read_envelope(list);
}

}  // namespace imap
