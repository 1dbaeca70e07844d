#include "proxy/admin/queue.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/on_executor.h"
#include "protocol/imap/flags.h"
#include "protocol/imap/writer.h"
#include "proxy/admin/text_table.h"

namespace proxy {
namespace {

using Json = nlohmann::json;

std::string name_in(const cache::Account& account, cache::MailboxId id) {
  const cache::MailboxRecord* record = account.find_mailbox(id);
  return record == nullptr ? std::string("(deleted)") : record->name;
}

std::string count_of(std::uint64_t n) {
  return n == 1 ? std::string("1 message") : fmt::format("{} messages", n);
}

std::uint64_t size_of(const imap::SequenceSet& set) {
  std::uint64_t n = 0;
  for (const imap::SequenceSet::Range& range : set.ranges()) n += range.size();
  return n;
}

struct Describe {
  const cache::Account& account;
  std::string operator()(const cache::JournalFlags& op) const {
    return fmt::format("{} in {}", count_of(size_of(op.uids)), name_in(account, op.mailbox));
  }
  std::string operator()(const cache::JournalAppend& op) const {
    return fmt::format("UID {} in {}", op.uid.value(), name_in(account, op.mailbox));
  }
  std::string operator()(const cache::JournalCopy& op) const {
    return fmt::format("{} from {} to {}", count_of(op.uids.size()), name_in(account, op.from),
                       name_in(account, op.to));
  }
  std::string operator()(const cache::JournalExpunge& op) const {
    return fmt::format("{} in {}", count_of(size_of(op.uids)), name_in(account, op.mailbox));
  }
  std::string operator()(const cache::JournalCreate& op) const {
    return name_in(account, op.mailbox);
  }
  std::string operator()(const cache::JournalDelete& op) const {
    return op.upstream_name.empty() ? name_in(account, op.mailbox) : op.upstream_name;
  }
  std::string operator()(const cache::JournalRename& op) const {
    return fmt::format("{} to {}", op.from, op.to);
  }
  std::string operator()(const cache::JournalSubscribe& op) const {
    return fmt::format("{}{}", op.subscribed ? "" : "no more ", op.name);
  }
};

std::string flags_text(const imap::FlagList& flags) {
  std::string text;
  imap::Writer writer(text);
  imap::encode_flag_list(writer, flags);
  return text;
}

using Details = std::vector<std::pair<std::string, std::string>>;

// What the table has no room for.
struct Detail {
  const cache::Account& account;
  Details* out;
  void add(const char* name, std::string value) const { out->emplace_back(name, std::move(value)); }
  void mailbox(const char* name, cache::MailboxId id) const { add(name, name_in(account, id)); }

  void operator()(const cache::JournalFlags& op) const {
    mailbox("mailbox", op.mailbox);
    add("UIDs", op.uids.encode());
    if (!op.delta.add.empty()) add("adds", flags_text(op.delta.add));
    if (!op.delta.remove.empty()) add("removes", flags_text(op.delta.remove));
  }
  void operator()(const cache::JournalAppend& op) const {
    mailbox("mailbox", op.mailbox);
    add("UID", std::to_string(op.uid.value()));
    add("flags", flags_text(op.flags));
  }
  void operator()(const cache::JournalCopy& op) const {
    mailbox("from", op.from);
    mailbox("to", op.to);
    imap::SequenceSet sources;
    imap::SequenceSet made;
    for (const auto& [source, copy] : op.uids) {
      sources.add(source);
      made.add(copy);
    }
    add("UIDs", sources.encode());
    add("UIDs there", made.encode());
  }
  void operator()(const cache::JournalExpunge& op) const {
    mailbox("mailbox", op.mailbox);
    add("UIDs", op.uids.encode());
  }
  void operator()(const cache::JournalCreate& op) const {
    mailbox("mailbox", op.mailbox);
    if (!op.special_use.empty()) add("use", op.special_use);
  }
  void operator()(const cache::JournalDelete& op) const {
    add("upstream's name", op.upstream_name);
  }
  void operator()(const cache::JournalRename& op) const {
    add("from", op.from);
    add("to", op.to);
  }
  void operator()(const cache::JournalSubscribe& op) const {
    add("name", op.name);
    add("subscribed", op.subscribed ? "yes" : "no");
  }
};

const char* name_of(cache::JournalState state) {
  switch (state) {
    case cache::JournalState::kPending:
      return "pending";
    case cache::JournalState::kInFlight:
      return "in flight";
    case cache::JournalState::kParked:
      return "parked";
  }
  return "unknown";
}

const RunningAccount* find_account(const Service& service, const std::string& name) {
  for (const RunningAccount& running : service.accounts()) {
    if (running.name == name) return &running;
  }
  return nullptr;
}

QueueRow row_of(const cache::Account& account, const cache::JournalEntry& entry) {
  QueueRow row;
  row.account = account.name();
  row.seq = entry.seq.value();
  row.created = entry.created;
  row.operation = cache::name_of(entry.op);
  row.what = std::visit(Describe{account}, entry.op);
  row.state = name_of(entry.state);
  row.attempts = entry.attempts;
  row.next_try = entry.next_try;
  row.last_answer = entry.last_answer;
  std::visit(Detail{account, &row.details}, entry.op);
  if (entry.in_flight) {
    row.details.emplace_back("sent", fmt::format("looked for from UID {} on, UIDVALIDITY {}",
                                                 entry.in_flight->uid_next.value(),
                                                 entry.in_flight->uid_validity.value()));
  }
  return row;
}

Json json_of(const QueueRow& row) {
  Json details = Json::object();
  for (const auto& [name, value] : row.details) details[name] = value;
  return {
      {"account", row.account},       {"seq", row.seq},           {"created", row.created},
      {"operation", row.operation},   {"what", row.what},         {"state", row.state},
      {"attempts", row.attempts},     {"next_try", row.next_try}, {"last_answer", row.last_answer},
      {"details", std::move(details)}};
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

QueueRow row_from(const Json& json) {
  QueueRow row;
  json.at("account").get_to(row.account);
  json.at("seq").get_to(row.seq);
  json.at("created").get_to(row.created);
  json.at("operation").get_to(row.operation);
  json.at("what").get_to(row.what);
  json.at("state").get_to(row.state);
  json.at("attempts").get_to(row.attempts);
  json.at("next_try").get_to(row.next_try);
  json.at("last_answer").get_to(row.last_answer);
  for (const auto& [name, value] : json.at("details").items()) {
    row.details.emplace_back(name, value.get<std::string>());
  }
  row.done = json.value("done", std::string());
  return row;
}

struct Message {
  imap::Uid uid;
  cache::MessageId message;
};

// The messages that an entry is about and that are here, in one of their mailboxes.
Task<Result<std::vector<Message>>> messages_of(cache::Account* account, cache::JournalOp op) {
  imap::SequenceSet uids;
  cache::MailboxId mailbox = cache::mailbox_of(op);
  if (const auto* flags = std::get_if<cache::JournalFlags>(&op)) {
    uids = flags->uids;
  } else if (const auto* expunge = std::get_if<cache::JournalExpunge>(&op)) {
    uids = expunge->uids;
  } else if (const auto* append = std::get_if<cache::JournalAppend>(&op)) {
    uids.add(append->uid);
  } else if (const auto* copy = std::get_if<cache::JournalCopy>(&op)) {
    for (const auto& [from, to] : copy->uids) uids.add(to);
  }
  std::vector<Message> messages;
  if (uids.empty()) co_return messages;
  CO_TRY(const cache::MailboxRef box, co_await account->open_mailbox(mailbox));
  for (const std::uint32_t uid : uids) {
    const cache::MessageEntry* entry = std::as_const(*box).find_any(imap::Uid(uid));
    if (entry != nullptr && entry->has(cache::kHaveBody)) {
      messages.push_back({imap::Uid(uid), entry->message});
    }
  }
  co_return messages;
}

Task<Result<std::string>> export_message(cache::Account* account, cache::JournalOp op,
                                         std::string uid) {
  CO_TRY(const std::vector<Message> messages, co_await messages_of(account, op));
  if (uid.empty() && !std::holds_alternative<cache::JournalAppend>(op)) {
    co_return fail(Errc::kInvalid, "only an APPEND has one message: export the others with --to");
  }
  for (const Message& one : messages) {
    if (!uid.empty() && uid != std::to_string(one.uid.value())) continue;
    co_return co_await run_blocking(
        account->executor(),
        [reader = account->reader(), message = one.message]() -> Result<std::string> {
          std::string bytes;
          TRY_VOID(reader.body(message, 0, UINT64_MAX, &bytes));
          return bytes;
        });
  }
  co_return fail(Errc::kNotFound, "the message is not cached here");
}

// On the account's loop.
Task<Result<std::string>> act(cache::Account* account, std::vector<std::string> words,
                              cache::JournalSeq seq) {
  const auto found = account->journal().find(seq);
  if (found == account->journal().end()) {
    co_return fail(Errc::kNotFound, "there is no such entry: it may have been done meanwhile");
  }
  const std::string& verb = words[0];
  const cache::JournalOp op = found->second.op;
  Json json = json_of(row_of(*account, found->second));
  if (verb == "export") {
    co_return co_await export_message(account, op, words.size() > 3 ? words[3] : std::string());
  }
  if (verb == "messages") {
    CO_TRY(const std::vector<Message> messages, co_await messages_of(account, op));
    json = Json::array();
    for (const Message& one : messages) json.push_back(one.uid.value());
  } else if (verb == "retry") {
    CO_TRY_VOID(co_await account->unpark({seq}));
    account->remote().journal_grew();
    json["done"] = "is tried again as soon as upstream is there";
  } else if (verb == "drop") {
    CO_TRY_VOID(co_await account->drop({seq}));
    json["done"] = std::holds_alternative<cache::JournalAppend>(op)
                       ? "is dropped; its message is kept in Recovered"
                       : "is dropped; upstream stays as it is";
  }
  co_return text_of(json);
}

}  // namespace

std::vector<QueueRow> queue_rows(const cache::Account& account) {
  std::vector<QueueRow> rows;
  for (const auto& [seq, entry] : account.journal()) rows.push_back(row_of(account, entry));
  return rows;
}

Task<Result<std::string>> answer_queue(Service* service, std::vector<std::string> words) {
  if (words.size() == 1 && words[0] == "list") {
    Json all = Json::array();
    for (const RunningAccount& running : service->accounts()) {
      std::move_only_function<Task<std::vector<QueueRow>>()> look = [a = running.account.get()] {
        return
            [](cache::Account* on) -> Task<std::vector<QueueRow>> { co_return queue_rows(*on); }(a);
      };
      const std::vector<QueueRow> rows =
          co_await run_on<std::vector<QueueRow>>(running.loop, service->loop(), std::move(look));
      for (const QueueRow& row : rows) all.push_back(json_of(row));
    }
    co_return text_of(all);
  }
  static constexpr std::array<std::string_view, 5> kVerbs = {"show", "retry", "drop", "messages",
                                                             "export"};
  const bool known = (words.size() == 3 || (words.size() == 4 && words[0] == "export")) &&
                     std::ranges::find(kVerbs, words[0]) != kVerbs.end();
  if (!known) co_return fail(Errc::kInvalid, "unknown queue request");
  const RunningAccount* running = find_account(*service, words[1]);
  if (running == nullptr) co_return fail(Errc::kNotFound, "there is no such account");
  std::uint64_t number = 0;
  const char* const end = words[2].data() + words[2].size();
  const auto [rest, error] = std::from_chars(words[2].data(), end, number);
  if (error != std::errc() || rest != end) {
    co_return fail(Errc::kInvalid, fmt::format("\"{}\" is no entry's number", words[2]));
  }
  std::move_only_function<Task<Result<std::string>>()> call =
      [account = running->account.get(), words = std::move(words),
       seq = cache::JournalSeq(number)] { return act(account, words, seq); };
  co_return co_await run_on<Result<std::string>>(running->loop, service->loop(), std::move(call));
}

Result<std::vector<QueueRow>> queue_from_json(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    std::vector<QueueRow> rows;
    if (json.is_object()) {
      rows.push_back(row_from(json));
      return rows;
    }
    for (const Json& row : json) rows.push_back(row_from(row));
    return rows;
  } catch (const Json::exception& error) {
    return fail(Errc::kProtocol, fmt::format("the queue is not understood: {}", error.what()));
  }
}

Result<std::vector<std::uint32_t>> uids_from_json(std::string_view text) {
  try {
    return Json::parse(text).get<std::vector<std::uint32_t>>();
  } catch (const Json::exception& error) {
    return fail(Errc::kProtocol, fmt::format("the answer is not understood: {}", error.what()));
  }
}

std::string render_queue_row(const QueueRow& row, std::int64_t now) {
  if (!row.done.empty()) {
    return printable(fmt::format("entry {} of {} ({}, {}) {}", row.seq, row.account, row.operation,
                                 row.what, row.done)) +
           '\n';
  }
  std::string text;
  const auto line = [&text](std::string_view name, std::string_view value) {
    text += fmt::format("{:<16}{}\n", name, printable(value));
  };
  line("account", row.account);
  line("entry", std::to_string(row.seq));
  line("operation", row.operation);
  line("what", row.what);
  for (const auto& [name, value] : row.details) line(name, value);
  line("age", human_age(now - row.created));
  line("state", row.state);
  line("tries", std::to_string(row.attempts));
  if (row.next_try > now) line("next try in", human_age(row.next_try - now));
  line("last answer", row.last_answer.empty() ? "-" : row.last_answer);
  return text;
}

std::string render_queue(const std::vector<QueueRow>& rows, std::int64_t now, std::size_t columns) {
  if (rows.empty()) return "nothing waits to be sent\n";
  using enum TextTable::Align;
  TextTable table({{"last answer", kLeft},
                   {"account", kLeft},
                   {"entry", kRight},
                   {"age", kRight},
                   {"operation", kLeft},
                   {"what", kLeft},
                   {"state", kLeft},
                   {"tries", kRight}});
  for (const QueueRow& row : rows) {
    table.add({row.last_answer.empty() ? "-" : row.last_answer, row.account,
               std::to_string(row.seq), human_age(now - row.created), row.operation, row.what,
               row.state, std::to_string(row.attempts)});
  }
  return table.render(columns);
}

}  // namespace proxy
