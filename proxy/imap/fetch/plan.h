// FetchPlan: what the items of a FETCH need, decided once for all of its messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cache/message_entry.h"
#include "protocol/imap/fetch_item.h"
#include "protocol/mime/header.h"

namespace proxy {

/// An item with what can be prepared for it.
struct PlannedItem {
  imap::FetchItem item;
  std::optional<mime::FieldNames> fields;  // HEADER.FIELDS and .NOT
};

struct FetchPlan {
  std::vector<PlannedItem> items;
  bool needs_flags = false;
  bool needs_date = false;     // or the size
  bool needs_summary = false;  // ENVELOPE, BODY, BODYSTRUCTURE
  bool needs_header = false;   // served from the header block alone
  bool needs_body = false;     // bytes beyond the header block
  bool sets_seen = false;      // RFC 3501 6.4.5
  bool reads_content() const { return needs_summary || needs_header || needs_body; }
  /// What must be cached before the items can be answered: Have bits.
  std::uint8_t wanted() const;
};

/// `mod_seq`: answer with it though it was not asked for (RFC 7162 3.1.4.1); `uid` likewise
/// (RFC 3501 6.4.8).
FetchPlan plan_fetch(std::vector<imap::FetchItem> items, bool uid, bool mod_seq);

}  // namespace proxy
