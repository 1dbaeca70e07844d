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

#include "base/result.h"
#include "cache/ids.h"
#include "cache/store.h"

namespace cache {

/// What a listing shows, already in wire form: copied into FETCH answers as it is.
struct Summary {
  std::string envelope;        // "(\"Mon, …\" …)"
  std::string body;            // BODY
  std::string body_structure;  // BODYSTRUCTURE
  bool provisional = true;     // upstream's words; false: parsed from the bytes here
};
/// The parts of a Summary as views into a stored record.
struct SummaryView {
  std::string_view envelope;
  std::string_view body;
  std::string_view body_structure;
};
Result<SummaryView> decode_summary(std::string_view record);
/// Adds the stored form of `summary` to `batch`: its record, and the searchable text of its fields.
void put_summary(Batch* batch, AccountId account, MessageId message, const Summary& summary);

/// Identity of a message for finding it again at another UID (design: identity).
struct Digest {
  std::string message_id;  // normalised, or empty
  std::uint64_t header_hash[2] = {0, 0};
  std::uint64_t size = 0;
  bool operator==(const Digest&) const = default;
};

/// Takes a message's bytes in chunks and turns them into what is stored: body chunks, header block,
/// section offsets, summary, search text. Pure work without I/O of its own: run feed() and finish()
/// on a worker when there is much to do; never two calls at once.
///
/// Lifetime: made by Account; destroyed without finish() and a commit, what it had stored is
/// erased. May outlive the account.
class ContentWriter {
 public:
  virtual ~ContentWriter() = default;

  virtual MessageId message() const = 0;
  /// Adds the next bytes. What is complete waits in the batch.
  virtual void feed(std::string_view bytes) = 0;
  virtual void finish() = 0;
  /// Bytes that wait to be stored: above some 256 KiB the owner awaits store() before it feeds
  /// more.
  virtual std::size_t pending_bytes() const = 0;
  /// Commits what waits (kOrdered) so that memory stays small. From the account's loop.
  virtual Task<Result<>> store() = 0;

  // After finish():
  virtual std::uint64_t size() const = 0;
  virtual const Digest& digest() const = 0;

  // For Account alone, which commits the rest in one batch with the row that refers to it:
  /// All that is not stored yet, the message record (body, text, used now) and the removal of the
  /// staging mark with it. REQUIRES: finish().
  virtual Batch take_rest() = 0;
  /// The rest is durable: the writer calls `dropped` no more.
  virtual void keep() = 0;
};

/// Makes the writer of `message`. Its first store() sets the staging mark (keys::staging), so that
/// a crash before the last commit leaves nothing behind; only chunks of body and text are stored
/// ahead, records are part of take_rest(). store() commits to a stream of its own, so that a
/// failure there is the writer's alone. `dropped` is called by the destructor, unless keep() was.
std::unique_ptr<ContentWriter> make_content_writer(Store* store, Executor* executor,
                                                   AccountId account, MessageId message,
                                                   std::function<void(MessageId)> dropped);

/// Reads content.
///
/// Thread: any; may wait for the disk, so on a worker. A value that is cheap to copy.
class MessageReader {
 public:
  MessageReader(Store* store, AccountId account) : store_(store), account_(account) {}

  /// Calls `each(index, record)` for every id that has a summary. One range scan when the ids are
  /// ascending and dense, as they are after a first sync. Ends early when `each` returns false.
  Result<> summaries(std::span<const MessageId> ids,
                     const std::function<bool(std::size_t, const SummaryView&)>& each) const;
  /// The header block (with its empty line) and the section map of the message (mime::SectionMap).
  struct Header {
    std::string block;
    std::string sections;
  };
  Result<> headers(std::span<const MessageId> ids,
                   const std::function<bool(std::size_t, std::string_view block,
                                            std::string_view sections)>& each) const;
  Result<Header> header(MessageId id) const;
  /// Appends bytes [offset, offset + length) of the message, fewer at its end.
  Result<> body(MessageId id, std::uint64_t offset, std::uint64_t length, std::string* out) const;
  Result<std::uint64_t> body_size(MessageId id) const;
  Result<Digest> digest(MessageId id) const;

 private:
  Store* store_;
  AccountId account_;
};

}  // namespace cache
