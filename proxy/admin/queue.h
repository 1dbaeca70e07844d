// Queue: the journal of unsent writes, as an operator sees and handles it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "cache/account.h"
#include "proxy/service.h"

namespace proxy {

struct QueueRow {
  std::string account;
  std::uint64_t seq = 0;
  std::int64_t created = 0;
  std::string operation;
  std::string what;  // "3 messages in INBOX to Archive"
  std::string state;
  std::uint32_t attempts = 0;
  std::int64_t next_try = 0;
  std::string last_answer;
  std::vector<std::pair<std::string, std::string>> details;  // the rest: name, value
  std::string done;  // what was just done with it: "is dropped ..."; or empty
};

/// The rows of one account's journal. Thread: the account's loop.
std::vector<QueueRow> queue_rows(const cache::Account& account);

/// Answers "list" and, with an account and a number behind it, "show", "retry", "drop", "messages"
/// (the UIDs of those that the entry is about and whose bytes are here) and "export" (the message
/// of an APPEND, or with a UID one of those, as it was given). All but that goes as JSON.
/// Thread: loop 0.
Task<Result<std::string>> answer_queue(Service* service, std::vector<std::string> words);

/// A list of rows, or one row.
Result<std::vector<QueueRow>> queue_from_json(std::string_view json);
Result<std::vector<std::uint32_t>> uids_from_json(std::string_view json);
/// One entry with all that is known of it. Thread: any.
std::string render_queue_row(const QueueRow& row, std::int64_t now);
std::string render_queue(const std::vector<QueueRow>& rows, std::int64_t now, std::size_t columns);

}  // namespace proxy
