// MailboxName: what a mailbox is called, and how LIST patterns match it. RFC 3501 5.1.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/imap/lexer.h"
#include "protocol/imap/writer.h"

namespace imap {

/// The name of a mailbox in UTF-8; "INBOX" in any case is "INBOX". With our own clients the levels
/// are separated by "/"; a name from upstream has whatever separator upstream uses.
///
/// A name that a server sent and that modified UTF-7 cannot give back is kept as it came too, so
/// that it can be sent back byte for byte; two names are equal when both forms are.
///
/// Thread: a plain value.
class MailboxName {
 public:
  /// The longest name in bytes of UTF-8.
  static constexpr std::size_t kMaxBytes = 1'000;

  /// An empty name, which stands for none.
  MailboxName() = default;
  /// Errors: kInvalid if empty, not UTF-8 or with a NUL; kLimit if longer than kMaxBytes.
  static Result<MailboxName> make(std::string_view utf8);
  static MailboxName inbox();
  /// A client's name: modified UTF-7, or UTF-8 when `utf8`.
  /// Errors: as make(), and kInvalid for broken UTF-7.
  static Result<MailboxName> from_client(std::string_view wire, bool utf8);
  /// A server's name: never fails, since a mailbox with a broken name must not hide the others.
  static MailboxName from_server(std::string_view wire, bool utf8);

  const std::string& utf8() const { return utf8_; }
  bool empty() const { return utf8_.empty(); }
  bool is_inbox() const { return utf8_ == "INBOX"; }
  /// The form for the wire: the server's own where it cannot be rebuilt, else modified UTF-7, or
  /// UTF-8 when `utf8`.
  std::string wire(bool utf8) const;
  /// Whether wire() had to be kept because utf8() alone would not give it back.
  bool has_raw() const { return !raw_.empty(); }

  friend bool operator==(const MailboxName&, const MailboxName&) = default;
  friend auto operator<=>(const MailboxName&, const MailboxName&) = default;

 private:
  std::string utf8_;
  std::string raw_;
};

/// Whether `name` matches the LIST pattern `pattern` (both UTF-8): "*" is anything, "%" anything
/// without `separator`; the rest is compared byte by byte, except that a leading "INBOX" level is
/// compared without regard to case. RFC 3501 6.3.8. Time: at most |name| times |pattern|.
bool matches_list_pattern(std::string_view pattern, std::string_view name, char separator = '/');

/// Reads a mailbox: an astring. Strict: from_client(); tolerant: from_server().
Result<MailboxName> decode_mailbox(Lexer& lexer);
/// Writes a mailbox as an astring.
void encode_mailbox(Writer& writer, const MailboxName& name);

}  // namespace imap

template <>
struct std::hash<imap::MailboxName> {
  std::size_t operator()(const imap::MailboxName& name) const noexcept {
    return std::hash<std::string>{}(name.utf8());
  }
};
