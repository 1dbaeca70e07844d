// The mailboxes of a ModelServer, without the wire.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/model_server.h"

namespace support {

/// "2:4,7" as pairs; "*" is the largest number there is.
using ModelSet = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
ModelSet parse_model_set(std::string_view text);
bool holds(const ModelSet& set, std::uint32_t number, std::uint32_t largest);
/// "1,2,5".
std::string join(const std::vector<std::uint32_t>& numbers);

/// A command's words: atoms, quoted strings and literals as they are meant, lists with their
/// parentheses as one word.
std::vector<std::string> model_words(std::string_view line);

struct ModelMailbox {
  std::uint32_t uid_validity = 1;
  std::uint32_t uid_next = 1;
  std::vector<ModelMessage> messages;

  std::uint32_t largest() const { return messages.empty() ? 0 : messages.back().uid; }
  std::uint32_t add(std::string bytes, std::string flags);
  std::vector<std::uint32_t> select(const ModelSet& set) const;
  /// What imap4d makes of a set with UIDs that are not there: those beyond either end are the
  /// message at that end, and none is what it takes a number in a gap for.
  std::optional<ModelSet> confused(const ModelSet& set) const;
  const ModelMessage* find(std::uint32_t uid) const;
  /// Adds or removes the flags of "(\\Seen $Work)".
  void change_flags(const ModelSet& set, bool add, std::string_view flags);
  /// Removes what is \Deleted, of `set` where there is one; the sequence numbers, in the order in
  /// which EXPUNGE tells them.
  std::vector<std::size_t> expunge(const std::optional<ModelSet>& set);
  std::vector<std::size_t> remove(const std::vector<std::uint32_t>& uids);
  /// Another UIDVALIDITY, other UIDs in the same order.
  void renumber();
  /// What it was when it had its first `keep` messages.
  void restore(std::size_t keep);
};

/// The answer to FETCH for one message: "(UID 1 FLAGS () BODY[] {3}...". `items` as the command has
/// them; `size`: what RFC822.SIZE says; the body is left out when `withheld`.
std::string model_fetch(const ModelMessage& message, std::string_view items, std::uint64_t size,
                        bool withheld);

}  // namespace support
