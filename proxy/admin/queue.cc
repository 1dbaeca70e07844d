#include "proxy/admin/queue.h"

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/on_executor.h"
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
  std::string operator()(const cache::JournalDelete& op) const { return op.upstream_name; }
  std::string operator()(const cache::JournalRename& op) const {
    return fmt::format("{} to {}", op.from, op.to);
  }
  std::string operator()(const cache::JournalSubscribe& op) const {
    return fmt::format("{}{}", op.subscribed ? "" : "no more ", op.name);
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

// On the account's loop.
Task<Result<std::string>> act(cache::Account* account, std::string verb, cache::JournalSeq seq) {
  const auto found = account->journal().find(seq);
  if (found == account->journal().end()) {
    co_return fail(Errc::kNotFound, "there is no such entry: it may have been done meanwhile");
  }
  if (verb == "retry") {
    CO_TRY_VOID(co_await account->unpark({seq}));
    account->remote().journal_grew();
    co_return std::string();
  }
  if (verb == "drop") {
    CO_TRY_VOID(co_await account->drop({seq}));
    co_return std::string();
  }
  const auto* append = std::get_if<cache::JournalAppend>(&found->second.op);
  if (append == nullptr) co_return fail(Errc::kInvalid, "only an APPEND has a message to export");
  co_return co_await run_blocking(
      account->executor(),
      [reader = account->reader(), message = append->message]() -> Result<std::string> {
        std::string bytes;
        TRY_VOID(reader.body(message, 0, UINT64_MAX, &bytes));
        return bytes;
      });
}

}  // namespace

std::vector<QueueRow> queue_rows(const cache::Account& account) {
  std::vector<QueueRow> rows;
  for (const auto& [seq, entry] : account.journal()) {
    QueueRow row;
    row.account = account.name();
    row.seq = seq.value();
    row.created = entry.created;
    row.operation = cache::name_of(entry.op);
    row.what = std::visit(Describe{account}, entry.op);
    row.state = name_of(entry.state);
    row.attempts = entry.attempts;
    row.next_try = entry.next_try;
    row.last_answer = entry.last_answer;
    rows.push_back(std::move(row));
  }
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
      for (const QueueRow& row : rows) {
        all.push_back({{"account", row.account},
                       {"seq", row.seq},
                       {"created", row.created},
                       {"operation", row.operation},
                       {"what", row.what},
                       {"state", row.state},
                       {"attempts", row.attempts},
                       {"next_try", row.next_try},
                       {"last_answer", row.last_answer}});
      }
    }
    co_return all.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  const bool known =
      words.size() == 3 && (words[0] == "retry" || words[0] == "drop" || words[0] == "export");
  if (!known) co_return fail(Errc::kInvalid, "unknown queue request");
  const RunningAccount* running = find_account(*service, words[1]);
  if (running == nullptr) co_return fail(Errc::kNotFound, "there is no such account");
  const cache::JournalSeq seq(std::strtoull(words[2].c_str(), nullptr, 10));
  std::move_only_function<Task<Result<std::string>>()> call =
      [account = running->account.get(), verb = words[0], seq] { return act(account, verb, seq); };
  co_return co_await run_on<Result<std::string>>(running->loop, service->loop(), std::move(call));
}

Result<std::vector<QueueRow>> queue_from_json(std::string_view text) {
  try {
    std::vector<QueueRow> rows;
    for (const Json& json : Json::parse(text)) {
      QueueRow row;
      row.account = json.at("account").get<std::string>();
      row.seq = json.at("seq").get<std::uint64_t>();
      row.created = json.at("created").get<std::int64_t>();
      row.operation = json.at("operation").get<std::string>();
      row.what = json.at("what").get<std::string>();
      row.state = json.at("state").get<std::string>();
      row.attempts = json.at("attempts").get<std::uint32_t>();
      row.next_try = json.at("next_try").get<std::int64_t>();
      row.last_answer = json.at("last_answer").get<std::string>();
      rows.push_back(std::move(row));
    }
    return rows;
  } catch (const Json::exception& error) {
    return fail(Errc::kProtocol, fmt::format("the queue is not understood: {}", error.what()));
  }
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
