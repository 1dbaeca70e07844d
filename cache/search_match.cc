#include "cache/search_match.h"

#include <cstring>

#include "base/log.h"
#include "protocol/mime/charset.h"
#include "protocol/mime/search_text.h"

namespace cache {
namespace {

using imap::SearchKind;
using imap::SystemFlag;

std::int32_t day_of(imap::Date date) {
  return static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
}

// RFC 3501 6.4.4: the day as the date was written, whatever the time and the zone.
std::int32_t internal_day(const MessageEntry& entry) {
  const auto local =
      std::chrono::seconds(entry.internal_date) + std::chrono::minutes(entry.date_zone);
  return static_cast<std::int32_t>(std::chrono::floor<std::chrono::days>(local).count());
}

// "M123" of EMAILID (RFC 8474): how this server writes message ids.
std::string email_id(MessageId id) { return fmt::format("M{}", id.value()); }

Tri flag(const MessageEntry& entry, SystemFlag flag, bool wanted) {
  if (!entry.has(kHaveFlags)) return Tri::kUnknown;
  return tri(entry.visible.system.has(flag) == wanted);
}

bool any_compares(SearchKind kind, std::int32_t day, std::int32_t with) {
  switch (kind) {
    case SearchKind::kBefore:
    case SearchKind::kSentBefore:
      return day < with;
    case SearchKind::kOn:
    case SearchKind::kSentOn:
      return day == with;
    default:
      return day >= with;
  }
}

}  // namespace

bool contains(std::string_view text, std::string_view needle) {
  return needle.empty() ||
         ::memmem(text.data(), text.size(), needle.data(), needle.size()) != nullptr;
}

Result<Matcher> Matcher::make(imap::SearchKey key, std::string_view charset, Context context) {
  if (!charset.empty() && !mime::is_known_charset(charset)) {
    return fail(Errc::kInvalid, fmt::format("the charset \"{}\" is not known", charset));
  }
  Matcher matcher;
  matcher.key_ = std::make_unique<imap::SearchKey>(std::move(key));
  matcher.root_ = std::make_unique<Node>();
  matcher.recent_from_ = context.recent_from;
  matcher.now_ = context.now;
  TRY_VOID(matcher.prepare(matcher.key_.get(), charset, context, matcher.root_.get()));
  return matcher;
}

Result<> Matcher::prepare(imap::SearchKey* key, std::string_view charset, const Context& context,
                          Node* node) {
  node->key = key;
  const auto add_leaf = [this, charset, key, node](LeafSource source, std::string needle,
                                                   std::string field = {}) {
    node->leaf = static_cast<int>(leaves_.size());
    leaves_.push_back({source, key, std::move(needle), std::move(field), *key});
    imap::SearchKey& asked = leaves_.back().asked;
    // Whom a message is new to is decided here; upstream knows whether it was read.
    if (key->kind == SearchKind::kNew) asked.kind = SearchKind::kUnseen;
    if (source != LeafSource::kEntry) asked.text = mime::to_utf8(charset, key->text);
  };
  switch (key->kind) {
    case SearchKind::kSubject:
    case SearchKind::kFrom:
    case SearchKind::kTo:
    case SearchKind::kCc:
    case SearchKind::kBcc:
      add_leaf(LeafSource::kFields, mime::fold_query(charset, key->text));
      break;
    case SearchKind::kSentBefore:
    case SearchKind::kSentOn:
    case SearchKind::kSentSince:
      add_leaf(LeafSource::kFields, {});
      break;
    case SearchKind::kHeader:
      add_leaf(LeafSource::kHeader, mime::fold_query(charset, key->text), mime::fold(key->header));
      break;
    case SearchKind::kBody:
    case SearchKind::kText:
      add_leaf(LeafSource::kBody, mime::fold_query(charset, key->text));
      break;
    case SearchKind::kSequence:
      key->set = context.uids_of_numbers(key->set);
      break;
    case SearchKind::kUid:
      key->set = context.uids_of_uids(key->set);
      break;
    case SearchKind::kAnswered:
    case SearchKind::kUnanswered:
    case SearchKind::kDeleted:
    case SearchKind::kUndeleted:
    case SearchKind::kDraft:
    case SearchKind::kUndraft:
    case SearchKind::kFlagged:
    case SearchKind::kUnflagged:
    case SearchKind::kSeen:
    case SearchKind::kUnseen:
    case SearchKind::kNew:
    case SearchKind::kKeyword:
    case SearchKind::kUnkeyword:
    case SearchKind::kBefore:
    case SearchKind::kOn:
    case SearchKind::kSince:
    case SearchKind::kLarger:
    case SearchKind::kSmaller:
    case SearchKind::kOlder:
    case SearchKind::kYounger:
      add_leaf(LeafSource::kEntry, {});
      break;
    default:
      break;
  }
  node->children.resize(key->children.size());
  for (std::size_t i = 0; i < key->children.size(); ++i) {
    TRY_VOID(prepare(&key->children[i], charset, context, &node->children[i]));
  }
  return {};
}

Tri Matcher::match_plain(const imap::SearchKey& key, const MessageEntry& entry,
                         KeywordTable& keywords) const {
  const bool recent = entry.uid >= recent_from_;
  switch (key.kind) {
    case SearchKind::kAll:
      return Tri::kTrue;
    case SearchKind::kAnswered:
      return flag(entry, SystemFlag::kAnswered, true);
    case SearchKind::kUnanswered:
      return flag(entry, SystemFlag::kAnswered, false);
    case SearchKind::kDeleted:
      return flag(entry, SystemFlag::kDeleted, true);
    case SearchKind::kUndeleted:
      return flag(entry, SystemFlag::kDeleted, false);
    case SearchKind::kDraft:
      return flag(entry, SystemFlag::kDraft, true);
    case SearchKind::kUndraft:
      return flag(entry, SystemFlag::kDraft, false);
    case SearchKind::kFlagged:
      return flag(entry, SystemFlag::kFlagged, true);
    case SearchKind::kUnflagged:
      return flag(entry, SystemFlag::kFlagged, false);
    case SearchKind::kSeen:
      return flag(entry, SystemFlag::kSeen, true);
    case SearchKind::kUnseen:
      return flag(entry, SystemFlag::kSeen, false);
    case SearchKind::kRecent:
      return tri(recent);
    case SearchKind::kOld:
      return tri(!recent);
    case SearchKind::kNew:
      return tri(recent) && flag(entry, SystemFlag::kSeen, false);
    case SearchKind::kKeyword:
    case SearchKind::kUnkeyword: {
      if (!entry.has(kHaveFlags)) return Tri::kUnknown;
      const auto number = keywords.find(key.text);
      const bool has = number && keywords.contains(entry.visible.keywords, *number);
      return tri(has == (key.kind == SearchKind::kKeyword));
    }
    case SearchKind::kBefore:
    case SearchKind::kOn:
    case SearchKind::kSince:
      if (!entry.has(kHaveDate)) return Tri::kUnknown;
      return tri(any_compares(key.kind, internal_day(entry), day_of(key.date)));
    case SearchKind::kLarger:
      return entry.has(kHaveDate) ? tri(entry.size > key.number) : Tri::kUnknown;
    case SearchKind::kSmaller:
      return entry.has(kHaveDate) ? tri(entry.size < key.number) : Tri::kUnknown;
    case SearchKind::kYounger:
    case SearchKind::kOlder: {
      // RFC 5032 2: an age of exactly the interval counts as younger and as older.
      if (!entry.has(kHaveDate)) return Tri::kUnknown;
      const std::int64_t age = now_ - entry.internal_date;
      const auto interval = static_cast<std::int64_t>(key.number);
      return tri(key.kind == SearchKind::kYounger ? age <= interval : age >= interval);
    }
    case SearchKind::kModSeq:
      return tri(entry.modseq >= key.number);
    case SearchKind::kSequence:
    case SearchKind::kUid:
      return tri(key.set.contains(entry.uid));
    case SearchKind::kEmailId:
      return tri(key.text == email_id(entry.message));
    case SearchKind::kThreadId:
      return Tri::kFalse;  // RFC 8474 5.2: we answer NIL to all
    // Leaves and inner nodes do not come here.
    case SearchKind::kBcc:
    case SearchKind::kBody:
    case SearchKind::kCc:
    case SearchKind::kFrom:
    case SearchKind::kSubject:
    case SearchKind::kText:
    case SearchKind::kTo:
    case SearchKind::kHeader:
    case SearchKind::kSentBefore:
    case SearchKind::kSentOn:
    case SearchKind::kSentSince:
    case SearchKind::kNot:
    case SearchKind::kOr:
    case SearchKind::kAnd:
      break;
  }
  return Tri::kFalse;
}

bool Matcher::matches_fields(const SearchLeaf& leaf, const SearchFields& fields) {
  switch (leaf.key->kind) {
    case SearchKind::kSubject:
      return contains(fields.subject, leaf.needle);
    case SearchKind::kFrom:
      return contains(fields.from, leaf.needle);
    case SearchKind::kTo:
      return contains(fields.to, leaf.needle);
    case SearchKind::kCc:
      return contains(fields.cc, leaf.needle);
    case SearchKind::kBcc:
      return contains(fields.bcc, leaf.needle);
    default:
      return fields.sent && any_compares(leaf.key->kind, fields.sent->day, day_of(leaf.key->date));
  }
}

bool Matcher::matches_header(const SearchLeaf& leaf, std::string_view all) {
  return mime::any_field(all, leaf.field,
                         [&leaf](std::string_view value) { return contains(value, leaf.needle); });
}

}  // namespace cache
