// Renderer: turns cached messages into FETCH responses, on a worker or on the loop.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/content.h"
#include "cache/message_entry.h"
#include "protocol/imap/fetch_response.h"
#include "protocol/imap/sequence_set.h"
#include "protocol/mime/range.h"
#include "proxy/imap/fetch/plan.h"

namespace proxy {

/// One message to answer for, with all that the loop knows of it.
struct FetchTarget {
  imap::SequenceNumber number;
  cache::MessageEntry entry;
  std::string_view keywords;  // in the account's KeywordTable, where it stays
  bool recent = false;
};

/// Where the bytes of an item lie: in the header block, or in the body.
struct SectionBytes {
  bool exists = true;
  mime::Range range;
};

/// Thread:   any, one call at a time.
/// Lifetime: borrows the plan.
class Renderer {
 public:
  Renderer(const FetchPlan* plan, cache::MessageReader reader) : plan_(plan), reader_(reader) {}

  /// Appends responses for targets from the front of `targets` until `limit_bytes` are written, and
  /// returns how many were done. Messages whose content cannot be read are passed over: failed().
  /// Errors: kCorruption, kIo.
  Result<std::size_t> render(std::span<const FetchTarget> targets, std::size_t limit_bytes,
                             std::string* out);
  const imap::SequenceSet& failed() const { return failed_; }

  /// The items of one message that need no content, for who streams the rest itself.
  void append_plain(const FetchTarget& target, const imap::FetchItem& item,
                    imap::FetchWriter* fetch) const;
  /// The bytes of `item` in the message, its partial applied. `sections` as stored.
  static Result<SectionBytes> locate(const imap::FetchItem& item, std::string_view sections,
                                     std::uint64_t message_size);

 private:
  struct Content {
    const cache::SummaryView* summary = nullptr;
    std::string_view header_block;
    std::string_view sections;
  };
  Result<> append_message(const FetchTarget& target, const Content& content, std::string* out);
  Result<> append_data(const FetchTarget& target, const PlannedItem& planned,
                       const Content& content, imap::FetchWriter* fetch, std::string* out);

  const FetchPlan* plan_;
  cache::MessageReader reader_;
  std::string scratch_;
  imap::SequenceSet failed_;
};

}  // namespace proxy
