// FETCH responses: what a server says of one message. RFC 3501 7.4.2 and extensions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/imap/body_structure.h"
#include "protocol/imap/date.h"
#include "protocol/imap/envelope.h"
#include "protocol/imap/fetch_item.h"
#include "protocol/imap/flags.h"
#include "protocol/imap/ids.h"
#include "protocol/imap/section.h"
#include "protocol/imap/writer.h"

namespace imap {

/// Bytes of a message: BODY[section]<origin>, RFC822 ("BODY[]"), RFC822.HEADER ("BODY[HEADER]") or
/// RFC822.TEXT ("BODY[TEXT]").
struct FetchedData {
  enum class Form : std::uint8_t {
    kNil,       // there is no such part, or the server did not say (iCloud, Yandex): fetch again
    kInline,    // in `bytes`
    kStreamed,  // went elsewhere as Frame::streamed[streamed_index]
  };
  Section section;
  std::optional<std::uint64_t> origin;  // "<origin>": the bytes begin there
  Form form = Form::kNil;
  std::string bytes;
  std::size_t streamed_index = 0;
  std::uint64_t size_bytes = 0;  // of kInline and kStreamed

  friend bool operator==(const FetchedData&, const FetchedData&) = default;
};

/// One FETCH response. Items that were not there, or made no sense, are missing.
struct FetchResponse {
  SequenceNumber sequence;  // set. Exchange mixes them up: trust `uid` where it is there
  std::optional<Uid> uid;
  std::optional<FlagList> flags;
  std::optional<DateTime> internal_date;
  std::optional<std::uint64_t> size_bytes;  // RFC822.SIZE: some servers estimate it
  std::optional<ModSeq> mod_seq;            // RFC 7162 3.1.4.2
  std::optional<Envelope> envelope;
  std::optional<BodyStructure> body;  // BODYSTRUCTURE, or BODY where only that came
  std::vector<FetchedData> data;
  std::optional<std::string> email_id;                   // RFC 8474 5.1
  std::optional<std::string> thread_id;                  // RFC 8474 5.2; NIL counts as missing
  std::optional<std::uint64_t> gmail_message_id;         // X-GM-MSGID
  std::optional<std::uint64_t> gmail_thread_id;          // X-GM-THRID
  std::optional<std::vector<std::string>> gmail_labels;  // X-GM-LABELS, as written
  bool damaged = false;                                  // an item was there and could not be read

  friend bool operator==(const FetchResponse&, const FetchResponse&) = default;
};

/// Writes the whole line, all data as literals, streamed data as NIL; nothing without any item. A
/// server that sends stored wire forms or streams uses FetchWriter.
void encode_response(Writer& writer, const FetchResponse& response);

/// A literal that is about to come and belongs to FetchedData: worth streaming.
struct PendingFetchData {
  SequenceNumber sequence;
  std::optional<Uid> uid;  // if it came before the literal
  Section section;
  std::optional<std::uint64_t> origin;

  friend bool operator==(const PendingFetchData&, const PendingFetchData&) = default;
};

/// Writes one FETCH response, item by item, to a string of the caller's; allocates nothing itself.
///
///   FetchWriter fetch(&out, SequenceNumber(1));
///   fetch.uid(uid);
///   fetch.envelope(cached_wire_form);
///   fetch.literal_header(item, size);   // now the caller sends `size` bytes
///   fetch.finish();
///
/// Thread:   one.
/// Lifetime: borrows the string, which the caller may empty between two calls once it is sent.
class FetchWriter {
 public:
  FetchWriter(std::string* out, SequenceNumber sequence);

  void uid(Uid uid);
  /// `keywords`: ready for the wire ("$Forwarded work"), or empty.
  void flags(SystemFlags flags, std::string_view keywords, bool recent = false);
  void flags(const FlagList& flags);
  void internal_date(const DateTime& time);
  void size(std::uint64_t size_bytes);
  void mod_seq(ModSeq mod_seq);
  /// The wire form, as encode_envelope() made it; so for body() and body_structure().
  void envelope(std::string_view wire);
  void body(std::string_view wire);
  void body_structure(std::string_view wire);
  void email_id(std::string_view id);
  /// NIL for an empty id.
  void thread_id(std::string_view id);

  /// Answers BODY[...], RFC822, RFC822.HEADER or RFC822.TEXT under the name by which it was asked
  /// for. REQUIRES: `item` is of such a kind.
  void data(const FetchItem& item, std::string_view bytes);
  void nil_data(const FetchItem& item);
  /// Writes the literal's header; the caller sends the bytes before the next call.
  void literal_header(const FetchItem& item, std::uint64_t size_bytes);

  /// Ends the line. REQUIRES: at least one item.
  void finish();

 private:
  void begin_item(std::string_view name);
  void begin_data(const FetchItem& item);

  std::string& out_;
  bool first_ = true;
};

}  // namespace imap
