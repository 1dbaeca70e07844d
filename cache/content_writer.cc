#include <atomic>
#include <chrono>
#include <utility>

#include "cache/codec.h"
#include "cache/content.h"
#include "cache/keys.h"
#include "cache/records.h"
#include "protocol/imap/body_structure.h"
#include "protocol/mime/identity.h"
#include "protocol/mime/parser.h"
#include "protocol/mime/search_text.h"

namespace cache {
namespace {

// Search text is stored in pieces of about this size, so that neither a writer nor a scan holds a
// long message whole.
constexpr std::size_t kTextChunkBytes = std::size_t{64} << 10;

// Commit streams of writers: apart from those of accounts, which are account ids.
std::uint32_t next_writer_stream() {
  static std::atomic<std::uint32_t> next = 0;
  return 0x8000'0000U | next.fetch_add(1, std::memory_order_relaxed);
}

std::uint32_t hours_since_1970() {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::hours>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace

Digest digest_of(std::string_view header_block, std::uint64_t size) {
  Digest digest;
  digest.message_id = mime::message_id(header_block);
  const mime::HeaderDigest hash = mime::header_digest(header_block);
  Decoder in(std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
  digest.header_hash[0] = in.number<std::uint64_t>();
  digest.header_hash[1] = in.number<std::uint64_t>();
  digest.size = size;
  return digest;
}

// What looks at the bytes as they pass: one parser with the search text beside it.
class ContentWriter::Parsing {
 public:
  explicit Parsing(ContentWriter* owner)
      : owner_(owner), text_([this](std::string_view text) { add_text(text); }), parser_(&text_) {}

  void feed(std::string_view bytes) { parser_.feed(bytes); }

  mime::Message finish() {
    mime::Message message = parser_.finish();
    if (!chunk_.empty()) put_text();
    return message;
  }
  const mime::SearchHeader& header() const { return text_.header(); }

 private:
  void add_text(std::string_view text) {
    chunk_.append(text);
    if (chunk_.size() >= kTextChunkBytes) put_text();
  }
  void put_text() {
    owner_->batch_.put(
        Family::kText,
        keys::text(owner_->account_, keys::TextKind::kBody, owner_->message_, chunks_++),
        std::exchange(chunk_, {}));
  }

  ContentWriter* owner_;
  std::string chunk_;
  std::uint32_t chunks_ = 0;
  mime::SearchText text_;
  mime::Parser parser_;
};

ContentWriter::ContentWriter(Store* store, Executor* executor, AccountId account, MessageId message,
                             std::function<void(MessageId)> dropped)
    : store_(store),
      executor_(executor),
      account_(account),
      message_(message),
      dropped_(std::move(dropped)),
      stream_(next_writer_stream()),
      parsing_(std::make_unique<Parsing>(this)) {}

ContentWriter::~ContentWriter() {
  if (kept_) return;
  if (stored_some_) {
    Batch batch;
    erase_body(account_, message_, &batch);
    batch.erase(Family::kMessages, keys::staging(account_, message_));
    // Whether this works or not, nobody sees the bytes; a failure leaves them to the sweep at
    // start.
    store_->recover(stream_);
    store_->commit(stream_, std::move(batch), Durability::kOrdered, executor_,
                   [store = store_, stream = stream_](const Result<>&) { store->recover(stream); });
  }
  if (dropped_) dropped_(message_);
}

std::unique_ptr<ContentWriter> make_content_writer(Store* store, Executor* executor,
                                                   AccountId account, MessageId message,
                                                   std::function<void(MessageId)> dropped) {
  return std::make_unique<ContentWriter>(store, executor, account, message, std::move(dropped));
}

void ContentWriter::feed(std::string_view bytes) {
  size_ += bytes.size();
  parsing_->feed(bytes);
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kBodyChunkBytes - chunk_.size());
    chunk_.append(part);
    bytes.remove_prefix(part.size());
    if (chunk_.size() == kBodyChunkBytes) put_chunk();
  }
}

void ContentWriter::put_chunk() {
  batch_.put(Family::kBody, keys::body(account_, message_, chunks_++), std::exchange(chunk_, {}));
}

void ContentWriter::finish() {
  const mime::Message message = parsing_->finish();
  // An empty message has one empty chunk: a body that is there is never without one.
  if (!chunk_.empty() || chunks_ == 0) put_chunk();

  const mime::SearchHeader& header = parsing_->header();
  Summary summary;
  imap::encode_envelope(message.envelope, &summary.envelope);
  imap::encode_body(message.structure, &summary.body);
  imap::encode_body_structure(message.structure, &summary.body_structure);
  SearchFields fields;
  if (message.envelope.date) fields.sent = mime::parse_date(*message.envelope.date);
  fields.subject = header.subject;
  fields.from = header.from;
  fields.to = header.to;
  fields.cc = header.cc;
  fields.bcc = header.bcc;
  summary.fields = encode_search_fields(fields);
  put_summary(&batch_, account_, message_, summary);
  batch_.put(Family::kText, keys::text(account_, keys::TextKind::kHeader, message_, 0), header.all);

  std::string record;
  Encoder(&record)
      .text(message.header_is_whole ? std::string_view(message.header) : std::string_view())
      .raw(message.section_map);
  batch_.put(Family::kHeader, keys::content(account_, message_), std::move(record));
  has_header_ = message.header_is_whole && !message.header.empty();

  digest_ = digest_of(message.header, size_);
  MessageRecord facts;
  facts.digest = digest_;
  facts.body = true;
  facts.text = true;
  facts.used_hour = hours_since_1970();
  batch_.put(Family::kMessages, keys::message(account_, message_), encode_message_record(facts));
  parsing_.reset();
}

Task<Result<>> ContentWriter::store() {
  Batch batch = std::exchange(batch_, {});
  if (!stored_some_) {
    stored_some_ = true;
    // What an interrupted attempt left goes first: it may have been longer.
    Batch first;
    erase_body(account_, message_, &first);
    first.put(Family::kMessages, keys::staging(account_, message_), {});
    first.append(std::move(batch));
    batch = std::move(first);
  }
  co_return co_await store_->commit(stream_, std::move(batch), Durability::kOrdered, executor_);
}

Batch ContentWriter::take_rest() {
  if (stored_some_) batch_.erase(Family::kMessages, keys::staging(account_, message_));
  return std::exchange(batch_, {});
}

void erase_body(AccountId account, MessageId message, Batch* batch) {
  const auto erase = [batch](Family family, keys::Range range) {
    batch->erase_range(family, std::move(range.from), std::move(range.to));
  };
  erase(Family::kBody, keys::body_of(account, message));
  erase(Family::kText, keys::text_of(account, keys::TextKind::kBody, message));
}

void erase_content(AccountId account, MessageId message, Batch* batch) {
  erase_body(account, message, batch);
  erase_listing(account, message, batch);
}

void erase_listing(AccountId account, MessageId message, Batch* batch) {
  batch->erase(Family::kText, keys::text(account, keys::TextKind::kFields, message, 0));
  batch->erase(Family::kText, keys::text(account, keys::TextKind::kHeader, message, 0));
  batch->erase(Family::kSummary, keys::content(account, message));
  batch->erase(Family::kHeader, keys::content(account, message));
  batch->erase(Family::kMessages, keys::message(account, message));
}

}  // namespace cache
