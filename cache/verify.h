// Verify: reads all of a store and compares what its families say of each other.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "cache/store.h"

namespace cache {

struct VerifyReport {
  std::uint64_t findings = 0;
  std::uint64_t accounts = 0;
  std::uint64_t mailboxes = 0;
  std::uint64_t rows = 0;
  std::uint64_t bodies = 0;
  std::uint64_t writes = 0;  // entries of the journal
};

/// Reads every block and every body, which compares their checksums, and looks whether
///   - each row of a mailbox has the content that it says, of its size, and a reference to it;
///   - bodies begin with the header that their digest was made of;
///   - mailboxes have as many messages as their record counts;
///   - each entry of the journal has the messages, and the bytes, that it is about;
///   - there is content that nothing refers to.
/// `found` is told each thing that is wrong, in one line: where, and what. `progress` from 0 to 1.
///
/// Thread: a worker. All that it looks at is of one moment: the store may be in use. About 150
///         bytes of memory for each message.
/// Errors: kCancelled when `stop` asks for it. What is wrong with the store is no error.
Result<VerifyReport> verify(Store* store, const std::function<void(const std::string& line)>& found,
                            const std::function<void(double done)>& progress, std::stop_token stop);

}  // namespace cache
