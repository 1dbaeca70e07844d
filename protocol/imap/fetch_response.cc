#include "protocol/imap/fetch_response.h"

#include "base/check.h"

namespace imap {
namespace {

void encode_data(FetchWriter* fetch, const FetchedData& data) {
  FetchItem item = FetchItem::body(data.section, false);
  if (data.origin) item.partial = Partial{*data.origin, 1};
  if (data.form == FetchedData::Form::kInline) {
    fetch->data(item, data.bytes);
  } else {
    fetch->nil_data(item);
  }
}

// Items that only some servers send; ours does not.
void encode_gmail_items(Writer& writer, bool first_item, const FetchResponse& response) {
  const auto put = [&](std::string_view name, const std::optional<std::uint64_t>& value) {
    if (!value) return;
    writer.separate(first_item);
    writer.raw(name);
    writer.number(*value);
  };
  put("X-GM-MSGID ", response.gmail_message_id);
  put("X-GM-THRID ", response.gmail_thread_id);
  if (!response.gmail_labels) return;
  writer.separate(first_item);
  writer.raw("X-GM-LABELS (");
  bool first = true;
  for (const std::string& label : *response.gmail_labels) {
    writer.separate(first);
    writer.astring(label);
  }
  writer.close();
}

}  // namespace

FetchWriter::FetchWriter(std::string* out, SequenceNumber sequence) : out_(*out) {
  out_.append("* ");
  append_number(out_, sequence.value());
  out_.append(" FETCH (");
}

void FetchWriter::begin_item(std::string_view name) {
  if (!first_) out_.push_back(' ');
  first_ = false;
  out_.append(name);
}

void FetchWriter::uid(Uid uid) {
  begin_item("UID ");
  append_number(out_, uid.value());
}

void FetchWriter::flags(SystemFlags flags, std::string_view keywords, bool recent) {
  begin_item("FLAGS (");
  const std::size_t begin = out_.size();
  append_system_flags(out_, flags);
  if (recent) out_.append(out_.size() == begin ? "\\Recent" : " \\Recent");
  if (out_.size() != begin && !keywords.empty()) out_.push_back(' ');
  out_.append(keywords);
  out_.push_back(')');
}

void FetchWriter::flags(const FlagList& flags) {
  begin_item("FLAGS ");
  Writer writer(out_);
  encode_flag_list(writer, flags);
}

void FetchWriter::internal_date(const DateTime& time) {
  begin_item("INTERNALDATE \"");
  append_date_time(out_, time);
  out_.push_back('"');
}

void FetchWriter::size(std::uint64_t size_bytes) {
  begin_item("RFC822.SIZE ");
  append_number(out_, size_bytes);
}

void FetchWriter::mod_seq(ModSeq mod_seq) {
  begin_item("MODSEQ (");
  append_number(out_, mod_seq.value());
  out_.push_back(')');
}

void FetchWriter::envelope(std::string_view wire) {
  begin_item("ENVELOPE ");
  out_.append(wire);
}

void FetchWriter::body(std::string_view wire) {
  begin_item("BODY ");
  out_.append(wire);
}

void FetchWriter::body_structure(std::string_view wire) {
  begin_item("BODYSTRUCTURE ");
  out_.append(wire);
}

void FetchWriter::email_id(std::string_view id) {
  begin_item("EMAILID (");
  out_.append(id);
  out_.push_back(')');
}

void FetchWriter::thread_id(std::string_view id) {
  if (id.empty()) return begin_item("THREADID NIL");
  begin_item("THREADID (");
  out_.append(id);
  out_.push_back(')');
}

void FetchWriter::begin_data(const FetchItem& item) {
  begin_item(name_of(item.kind));
  if (item.kind == FetchKind::kBodySection) {
    Writer writer(out_);
    encode_section(writer, item.section);
    // RFC 3501 7.4.2: a partial is answered with its origin alone.
    if (item.partial) {
      out_.push_back('<');
      append_number(out_, item.partial->offset_bytes);
      out_.push_back('>');
    }
  } else {
    CHECK(item.kind == FetchKind::kRfc822 || item.kind == FetchKind::kRfc822Header ||
          item.kind == FetchKind::kRfc822Text);
  }
  out_.push_back(' ');
}

void FetchWriter::data(const FetchItem& item, std::string_view bytes) {
  literal_header(item, bytes.size());
  out_.append(bytes);
}

void FetchWriter::nil_data(const FetchItem& item) {
  begin_data(item);
  out_.append("NIL");
}

void FetchWriter::literal_header(const FetchItem& item, std::uint64_t size_bytes) {
  begin_data(item);
  out_.push_back('{');
  append_number(out_, size_bytes);
  out_.append("}\r\n");
}

void FetchWriter::finish() {
  CHECK(!first_);
  out_.append(")\r\n");
}

void encode_response(Writer& writer, const FetchResponse& response) {
  std::string wire;
  const std::size_t line = writer.out().size();
  FetchWriter fetch(&writer.out(), response.sequence);
  const std::size_t begin = writer.out().size();
  if (response.uid) fetch.uid(*response.uid);
  if (response.flags) fetch.flags(*response.flags);
  if (response.internal_date) fetch.internal_date(*response.internal_date);
  if (response.size_bytes) fetch.size(*response.size_bytes);
  if (response.mod_seq) fetch.mod_seq(*response.mod_seq);
  if (response.email_id) fetch.email_id(*response.email_id);
  if (response.thread_id) fetch.thread_id(*response.thread_id);
  if (response.envelope) {
    encode_envelope(*response.envelope, &wire);
    fetch.envelope(wire);
  }
  if (response.body) {
    wire.clear();
    encode_body_structure(*response.body, &wire);
    fetch.body_structure(wire);
  }
  for (const FetchedData& data : response.data) encode_data(&fetch, data);
  encode_gmail_items(writer, writer.out().size() == begin, response);
  if (writer.out().size() == begin) return writer.out().resize(line);
  writer.raw(")\r\n");
}

}  // namespace imap
