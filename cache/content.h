// Content: what is stored of a message apart from its place in mailboxes. Shared by its copies.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"
#include "cache/ids.h"
#include "cache/store.h"
#include "protocol/imap/envelope.h"
#include "protocol/mime/date.h"

namespace cache {

/// Body chunks are this long, the last one apart: any byte range is a few reads away.
inline constexpr std::size_t kBodyChunkBytes = std::size_t{256} << 10;

/// What a listing shows, already in wire form: copied into FETCH answers as it is.
struct Summary {
  std::string envelope;        // "(\"Mon, …\" …)"
  std::string body;            // BODY
  std::string body_structure;  // BODYSTRUCTURE
  std::string fields;          // what SEARCH looks at: encode_search_fields()
  std::string header;          // the header block with its empty line, if it is known and short
};
/// The parts of a stored summary.
struct SummaryView {
  std::string_view envelope;
  std::string_view body;
  std::string_view body_structure;
};
std::string encode_summary(const Summary& summary);
Result<SummaryView> decode_summary(std::string_view record);
/// A longer header block is not kept apart.
inline constexpr std::size_t kMaxHeaderBytes = std::size_t{256} << 10;
/// Adds the stored form of `summary` to `batch`: its record, the searchable text of its fields, and
/// its header block.
void put_summary(Batch* batch, AccountId account, MessageId message, const Summary& summary);

/// What SEARCH looks at without the body: decoded, case-folded UTF-8.
struct SearchFields {
  std::optional<mime::SentDate> sent;
  std::string_view subject;
  std::string_view from;
  std::string_view to;
  std::string_view cc;
  std::string_view bcc;
};
std::string encode_search_fields(const SearchFields& fields);
/// The same from an ENVELOPE, for messages whose header is not cached.
std::string encode_search_fields(const imap::Envelope& envelope);
Result<SearchFields> decode_search_fields(std::string_view record);

/// Identity of a message for finding it again at another UID.
struct Digest {
  std::string message_id;  // normalised, or empty
  std::uint64_t header_hash[2] = {0, 0};
  std::uint64_t size = 0;
  bool operator==(const Digest&) const = default;
};
Digest digest_of(std::string_view header_block, std::uint64_t size);

/// Takes a message's bytes in chunks and turns them into what is stored: body chunks, header block,
/// section offsets, summary, search text.
///
/// Thread:   feed() and finish() are pure work: on any thread, a worker when there is much to do,
///           never two calls at once. The rest on the account's loop.
/// Lifetime: `store` and `executor` outlive it; it may outlive the account. Destroyed without
///           keep(), it erases what it had stored.
class ContentWriter {
 public:
  /// `dropped`: called by the destructor unless keep() was called.
  ContentWriter(Store* store, Executor* executor, AccountId account, MessageId message,
                std::function<void(MessageId)> dropped);
  ~ContentWriter();
  ContentWriter(const ContentWriter&) = delete;
  ContentWriter& operator=(const ContentWriter&) = delete;

  MessageId message() const { return message_; }
  /// Adds the next bytes.
  void feed(std::string_view bytes);
  void finish();
  /// Bytes that wait to be stored. Above some 512 KiB the owner awaits store() before it feeds
  /// more.
  std::size_t pending_bytes() const { return batch_.bytes(); }
  /// Commits the chunks that wait, kOrdered, so that memory stays small. The first call sets the
  /// staging mark (keys::staging): what a crash leaves is swept at the next start. Commits to a
  /// stream of its own, so that a failure here is the writer's alone.
  Task<Result<>> store();

  // After finish():
  /// Whether the header block is kept by itself.
  bool has_header() const { return has_header_; }
  std::uint64_t size() const { return size_; }
  const Digest& digest() const { return digest_; }

  // For Account alone, which commits the rest in one batch with the row that refers to it:
  /// All that is not stored yet, the records, and the removal of the staging mark.
  Batch take_rest();
  /// The rest is durable: nothing is erased any more and `dropped` is not called.
  void keep() { kept_ = true; }

 private:
  class Parsing;

  void put_chunk();

  Store* store_;
  Executor* executor_;
  AccountId account_;
  MessageId message_;
  std::function<void(MessageId)> dropped_;
  std::uint32_t stream_;
  bool stored_some_ = false;
  bool kept_ = false;
  std::uint64_t size_ = 0;
  bool has_header_ = false;
  Digest digest_;
  Batch batch_;
  std::string chunk_;
  std::uint32_t chunks_ = 0;
  std::unique_ptr<Parsing> parsing_;
};

/// Makes the writer of `message`.
std::unique_ptr<ContentWriter> make_content_writer(Store* store, Executor* executor,
                                                   AccountId account, MessageId message,
                                                   std::function<void(MessageId)> dropped);

/// Adds to `batch` the removal of everything that is stored of a message.
void erase_content(AccountId account, MessageId message, Batch* batch);
/// Adds to `batch` the removal of what there is of a message whose body is not here.
void erase_listing(AccountId account, MessageId message, Batch* batch);
/// Adds to `batch` the removal of its body and text alone: it can still be listed.
void erase_body(AccountId account, MessageId message, Batch* batch);

/// Reads content.
///
/// Thread: any; may wait for the disk, so on a worker. A value that is cheap to copy.
/// Errors: kNotFound when it is not cached, kCorruption.
class MessageReader {
 public:
  MessageReader(Store* store, AccountId account) : store_(store), account_(account) {}

  /// Calls `each(index, record)` for every id that has a summary, `index` into `ids`. One range
  /// scan when the ids are ascending and dense, as they are after a first sync. Ends early when
  /// `each` returns false.
  Result<> summaries(std::span<const MessageId> ids,
                     const std::function<bool(std::size_t, const SummaryView&)>& each) const;
  /// The same for header blocks (with their empty line) and section maps (mime::SectionMap). The
  /// block is empty when it is too long to be kept apart: then read it from the body.
  using EachHeader =
      std::function<bool(std::size_t, std::string_view block, std::string_view sections)>;
  Result<> headers(std::span<const MessageId> ids, const EachHeader& each) const;
  /// The same for SEARCH.
  Result<> search_fields(std::span<const MessageId> ids,
                         const std::function<bool(std::size_t, const SearchFields&)>& each) const;
  /// All header fields as mime::SearchHeader::all.
  Result<> search_headers(std::span<const MessageId> ids,
                          const std::function<bool(std::size_t, std::string_view all)>& each) const;
  /// The searchable text of bodies, chunk by chunk; chunks of a message come in order, and the end
  /// of one overlaps nothing of the next: who looks for a string minds the seam.
  Result<> search_texts(std::span<const MessageId> ids,
                        const std::function<bool(std::size_t, std::string_view chunk)>& each) const;

  struct Header {
    std::string block;
    std::string sections;
  };
  Result<Header> header(MessageId id) const;
  /// Appends bytes [offset, offset + length) of the message, fewer at its end.
  Result<> body(MessageId id, std::uint64_t offset, std::uint64_t length, std::string* out) const;
  Result<Digest> digest(MessageId id) const;

 private:
  Result<> each_record(Family family, std::span<const MessageId> ids,
                       const std::function<std::string(MessageId)>& key_of,
                       const std::function<bool(std::size_t, std::string_view)>& each) const;

  Store* store_;
  AccountId account_;
};

}  // namespace cache
