// What makes a message the same message at another place.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace mime {

using HeaderDigest = std::array<std::uint8_t, 16>;

/// The Message-ID of a header block: without folding, comments and blanks; empty when there is
/// none. The angle brackets stay. Case counts (RFC 5322 3.6.4).
std::string message_id(std::string_view header_block);

/// A digest that is the same wherever the message lies: of the fields that no server touches (From,
/// To, Subject, Date, Message-ID), refolding and white space apart. What servers add or change
/// (Return-Path, Received, Status, X-UID, X-Message-Flag, Content-Length ...) has no part in it.
/// It tells messages apart that were not made to collide: SipHash-2-4 of 128 bits with a fixed key.
/// Stored: a change of it needs a new schema version.
HeaderDigest header_digest(std::string_view header_block);

}  // namespace mime
