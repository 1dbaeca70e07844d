#include "protocol/imap/mailbox_name.h"

#include <vector>

#include "protocol/imap/utf7.h"

namespace imap {
namespace {

constexpr std::string_view kInbox = "INBOX";

// Whether the first level of `text` is INBOX, ignoring case.
bool starts_with_inbox(std::string_view text, char separator) {
  return equals_ignoring_case(text.substr(0, kInbox.size()), kInbox) &&
         (text.size() == kInbox.size() || text[kInbox.size()] == separator);
}

}  // namespace

Result<MailboxName> MailboxName::make(std::string_view utf8) {
  if (utf8.empty()) return fail(Errc::kInvalid, "empty mailbox name");
  if (utf8.size() > kMaxBytes) return fail(Errc::kLimit, "mailbox name too long");
  if (utf8.find('\0') != std::string_view::npos) return fail(Errc::kInvalid, "NUL in mailbox name");
  if (!is_valid_utf8(utf8)) return fail(Errc::kInvalid, "mailbox name is not UTF-8");
  MailboxName name;
  name.utf8_ = equals_ignoring_case(utf8, kInbox) ? kInbox : utf8;
  return name;
}

MailboxName MailboxName::inbox() {
  MailboxName name;
  name.utf8_ = kInbox;
  return name;
}

Result<MailboxName> MailboxName::from_client(std::string_view wire, bool utf8) {
  // Modified UTF-7 is never four times as long as UTF-8, so this cannot fit.
  if (wire.size() > 4 * kMaxBytes) return fail(Errc::kLimit, "mailbox name too long");
  // RFC 6855 3: with UTF8=ACCEPT names are UTF-8 and "&" is nothing special.
  if (utf8) return make(wire);
  TRY(const std::string decoded, decode_utf7(wire));
  return make(decoded);
}

MailboxName MailboxName::from_server(std::string_view wire, bool utf8) {
  MailboxName name;
  name.utf8_ = utf8 && is_valid_utf8(wire) ? std::string(wire) : decode_utf7_tolerant(wire);
  if (equals_ignoring_case(name.utf8_, kInbox)) {
    name.utf8_ = kInbox;
  } else if (name.wire(utf8) != wire) {
    name.raw_ = wire;
  }
  return name;
}

std::string MailboxName::wire(bool utf8) const {
  if (!raw_.empty()) return raw_;
  return utf8 ? utf8_ : encode_utf7(utf8_);
}

bool matches_list_pattern(std::string_view pattern, std::string_view name, char separator) {
  if (starts_with_inbox(pattern, separator) && starts_with_inbox(name, separator)) {
    pattern.remove_prefix(kInbox.size());
    name.remove_prefix(kInbox.size());
  }
  // reached[i]: what was read of the pattern so far matches the first i bytes of the name. A set of
  // positions instead of backtracking: "*a*a*a*b" costs no more than any other pattern.
  std::vector<char> reached(name.size() + 1, 0);
  reached[0] = 1;
  for (const char p : pattern) {
    bool some = false;
    if (p == '*' || p == '%') {
      bool open = false;
      for (std::size_t i = 0; i <= name.size(); ++i) {
        if (i > 0 && p == '%' && name[i - 1] == separator) open = false;
        open = open || reached[i] != 0;
        reached[i] = open ? 1 : 0;
        some = some || open;
      }
    } else {
      for (std::size_t i = name.size(); i > 0; --i) {
        reached[i] = reached[i - 1] != 0 && name[i - 1] == p ? 1 : 0;
        some = some || reached[i] != 0;
      }
      reached[0] = 0;
    }
    if (!some) return false;
  }
  return reached[name.size()] != 0;
}

Result<MailboxName> decode_mailbox(Lexer& lexer) {
  const std::size_t begin = lexer.position();
  TRY(const std::string wire, lexer.astring_value());
  if (lexer.is_tolerant()) return MailboxName::from_server(wire, lexer.options().utf8);
  auto name = MailboxName::from_client(wire, lexer.options().utf8);
  if (!name) lexer.seek(begin);
  return name;
}

void encode_mailbox(Writer& writer, const MailboxName& name) {
  writer.astring(name.wire(writer.options().utf8));
}

}  // namespace imap
