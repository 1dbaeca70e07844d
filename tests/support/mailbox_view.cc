// What a mailbox holds, read through RawImap.
#include <algorithm>
#include <charconv>

#include "tests/support/raw_imap.h"

namespace support {
namespace {

// Takes the items of one FETCH response apart, as far as read_mailbox() asks for them.
class FetchReader {
 public:
  explicit FetchReader(std::string_view items) : rest_(items) {}

  bool at_end() const { return rest_.empty() || rest_.front() == ')'; }

  std::string_view name() {
    skip_spaces();
    const std::size_t end = std::min(rest_.find(' '), rest_.size());
    const std::string_view name = rest_.substr(0, end);
    rest_.remove_prefix(end);
    skip_spaces();
    return name;
  }

  std::string value() {
    if (rest_.starts_with('(')) return take(rest_.find(')') + 1);
    if (rest_.starts_with('"')) {
      std::size_t end = 1;
      while (end < rest_.size() && rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
      const std::string quoted = take(std::min(end + 1, rest_.size()));
      return quoted.substr(1, quoted.size() - 2);
    }
    if (rest_.starts_with('{')) {
      const std::size_t close = rest_.find("}\r\n");
      std::size_t size = 0;
      std::from_chars(rest_.data() + 1, rest_.data() + close, size);
      rest_.remove_prefix(close + 3);
      return take(size);
    }
    return take(std::min(rest_.find_first_of(" )"), rest_.size()));
  }

 private:
  void skip_spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }
  std::string take(std::size_t count) {
    std::string taken(rest_.substr(0, count));
    rest_.remove_prefix(taken.size());
    skip_spaces();
    return taken;
  }
  std::string_view rest_;
};

std::vector<std::string> split_flags(std::string_view list) {
  std::vector<std::string> flags;
  list.remove_prefix(1);
  list.remove_suffix(1);
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    if (end > 0 && list.substr(0, end) != "\\Recent") flags.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  std::ranges::sort(flags);
  return flags;
}

}  // namespace

Result<std::vector<MessageView>> read_mailbox(RawImap* client, std::string_view mailbox,
                                              bool with_bodies) {
  TRY(const Reply selected, client->command("SELECT \"" + std::string(mailbox) + "\""));
  if (!selected.ok()) return fail(Errc::kNotFound, "SELECT: " + selected.str());
  std::vector<MessageView> messages;
  if (const std::string* exists = selected.find(" EXISTS"); exists && exists->starts_with("0 ")) {
    return messages;
  }
  TRY(const Reply fetched, client->command(with_bodies ? "UID FETCH 1:* (UID FLAGS BODY.PEEK[])"
                                                       : "UID FETCH 1:* (UID FLAGS)"));
  if (!fetched.ok()) return fail(Errc::kProtocol, "FETCH: " + fetched.text);
  for (const std::string& line : fetched.untagged) {
    const std::size_t open = line.find(" FETCH (");
    if (open > 12) continue;  // also when there is none
    MessageView message;
    bool has_flags = false;
    for (FetchReader reader(std::string_view(line).substr(open + 8)); !reader.at_end();) {
      const std::string name(reader.name());
      const std::string value = reader.value();
      if (name == "UID") std::from_chars(value.data(), value.data() + value.size(), message.uid);
      if (name == "BODY[]") message.body = value;
      if (name == "FLAGS") {
        message.flags = split_flags(value);
        has_flags = true;
      }
    }
    // A server may report a flag change in between, without the body.
    if (message.uid == 0 || !has_flags || (with_bodies && message.body.empty())) continue;
    messages.push_back(std::move(message));
  }
  std::ranges::sort(messages, {}, &MessageView::uid);
  return messages;
}

Result<std::vector<std::string>> list_mailboxes(RawImap* client) {
  TRY(const Reply reply, client->command("LIST \"\" *"));
  if (!reply.ok()) return fail(Errc::kProtocol, "LIST: " + reply.str());
  std::vector<std::string> names;
  for (const std::string& line : reply.untagged) {
    if (!line.starts_with("LIST (")) continue;
    // LIST (flags) separator name
    FetchReader reader(std::string_view(line).substr(5));
    reader.value();
    reader.value();
    names.push_back(reader.value());
  }
  std::ranges::sort(names);
  return names;
}

std::string simple_message(std::string_view subject, std::string_view body,
                           std::string_view message_id) {
  static unsigned count = 0;
  std::string id(message_id);
  if (id.empty())
    id =
        "<" + std::to_string(++count) + "." + std::to_string(subject.size()) + "@test.example.org>";
  return "From: Alice <alice@example.org>\r\nTo: Bob <bob@example.org>\r\nSubject: " +
         std::string(subject) + "\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\nMessage-ID: " + id +
         "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n" +
         std::string(body);
}

}  // namespace support
