#include "tests/support/model_mailboxes.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>

namespace support {
namespace {

constexpr std::string_view kDeleted = "\\Deleted";

std::vector<std::string> split_flags(std::string_view text) {
  std::string plain(text);
  std::erase_if(plain, [](char c) { return c == '(' || c == ')'; });
  std::istringstream in(plain);
  std::vector<std::string> flags;
  for (std::string flag; in >> flag;) flags.push_back(flag);
  return flags;
}

std::string header_of(const std::string& bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  return end == std::string::npos ? bytes : bytes.substr(0, end + 4);
}

std::string message_id_of(const std::string& bytes) {
  constexpr std::string_view kName = "Message-ID: ";
  const std::string header = header_of(bytes);
  const std::size_t at = header.find(kName);
  if (at == std::string::npos) return "NIL";
  const std::size_t end = header.find("\r\n", at);
  return "\"" + header.substr(at + kName.size(), end - at - kName.size()) + "\"";
}

std::string literal(const std::string& bytes) {
  return "{" + std::to_string(bytes.size()) + "}\r\n" + bytes;
}

}  // namespace

ModelSet parse_model_set(std::string_view text) {
  const auto number = [](const std::string& one) {
    return one == "*" ? UINT32_MAX : static_cast<std::uint32_t>(std::stoul(one));
  };
  ModelSet set;
  std::istringstream in{std::string(text)};
  for (std::string part; std::getline(in, part, ',');) {
    const std::size_t colon = part.find(':');
    const std::uint32_t first = number(part.substr(0, colon));
    set.emplace_back(first, colon == std::string::npos ? first : number(part.substr(colon + 1)));
  }
  return set;
}

bool holds(const ModelSet& set, std::uint32_t number, std::uint32_t largest) {
  return std::ranges::any_of(set, [&](const auto& range) {
    // RFC 3501 6.4.8: "n:*" holds the largest, also when n is above it.
    const std::uint32_t a = range.first == UINT32_MAX ? largest : range.first;
    const std::uint32_t b = range.second == UINT32_MAX ? largest : range.second;
    return number >= std::min(a, b) && number <= std::max(a, b);
  });
}

std::string join(const std::vector<std::uint32_t>& numbers) {
  std::string text;
  for (const std::uint32_t number : numbers) {
    text += (text.empty() ? "" : ",") + std::to_string(number);
  }
  return text;
}

std::vector<std::string> model_words(std::string_view line) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (at < line.size()) {
    if (line[at] == ' ') {
      ++at;
      continue;
    }
    if (line[at] == '"') {
      std::string word;
      for (++at; at < line.size() && line[at] != '"'; ++at) {
        if (line[at] == '\\') ++at;
        word += line[at];
      }
      ++at;
      words.push_back(std::move(word));
      continue;
    }
    if (line[at] == '{') {
      const std::size_t size = std::strtoul(line.data() + at + 1, nullptr, 10);
      const std::size_t begin = line.find("\r\n", at) + 2;
      words.emplace_back(line.substr(begin, size));
      at = begin + size;
      continue;
    }
    const std::size_t begin = at;
    int depth = 0;
    for (; at < line.size() && (depth > 0 || line[at] != ' '); ++at) {
      if (line[at] == '(' || line[at] == '[') ++depth;
      if (line[at] == ')' || line[at] == ']') --depth;
    }
    words.emplace_back(line.substr(begin, at - begin));
  }
  return words;
}

std::uint32_t ModelMailbox::add(std::string bytes, std::string flags) {
  std::erase_if(flags, [](char c) { return c == '(' || c == ')'; });
  messages.push_back({uid_next, std::move(flags), std::move(bytes)});
  return uid_next++;
}

std::vector<std::uint32_t> ModelMailbox::select(const ModelSet& set) const {
  std::vector<std::uint32_t> found;
  for (const ModelMessage& message : messages) {
    if (holds(set, message.uid, largest())) found.push_back(message.uid);
  }
  return found;
}

std::optional<ModelSet> ModelMailbox::confused(const ModelSet& set) const {
  ModelSet meant;
  if (messages.empty()) return meant;
  for (auto [first, last] : set) {
    const bool is_range = first != last;
    first = std::clamp(first, messages.front().uid, largest());
    last = std::clamp(last, messages.front().uid, largest());
    if (find(last) == nullptr || (!is_range && find(first) == nullptr)) return std::nullopt;
    meant.emplace_back(first, last);
  }
  return meant;
}

const ModelMessage* ModelMailbox::find(std::uint32_t uid) const {
  const auto found = std::ranges::find(messages, uid, &ModelMessage::uid);
  return found == messages.end() ? nullptr : &*found;
}

void ModelMailbox::change_flags(const ModelSet& set, bool add, std::string_view flags) {
  for (ModelMessage& message : messages) {
    if (!holds(set, message.uid, largest())) continue;
    std::vector<std::string> have = split_flags(message.flags);
    for (const std::string& flag : split_flags(flags)) {
      std::erase(have, flag);
      if (add) have.push_back(flag);
    }
    message.flags.clear();
    for (const std::string& flag : have) message.flags += (message.flags.empty() ? "" : " ") + flag;
  }
}

std::vector<std::size_t> ModelMailbox::expunge(const std::optional<ModelSet>& set) {
  std::vector<std::uint32_t> uids;
  for (const ModelMessage& message : messages) {
    if (message.flags.find(kDeleted) == std::string::npos) continue;
    if (!set || holds(*set, message.uid, largest())) uids.push_back(message.uid);
  }
  return remove(uids);
}

std::vector<std::size_t> ModelMailbox::remove(const std::vector<std::uint32_t>& uids) {
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < messages.size();) {
    if (std::ranges::find(uids, messages[i].uid) == uids.end()) {
      ++i;
      continue;
    }
    numbers.push_back(i + 1);
    messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return numbers;
}

void ModelMailbox::renumber() {
  uid_validity += 1'000;
  uid_next += 100;
  for (ModelMessage& message : messages) message.uid = uid_next++;
}

void ModelMailbox::restore(std::size_t keep) {
  messages.resize(std::min(keep, messages.size()));
  uid_next = largest() + 1;
}

std::string model_fetch(const ModelMessage& message, std::string_view items, std::uint64_t size,
                        bool withheld) {
  const auto has = [items](std::string_view item) { return items.find(item) != items.npos; };
  std::string text = "(UID " + std::to_string(message.uid);
  if (has("FLAGS")) text += " FLAGS (" + message.flags + ")";
  if (has("INTERNALDATE")) text += " INTERNALDATE \"01-Jan-2024 00:00:00 +0000\"";
  if (has("RFC822.SIZE")) text += " RFC822.SIZE " + std::to_string(size);
  if (has("ENVELOPE")) {
    text += " ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL " + message_id_of(message.bytes) + ")";
  }
  if (has("BODYSTRUCTURE")) {
    text += " BODYSTRUCTURE (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" " + std::to_string(size) +
            " 1 NIL NIL NIL NIL)";
  }
  if (has("[HEADER]")) text += " BODY[HEADER] " + literal(header_of(message.bytes));
  if (has("BODY.PEEK[]") && !withheld) text += " BODY[] " + literal(message.bytes);
  return text + ")";
}

}  // namespace support
