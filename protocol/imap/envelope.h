// ENVELOPE: the parsed header of a message. RFC 3501 7.4.2.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace imap {

/// nstring: bytes, or NIL. RFC 3501 4.5.
using NString = std::optional<std::string>;

/// One address. A group opens with an address that has a mailbox (the group's name) and no host,
/// and closes with one that has neither.
struct Address {
  NString name;     // display name, quoting removed, encoded words left as they are
  NString adl;      // source route of RFC 822
  NString mailbox;  // local part
  NString host;     // domain

  friend bool operator==(const Address&, const Address&) = default;
};

/// The header fields that a listing needs, as raw bytes: encoded words and 8-bit are not decoded.
struct Envelope {
  NString date;  // the Date field's text
  NString subject;
  std::vector<Address> from;  // an empty list is NIL
  std::vector<Address> sender;
  std::vector<Address> reply_to;
  std::vector<Address> to;
  std::vector<Address> cc;
  std::vector<Address> bcc;
  NString in_reply_to;
  NString message_id;

  friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// Appends the wire form, "(" to ")": valid for any bytes. A string is quoted where it is 7-bit
/// without CR, LF and NUL, and a literal otherwise. The form is stored and sent as it is.
/// RFC 3501 7.4.2 lets sender and reply-to default to from: the caller fills them, not this.
void encode_envelope(const Envelope& envelope, std::string* out);

/// Reads the wire form, tolerantly: what a server got wrong in one field costs that field alone.
/// Errors: kInvalid when `wire` is not one parenthesised list.
Result<Envelope> decode_envelope(std::string_view wire);

}  // namespace imap
