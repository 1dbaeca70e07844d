#include <algorithm>

#include "base/log.h"
#include "cache/codec.h"
#include "cache/content.h"
#include "cache/keys.h"
#include "cache/records.h"
#include "protocol/mime/charset.h"
#include "protocol/mime/encoded_word.h"

namespace cache {
namespace {

// A scan may pass over this many records that nobody asked for before a seek is cheaper.
constexpr std::uint64_t kDenseGap = 8;
// Below this many ids single reads are cheaper than to make an iterator.
constexpr std::size_t kFewIds = 4;

std::string folded_addresses(const std::vector<imap::Address>& addresses) {
  std::string text;
  for (const imap::Address& address : addresses) {
    if (!text.empty()) text += ", ";
    if (address.name) text += mime::decode_header(*address.name) + ' ';
    text += fmt::format("<{}@{}>", address.mailbox.value_or(""), address.host.value_or(""));
  }
  return mime::fold(text);
}

}  // namespace

std::string encode_summary(const Summary& summary) {
  std::string record;
  record.reserve(12 + summary.envelope.size() + summary.body.size() +
                 summary.body_structure.size());
  Encoder(&record).text(summary.envelope).text(summary.body).text(summary.body_structure);
  return record;
}

Result<SummaryView> decode_summary(std::string_view record) {
  Decoder in(record);
  SummaryView view;
  view.envelope = in.text();
  view.body = in.text();
  view.body_structure = in.text();
  TRY_VOID(in.finish("summary"));
  return view;
}

void put_summary(Batch* batch, AccountId account, MessageId message, const Summary& summary) {
  batch->put(Family::kSummary, keys::content(account, message), encode_summary(summary));
  batch->put(Family::kText, keys::text(account, keys::TextKind::kFields, message, 0),
             summary.fields);
  if (summary.header.empty()) return;
  std::string record;
  Encoder(&record).text(summary.header);  // the section map comes with the body
  batch->put(Family::kHeader, keys::content(account, message), std::move(record));
}

std::string encode_search_fields(const SearchFields& fields) {
  std::string record;
  Encoder(&record)
      .number(static_cast<std::uint8_t>(fields.sent.has_value()))
      .number(fields.sent ? fields.sent->utc_seconds : std::int64_t{0})
      .number(fields.sent ? fields.sent->day : std::int32_t{0})
      .text(fields.subject)
      .text(fields.from)
      .text(fields.to)
      .text(fields.cc)
      .text(fields.bcc);
  return record;
}

std::string encode_search_fields(const imap::Envelope& envelope) {
  const std::string subject = mime::fold(mime::decode_header(envelope.subject.value_or("")));
  const std::string from = folded_addresses(envelope.from);
  const std::string to = folded_addresses(envelope.to);
  const std::string cc = folded_addresses(envelope.cc);
  const std::string bcc = folded_addresses(envelope.bcc);
  SearchFields fields;
  if (envelope.date) fields.sent = mime::parse_date(*envelope.date);
  fields.subject = subject;
  fields.from = from;
  fields.to = to;
  fields.cc = cc;
  fields.bcc = bcc;
  return encode_search_fields(fields);
}

Result<SearchFields> decode_search_fields(std::string_view record) {
  Decoder in(record);
  SearchFields fields;
  const bool has_date = in.number<std::uint8_t>() != 0;
  mime::SentDate sent;
  sent.utc_seconds = in.number<std::int64_t>();
  sent.day = in.number<std::int32_t>();
  if (has_date) fields.sent = sent;
  fields.subject = in.text();
  fields.from = in.text();
  fields.to = in.text();
  fields.cc = in.text();
  fields.bcc = in.text();
  TRY_VOID(in.finish("search fields"));
  return fields;
}

Result<> MessageReader::each_record(
    Family family, std::span<const MessageId> ids,
    const std::function<std::string(MessageId)>& key_of,
    const std::function<bool(std::size_t, std::string_view)>& each) const {
  if (ids.empty()) return {};
  if (ids.size() <= kFewIds || !std::ranges::is_sorted(ids)) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const Result<std::unique_ptr<Pinned>> value = store_->get_pinned(family, key_of(ids[i]));
      if (!value && value.error().code() == Errc::kNotFound) continue;
      if (!value) return fail(value.error());
      if (!each(i, (*value)->view())) return {};
    }
    return {};
  }
  const std::unique_ptr<Cursor> cursor =
      store_->scan(family, key_of(ids.front()), key_of(MessageId(ids.back().value() + 1)));
  std::uint64_t at = ids.front().value();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::string wanted = key_of(ids[i]);
    if (ids[i].value() > at + kDenseGap) cursor->seek(wanted);
    while (cursor->valid() && cursor->key() < wanted) cursor->next();
    if (!cursor->valid()) break;
    at = ids[i].value();
    if (cursor->key() != wanted) continue;
    if (!each(i, cursor->value())) return {};
  }
  return cursor->status();
}

Result<> MessageReader::summaries(
    std::span<const MessageId> ids,
    const std::function<bool(std::size_t, const SummaryView&)>& each) const {
  Result<> decoded;
  TRY_VOID(each_record(
      Family::kSummary, ids, [this](MessageId id) { return keys::content(account_, id); },
      [&](std::size_t i, std::string_view record) {
        const Result<SummaryView> view = decode_summary(record);
        if (!view) decoded = fail(view.error());
        return view && each(i, *view);
      }));
  return decoded;
}

Result<> MessageReader::headers(std::span<const MessageId> ids, const EachHeader& each) const {
  bool sound = true;
  TRY_VOID(each_record(
      Family::kHeader, ids, [this](MessageId id) { return keys::content(account_, id); },
      [&](std::size_t i, std::string_view record) {
        Decoder in(record);
        const std::string_view block = in.text();
        sound = in.ok();
        return sound && each(i, block, in.rest());
      }));
  if (!sound) return fail(Errc::kCorruption, "header record: stored value has a wrong length");
  return {};
}

Result<> MessageReader::search_fields(
    std::span<const MessageId> ids,
    const std::function<bool(std::size_t, const SearchFields&)>& each) const {
  Result<> decoded;
  TRY_VOID(each_record(
      Family::kText, ids,
      [this](MessageId id) { return keys::text(account_, keys::TextKind::kFields, id, 0); },
      [&](std::size_t i, std::string_view record) {
        const Result<SearchFields> fields = decode_search_fields(record);
        if (!fields) decoded = fail(fields.error());
        return fields && each(i, *fields);
      }));
  return decoded;
}

Result<> MessageReader::search_headers(
    std::span<const MessageId> ids,
    const std::function<bool(std::size_t, std::string_view)>& each) const {
  return each_record(
      Family::kText, ids,
      [this](MessageId id) { return keys::text(account_, keys::TextKind::kHeader, id, 0); }, each);
}

Result<> MessageReader::search_texts(
    std::span<const MessageId> ids,
    const std::function<bool(std::size_t, std::string_view)>& each) const {
  if (ids.empty()) return {};
  CHECK(std::ranges::is_sorted(ids));
  const std::unique_ptr<Cursor> cursor = store_->scan(
      Family::kText, keys::text(account_, keys::TextKind::kBody, ids.front(), 0),
      keys::text(account_, keys::TextKind::kBody, MessageId(ids.back().value() + 1), 0), true);
  std::uint64_t at = ids.front().value();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const keys::Range range = keys::text_of(account_, keys::TextKind::kBody, ids[i]);
    if (ids[i].value() > at + kDenseGap) cursor->seek(range.from);
    while (cursor->valid() && cursor->key() < range.from) cursor->next();
    for (; cursor->valid() && cursor->key() < range.to; cursor->next()) {
      if (!each(i, cursor->value())) break;
    }
    at = ids[i].value();
  }
  return cursor->status();
}

Result<MessageReader::Header> MessageReader::header(MessageId id) const {
  TRY(const std::string record, store_->get(Family::kHeader, keys::content(account_, id)));
  Decoder in(record);
  Header header;
  header.block = in.text();
  header.sections = in.rest();
  if (!in.ok()) return fail(Errc::kCorruption, "header record: stored value has a wrong length");
  return header;
}

Result<> MessageReader::body(MessageId id, std::uint64_t offset, std::uint64_t length,
                             std::string* out) const {
  while (length > 0) {
    const std::uint64_t chunk = offset / kBodyChunkBytes;
    const std::uint64_t skip = offset % kBodyChunkBytes;
    const Result<std::unique_ptr<Pinned>> value = store_->get_pinned(
        Family::kBody, keys::body(account_, id, static_cast<std::uint32_t>(chunk)));
    // Past the last chunk is the end; without a first one the body is not cached.
    if (!value && value.error().code() == Errc::kNotFound && chunk > 0) return {};
    if (!value) return fail(value.error());
    const std::string_view bytes = (*value)->view();
    if (skip >= bytes.size()) return {};
    const std::string_view part = bytes.substr(skip, length);
    out->append(part);
    offset += part.size();
    length -= part.size();
    if (bytes.size() < kBodyChunkBytes) return {};
  }
  return {};
}

Result<Digest> MessageReader::digest(MessageId id) const {
  TRY(const std::string record, store_->get(Family::kMessages, keys::message(account_, id)));
  TRY(const MessageRecord facts, decode_message_record(record));
  return facts.digest;
}

}  // namespace cache
