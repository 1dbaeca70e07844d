#include "protocol/imap/response_decoder_fetch.h"

#include <array>
#include <limits>

#include "protocol/imap/characters.h"
#include "protocol/imap/lexer.h"
#include "protocol/imap/number.h"
#include "protocol/imap/response_decoder_body.h"

namespace imap {
namespace {

// kBodySection stands for all that gives FetchedData.
constexpr std::array kItems = {
    std::pair{std::string_view("UID"), FetchKind::kUid},
    std::pair{std::string_view("FLAGS"), FetchKind::kFlags},
    std::pair{std::string_view("INTERNALDATE"), FetchKind::kInternalDate},
    std::pair{std::string_view("RFC822.SIZE"), FetchKind::kRfc822Size},
    std::pair{std::string_view("ENVELOPE"), FetchKind::kEnvelope},
    std::pair{std::string_view("BODYSTRUCTURE"), FetchKind::kBodyStructure},
    std::pair{std::string_view("BODY"), FetchKind::kBody},
    std::pair{std::string_view("MODSEQ"), FetchKind::kModSeq},
    std::pair{std::string_view("EMAILID"), FetchKind::kEmailId},
    std::pair{std::string_view("THREADID"), FetchKind::kThreadId},
    std::pair{std::string_view("X-GM-MSGID"), FetchKind::kGmailMessageId},
    std::pair{std::string_view("X-GM-THRID"), FetchKind::kGmailThreadId},
    std::pair{std::string_view("X-GM-LABELS"), FetchKind::kGmailLabels},
    std::pair{std::string_view("RFC822"), FetchKind::kBodySection},
    std::pair{std::string_view("RFC822.HEADER"), FetchKind::kBodySection},
    std::pair{std::string_view("RFC822.TEXT"), FetchKind::kBodySection},
};

bool is_body_section(std::string_view name) {
  const std::size_t bracket = name.find('[');
  return bracket != std::string_view::npos &&
         (equals_ignoring_case(name.substr(0, bracket), "BODY") ||
          equals_ignoring_case(name.substr(0, bracket), "BODY.PEEK"));
}

std::optional<FetchKind> kind_of(Value value) {
  if (!value.is_atom()) return std::nullopt;
  for (const auto& [name, kind] : kItems) {
    if (equals_ignoring_case(value.raw(), name)) return kind;
  }
  if (is_body_section(value.raw())) return FetchKind::kBodySection;
  return std::nullopt;
}

// The value that belongs to an item; absent when the next item stands in its place (iCloud,
// Yandex: BODY[] without a value).
Value take_value(Values* items) {
  if (kind_of(items->peek())) return {};
  return items->take();
}

// What "BODY[1.HEADER]<0>" or "RFC822" names; nothing when it cannot be read.
std::optional<FetchedData> read_data_name(std::string_view name) {
  FetchedData data;
  if (equals_ignoring_case(name, "RFC822")) return data;
  data.section.text =
      equals_ignoring_case(name, "RFC822.HEADER") ? SectionText::kHeader : SectionText::kText;
  const std::size_t bracket = name.find('[');
  if (bracket == std::string_view::npos) return data;
  Lexer lexer(name.substr(bracket), {.dialect = Dialect::kTolerant});
  auto section = decode_section(lexer);
  if (!section) return std::nullopt;
  data.section = std::move(*section);
  auto origin = decode_origin(lexer);
  if (!origin || !lexer.at_end()) return std::nullopt;
  data.origin = *origin;
  return data;
}

// Goes through the items of one FETCH.
class FetchReader {
 public:
  FetchReader(const DecodingContext& context, FetchResponse* response)
      : context_(context), response_(*response) {}

  void read(Values items, bool nested = false) {
    while (!items.done()) {
      const Value name = items.take();
      if (name.is_list() && !nested && kind_of(name.children().peek())) {
        read(name.children(), true);  // Domino: (UID 1 (ENVELOPE (…)))
      } else if (const auto kind = kind_of(name)) {
        const Value value = take_value(&items);
        if (!read_item(name, *kind, value)) response_.damaged = true;
      } else if (name.is_atom()) {
        take_value(&items);
      } else {
        response_.damaged = true;
      }
    }
  }

 private:
  // False when the value is not one of the item's.
  bool read_item(Value name, FetchKind kind, Value value) {
    switch (kind) {
      case FetchKind::kUid: {
        const std::uint32_t uid = read_exact_number(value).value_or(0);
        if (uid != 0) response_.uid = Uid(uid);
        return uid != 0;
      }
      case FetchKind::kFlags:
        if (!value.is_list() && value.kind() != ValueKind::kNil) return false;
        response_.flags = read_flags(value);
        return true;
      case FetchKind::kInternalDate:
        // "00-Jan-0000" (Domino) is no date.
        response_.internal_date = parse_date_time_tolerant(value.bytes());
        return response_.internal_date.has_value();
      case FetchKind::kRfc822Size:
        response_.size_bytes = value.number();
        return response_.size_bytes.has_value();
      case FetchKind::kModSeq:
        response_.mod_seq = read_mod_seq(value);
        return true;
      case FetchKind::kEnvelope:
        if (value.children().done()) return false;
        response_.envelope = read_envelope(value);
        return true;
      case FetchKind::kBody:
      case FetchKind::kBodyStructure:
        return read_structure(kind, value);
      case FetchKind::kBodySection:
        return read_data(name, value);
      case FetchKind::kEmailId:
        response_.email_id = read_object_id(value);
        return true;
      case FetchKind::kThreadId:
        response_.thread_id = read_object_id(value);
        return true;
      case FetchKind::kGmailMessageId:
        response_.gmail_message_id = read_gmail_id(value);
        return response_.gmail_message_id.has_value();
      case FetchKind::kGmailThreadId:
        response_.gmail_thread_id = read_gmail_id(value);
        return response_.gmail_thread_id.has_value();
      case FetchKind::kGmailLabels:
        return read_labels(value);
      default:
        return true;
    }
  }

  bool read_structure(FetchKind kind, Value value) {
    if (value.children().done()) return false;
    const bool extended = kind == FetchKind::kBodyStructure;
    if (extended || !has_extended_body_) response_.body = read_body(value);
    has_extended_body_ = has_extended_body_ || extended;
    return true;
  }

  bool read_data(Value name, Value value) {
    auto data = read_data_name(name.raw());
    if (!data || response_.data.size() >= context_.max_items) return false;
    if (value.is_streamed()) {
      data->form = FetchedData::Form::kStreamed;
      data->streamed_index = value.streamed_index();
      data->size_bytes = context_.streamed[data->streamed_index].size_bytes;
    } else if (value.is_string()) {
      data->form = FetchedData::Form::kInline;
      data->bytes = value.bytes();
      data->size_bytes = data->bytes.size();
    }
    const bool understood = data->form != FetchedData::Form::kNil || value.is_nil();
    response_.data.push_back(std::move(*data));
    return understood;
  }

  static std::optional<std::uint64_t> read_gmail_id(Value value) {
    return parse_number(value.raw(), std::numeric_limits<std::uint64_t>::max());
  }

  bool read_labels(Value value) {
    if (!value.is_list() && value.kind() != ValueKind::kNil) return false;
    auto& labels = response_.gmail_labels.emplace();
    Values items = value.children();
    while (!items.done() && labels.size() < context_.max_items) {
      const Value label = items.take();
      // A label may be called NIL.
      labels.push_back(label.kind() == ValueKind::kNil ? std::string(label.raw()) : label.bytes());
    }
    return true;
  }

  const DecodingContext& context_;
  FetchResponse& response_;
  bool has_extended_body_ = false;
};

}  // namespace

void read_fetch(Values values, const DecodingContext& context, FetchResponse* response) {
  FetchReader reader(context, response);
  if (values.peek().is_list()) reader.read(values.take().children());
  // No parentheses, or one that closed too early.
  reader.read(values);
}

std::optional<PendingFetchData> read_pending_data(Values values, const DecodingContext& context) {
  PendingFetchData pending;
  Values items = values.peek().is_list() ? values.peek().children() : values;
  while (!items.done()) {
    const Value name = items.take();
    const auto kind = kind_of(name);
    if (!kind && !name.is_atom()) continue;
    const Value value = take_value(&items);
    if (kind == FetchKind::kUid) {
      const std::uint32_t uid = read_exact_number(value).value_or(0);
      if (uid != 0) pending.uid = Uid(uid);
    }
    const bool is_last =
        value.kind() == ValueKind::kString && items.done() && value.offset() == context.line.size();
    if (!is_last || kind != FetchKind::kBodySection) continue;
    auto data = read_data_name(name.raw());
    if (!data) return std::nullopt;
    pending.section = std::move(data->section);
    pending.origin = data->origin;
    return pending;
  }
  return std::nullopt;
}

}  // namespace imap
