#include "proxy/imap/fetch/plan.h"

#include <algorithm>

#include "protocol/mime/section_map.h"

namespace proxy {
namespace {

bool has_kind(const std::vector<imap::FetchItem>& items, imap::FetchKind kind) {
  return std::ranges::any_of(items, [kind](const auto& item) { return item.kind == kind; });
}

}  // namespace

std::uint8_t FetchPlan::wanted() const {
  unsigned bits = 0;
  if (needs_flags) bits |= cache::kHaveFlags;
  if (needs_date) bits |= cache::kHaveDate;
  if (needs_summary) bits |= cache::kHaveSummary;
  if (needs_header) bits |= cache::kHaveHeader;
  if (needs_body) bits |= cache::kHaveBody;
  return static_cast<std::uint8_t>(bits);
}

FetchPlan plan_fetch(std::vector<imap::FetchItem> items, bool uid, bool mod_seq) {
  using imap::FetchKind;
  if (uid && !has_kind(items, FetchKind::kUid)) {
    items.insert(items.begin(), imap::FetchItem{FetchKind::kUid});
  }
  if (mod_seq && !has_kind(items, FetchKind::kModSeq)) {
    items.push_back(imap::FetchItem{FetchKind::kModSeq});
  }
  FetchPlan plan;
  for (imap::FetchItem& item : items) {
    plan.sets_seen |= item.sets_seen();
    std::optional<mime::FieldNames> fields;
    switch (item.kind) {
      case FetchKind::kFlags:
        plan.needs_flags = true;
        break;
      case FetchKind::kInternalDate:
      case FetchKind::kRfc822Size:
        plan.needs_date = true;
        break;
      case FetchKind::kEnvelope:
      case FetchKind::kBody:
      case FetchKind::kBodyStructure:
        plan.needs_summary = true;
        break;
      case FetchKind::kRfc822Header:
        plan.needs_header = true;
        break;
      case FetchKind::kRfc822:
      case FetchKind::kRfc822Text:
        plan.needs_body = true;
        break;
      case FetchKind::kBodySection:
        if (!item.section.fields.empty()) fields.emplace(item.section.fields);
        if (mime::SectionMap::in_header(item.section)) {
          plan.needs_header = true;
        } else {
          plan.needs_body = true;
        }
        break;
      case FetchKind::kUid:
      case FetchKind::kModSeq:
      case FetchKind::kEmailId:
      case FetchKind::kThreadId:
      case FetchKind::kGmailMessageId:
      case FetchKind::kGmailThreadId:
      case FetchKind::kGmailLabels:
        break;
    }
    plan.items.push_back({std::move(item), std::move(fields)});
  }
  return plan;
}

}  // namespace proxy
