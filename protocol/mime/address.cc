#include "protocol/mime/address.h"

#include <string>
#include <utility>

#include "protocol/mime/ascii.h"
#include "protocol/mime/value_reader.h"

namespace mime {
namespace {

constexpr const char* kMissingMailbox = "MISSING_MAILBOX";
constexpr const char* kMissingDomain = "MISSING_DOMAIN";
constexpr const char* kSyntaxError = "SYNTAX_ERROR";
constexpr const char* kInvalidRoute = "INVALID_ROUTE";

class AddressParser {
 public:
  AddressParser(std::string_view value, std::size_t limit) : reader_(value), limit_(limit) {}

  std::vector<imap::Address> run() {
    reader_.skip_cfws();
    while (!reader_.at_end() && addresses_.size() < limit_) read_one();
    if (in_group_) close_group();
    return std::move(addresses_);
  }

 private:
  // Reads up to and including the next separator; whatever it finds, it goes forward.
  void read_one() {
    if (reader_.take(',')) return;
    if (reader_.peek() == ';') {
      reader_.take(';');
      if (in_group_) close_group();
      return;
    }
    reader_.forget_comment();
    std::string phrase;
    bool quoted = false;
    const bool one_word = read_phrase(&phrase, &quoted);
    switch (reader_.peek()) {
      case '<':
        read_angle_address(std::move(phrase));
        break;
      case ':':
        if (!in_group_) {
          reader_.take(':');
          open_group(std::move(phrase));
          return;
        }
        reader_.skip();
        break;
      default:
        read_plain_address(std::move(phrase), one_word, quoted);
    }
    // Garbage between an address and the next separator belongs to no address.
    while (!reader_.at_end() && reader_.peek() != ',' && reader_.peek() != ';') {
      skip_garbage();
    }
  }

  void skip_garbage() {
    std::string ignored;
    if (reader_.peek() == '"') {
      reader_.append_quoted(&ignored);
    } else {
      reader_.skip();
    }
    reader_.skip_cfws();
  }

  // phrase = 1*word / obs-phrase (RFC 5322 3.2.5, 4.1): words joined by single spaces. Returns
  // whether it was at most one word.
  bool read_phrase(std::string* out, bool* quoted) {
    int words = 0;
    for (;;) {
      const std::size_t before = out->size();
      if (before != 0) *out += ' ';
      if (reader_.peek() == '"') {
        reader_.append_quoted(out);
        *quoted = true;
      } else if (!reader_.append_atom(out, /*with_dots=*/true)) {
        out->resize(before);
        return words <= 1;
      }
      ++words;
      reader_.skip_cfws();
    }
  }

  // "<" [route ":"] addr-spec ">" after an optional display name.
  void read_angle_address(std::string phrase) {
    imap::Address address;
    if (!phrase.empty()) address.name = std::move(phrase);
    reader_.take('<');
    if (reader_.peek() == '@') read_route(&address);
    bool ok = true;
    if (reader_.peek() != '>') {
      std::string mailbox;
      ok = read_local_part(&mailbox);
      if (ok) address.mailbox = std::move(mailbox);
      if (ok && reader_.take('@')) {
        std::string host;
        ok = reader_.append_domain(&host);
        if (ok) address.host = std::move(host);
        reader_.skip_cfws();
      }
    }
    if (!ok || reader_.peek() != '>') {
      address.host = kSyntaxError;
      // The address ends at its bracket if it has one: "a <b c@d>, e@f" are two.
      while (!reader_.at_end() && reader_.peek() != '>' && reader_.peek() != ',') skip_garbage();
    }
    reader_.take('>');
    add(std::move(address));
  }

  // obs-route (RFC 5322 4.4): "@a,@b:". ENVELOPE wants it as it stands, without the colon.
  void read_route(imap::Address* address) {
    std::string route;
    while (reader_.take('@')) {
      if (!route.empty()) route += ',';
      route += '@';
      if (!reader_.append_domain(&route)) break;
      reader_.skip_cfws();
      while (reader_.take(',')) {
      }
    }
    address->adl = reader_.take(':') ? std::move(route) : kInvalidRoute;
  }

  bool read_local_part(std::string* out) {
    if (reader_.peek() == '"') {
      if (!reader_.append_quoted(out)) return false;
      reader_.skip_cfws();
      return true;
    }
    const std::size_t before = out->size();
    // obs-local-part has white space around the dots, as obs-domain has.
    while (reader_.append_atom(out, /*with_dots=*/true)) {
      const bool more = out->back() == '.';
      reader_.skip_cfws();
      if (!more && reader_.peek() != '.') break;
    }
    return out->size() != before;
  }

  // addr-spec without brackets; its name may come in a comment: "a@b (Name)".
  void read_plain_address(std::string phrase, bool one_word, bool quoted) {
    imap::Address address;
    if (reader_.take('@')) {
      // Several words before the "@" were a local part with blanks in it, or a name without
      // brackets around the address; Dovecot keeps what it can read as the local part.
      if (!phrase.empty()) address.mailbox = std::move(phrase);
      std::string host;
      if (reader_.append_domain(&host)) address.host = std::move(host);
      reader_.skip_cfws();
      if (!reader_.last_comment().empty()) address.name = reader_.last_comment();
    } else if (phrase.empty()) {
      if (reader_.last_comment().empty() && at_separator()) return;  // nothing at all: ",,"
      if (!reader_.last_comment().empty()) address.name = reader_.last_comment();
    } else if (!reader_.last_comment().empty()) {
      address.mailbox = std::move(phrase);
      address.name = reader_.last_comment();
    } else if (one_word && !quoted) {
      address.mailbox = std::move(phrase);
    } else {
      address.name = std::move(phrase);
    }
    add(std::move(address));
  }

  bool at_separator() const {
    return reader_.at_end() || reader_.peek() == ',' || reader_.peek() == ';';
  }

  void add(imap::Address address) {
    if (!address.mailbox) address.mailbox = kMissingMailbox;
    if (!address.host || address.host->empty()) address.host = kMissingDomain;
    addresses_.push_back(std::move(address));
  }
  void open_group(std::string name) {
    in_group_ = true;
    addresses_.push_back({.name = {}, .adl = {}, .mailbox = std::move(name), .host = {}});
  }
  void close_group() {
    in_group_ = false;
    addresses_.emplace_back();
  }

  ValueReader reader_;
  std::size_t limit_;
  std::vector<imap::Address> addresses_;
  bool in_group_ = false;
};

}  // namespace

std::vector<imap::Address> parse_addresses(std::string_view value, std::size_t limit) {
  return AddressParser(value, limit).run();
}

}  // namespace mime
