// Brakes: what is not believed of upstream at first sight.
#pragma once

#include <cstdint>
#include <map>

#include "base/log.h"
#include "base/result.h"
#include "cache/account.h"
#include "upstream/folders.h"

namespace upstream {

/// Holds the loss of many messages, or of most mailboxes, until another connection has seen it too.
class Brakes {
 public:
  explicit Brakes(Log log) : log_(std::move(log)) {}

  /// Another connection looks at mailboxes from now on.
  void new_look() { ++look_; }
  /// Another one reads the folder list, and looks at mailboxes.
  void new_connection() {
    ++connection_;
    ++look_;
  }

  /// Whether the loss of `gone` of `known` messages may be carried out.
  bool allow(cache::MailboxId mailbox, std::uint64_t gone, std::uint64_t known);
  bool holds(cache::MailboxId mailbox) const { return held_.contains(mailbox); }

  /// Errors: kUnavailable: most of the mailboxes are missing in `folders`, for the first time.
  Result<> check(const cache::Account& account, const FolderList& folders);

 private:
  struct Held {
    std::uint64_t serial = 0;  // of the look that saw it; 0: nothing is held
    std::uint64_t gone = 0;
  };

  Log log_;
  std::uint64_t connection_ = 0;
  std::uint64_t look_ = 0;
  std::map<cache::MailboxId, Held> held_;
  Held folders_;
};

}  // namespace upstream
