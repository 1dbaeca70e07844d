#include "protocol/mime/address.h"

#include <string>
#include <utility>

#include "protocol/mime/header.h"
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
    Phrase phrase = read_phrase();
    if (reader_.peek() == '<') {
      read_angle_address(std::move(phrase));
    } else if (reader_.peek() == ':' && !in_group_) {
      reader_.take(':');
      open_group(std::move(phrase.text));
      return;
    } else {
      read_plain_address(std::move(phrase));
    }
    // Garbage between an address and the next separator belongs to no address.
    while (!reader_.at_end() && reader_.peek() != ',' && reader_.peek() != ';') skip_garbage();
  }

  // Words in front of an "<", ":" or "@".
  struct Phrase {
    std::string text;  // all of them, joined by single blanks
    std::size_t words = 0;
    bool quoted = false;        // some of it
    std::string local;          // the last ones, as far as dots join them: a local part
    std::size_t name_size = 0;  // of `text`, without these
  };

  void skip_garbage() {
    std::string ignored;
    if (reader_.peek() == '"') {
      reader_.append_quoted(&ignored);
    } else {
      reader_.skip();
    }
    reader_.skip_cfws();
  }

  // phrase = 1*word / obs-phrase (RFC 5322 3.2.5, 4.1)
  Phrase read_phrase() {
    Phrase phrase;
    bool spaced = true;
    for (;;) {
      std::string word;
      if (reader_.peek() == '"') {
        reader_.append_quoted(&word);
        phrase.quoted = true;
      } else if (!reader_.append_atom(&word, /*with_dots=*/true)) {
        return phrase;
      }
      const bool dotted =
          phrase.words != 0 && (word.starts_with('.') || phrase.text.ends_with('.'));
      if (!dotted) {
        phrase.local.clear();
        phrase.name_size = phrase.text.size();
      }
      if (phrase.words++ != 0 && !(dotted && !spaced)) phrase.text += ' ';
      phrase.text += word;
      phrase.local += word;
      const std::size_t before = reader_.rest().size();
      reader_.skip_cfws();
      spaced = reader_.rest().size() != before;
    }
  }

  // "<" [route ":"] addr-spec ">" after an optional display name.
  void read_angle_address(Phrase phrase) {
    imap::Address address;
    if (!phrase.text.empty()) address.name = std::move(phrase.text);
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
      if (!reader_.append_domain(&route)) {
        route.clear();
        break;
      }
      reader_.skip_cfws();
      while (reader_.take(',')) {
      }
    }
    const bool ok = reader_.take(':') && !route.empty();
    address->adl = ok ? std::move(route) : kInvalidRoute;
  }

  // local-part = dot-atom / quoted-string / obs-local-part: words joined by dots, with white space
  // around them in the obsolete form (RFC 5322 4.4).
  bool read_local_part(std::string* out) {
    bool any = false;
    for (;;) {
      const bool quoted = reader_.peek() == '"';
      if (quoted ? !reader_.append_quoted(out) : !reader_.append_atom(out, /*with_dots=*/true)) {
        return any && !quoted;
      }
      any = true;
      reader_.skip_cfws();
      if (reader_.peek() != '.' && !out->ends_with('.')) return true;
    }
  }

  // addr-spec without brackets; its name may come in a comment: "a@b (Name)".
  void read_plain_address(Phrase phrase) {
    imap::Address address;
    const bool has_host = reader_.take('@');
    if (has_host) {
      if (phrase.words != 0) address.mailbox = std::move(phrase.local);
      // "Name a@b": somebody forgot the brackets.
      if (phrase.name_size != 0) address.name = phrase.text.substr(0, phrase.name_size);
      std::string host;
      if (reader_.append_domain(&host)) address.host = std::move(host);
      reader_.skip_cfws();
    }
    const std::string& comment = reader_.last_comment();
    if (!comment.empty() && !address.name) address.name = comment;
    if (!has_host) {
      if (phrase.words == 0 && comment.empty() && at_separator()) return;  // nothing at all: ",,"
      if (phrase.words != 0) {
        // One word is a mailbox; more, or a quoted one, are a name.
        const bool is_mailbox = address.name || (phrase.words == 1 && !phrase.quoted);
        (is_mailbox ? address.mailbox : address.name) = std::move(phrase.text);
      }
    }
    add(std::move(address));
  }

  bool at_separator() const {
    return reader_.at_end() || reader_.peek() == ',' || reader_.peek() == ';';
  }

  void add(imap::Address address) {
    if (address.name) address.name = readable_text(*address.name);
    if (!address.mailbox) address.mailbox = kMissingMailbox;
    if (!address.host || address.host->empty()) address.host = kMissingDomain;
    addresses_.push_back(std::move(address));
  }
  void open_group(std::string name) {
    if (addresses_.size() + 1 >= limit_) return;  // room for its end, without which all is a group
    in_group_ = true;
    --limit_;
    addresses_.push_back({.name = {}, .adl = {}, .mailbox = std::move(name), .host = {}});
  }
  void close_group() {
    in_group_ = false;
    ++limit_;
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
