// Queue: the journal of unsent writes, as an operator sees and handles it.
#pragma once

#include <cstdint>
#include <string>
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
};

/// The rows of one account's journal. Thread: the account's loop.
std::vector<QueueRow> queue_rows(const cache::Account& account);

/// Answers "list", "retry ACCOUNT SEQ", "drop ACCOUNT SEQ" and "export ACCOUNT SEQ" (the message of
/// an APPEND, as it was given). Rows go as JSON. Thread: loop 0.
Task<Result<std::string>> answer_queue(Service* service, std::vector<std::string> words);

Result<std::vector<QueueRow>> queue_from_json(std::string_view json);
std::string render_queue(const std::vector<QueueRow>& rows, std::int64_t now, std::size_t columns);

}  // namespace proxy
